// What there is to say about a log's directory besides the content of its files: who may read it, who holds it,
// what else lies in it. Only reads. For audits; design: reliability.md sections 7 and 14.
import { lstat, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface DirectorySurvey {
  /** Names of files whose rights are wider than 0600, 0700 for the directory (".") and `damaged`. */
  readonly wide: readonly { readonly name: string; readonly mode: string }[]
  /** Files of the log that are symbolic links, and so may be anybody's. */
  readonly links: readonly string[]
  /** Names that are none of the log's. */
  readonly foreign: readonly string[]
  readonly missing: readonly string[]
  /** Null: there is none. */
  readonly lock: { readonly isReadable: boolean; readonly pid: number | null } | null
}

const FILES: readonly string[] = ['oplog', 'blocks', 'nodes', 'presence', 'secret']
/** Kept by the log beside its files. */
const OTHERS = /^(lock(\..*\.tmp)?|damaged|forks?|conflicts?)$/
/** Those that tell more than the data of the log itself. */
const PRIVATE: readonly string[] = ['.', 'secret', 'damaged']

export async function surveyDirectory(directory: string): Promise<DirectorySurvey> {
  const names = await readdir(directory)
  const wide: { name: string; mode: string }[] = []
  const links: string[] = []
  for (const name of ['.', ...names]) {
    const stat = await lstat(join(directory, name)).catch(() => null)
    if (stat === null) continue
    if (stat.isSymbolicLink() && FILES.includes(name)) links.push(name)
    const mode = stat.mode & 0o777
    if (process.platform !== 'win32' && PRIVATE.includes(name) && (mode & 0o077) !== 0) {
      wide.push({ name, mode: mode.toString(8).padStart(4, '0') })
    }
  }
  return {
    wide,
    links,
    foreign: names.filter((name) => !FILES.includes(name) && !OTHERS.test(name)),
    missing: FILES.filter((name) => !names.includes(name)),
    lock: names.includes('lock') ? await lockIn(directory) : null
  }
}

async function lockIn(directory: string): Promise<DirectorySurvey['lock']> {
  const text = await readFile(join(directory, 'lock'), 'utf-8').catch(() => null)
  if (text === null) return null
  try {
    const { pid } = JSON.parse(text) as { pid?: unknown }
    return { isReadable: typeof pid === 'number', pid: typeof pid === 'number' ? pid : null }
  } catch {
    return { isReadable: false, pid: null }
  }
}
