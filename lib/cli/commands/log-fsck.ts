// logwood fsck: audits the log in a directory, or those one level below it, and repairs them if asked. Its exit codes
// are its own: 0 sound, 1 repaired, 2 damage left. Another process may have the logs open, unless they are repaired.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type AuditReport, type Finding, Log, LogwoodError, StorageError } from '../../index.ts'
import { parseKey, UsageError } from '../arguments.ts'
import type { Command, Context } from '../command.ts'

const SOUND = 0
const REPAIRED = 1
const DAMAGED = 2

export const logFsck: Command = {
  name: 'fsck',
  synopsis: 'fsck DIR [--deep] [--repair] [--strict] [--key KEY]',
  help: `Looks for damage in the log in DIR, or in all logs in the directories of DIR: every checksum, the hashes of the
tree, the signature of the head, the rights of the files; with --deep, every block.
It changes nothing unless --repair is given; then damaged bytes are kept in the directory "damaged" of the log.
What cannot be repaired here comes back from peers: "logwood fetch DIR --tcp HOST:PORT".
Exit codes: 0 sound, 1 damaged and repaired, 2 damage left.`,
  example: 'logwood fsck ./diary --deep',
  words: [1, 1],
  options: {
    deep: { type: 'boolean', help: 'hash all blocks, too' },
    repair: { type: 'boolean', help: 'put right what can be put right' },
    strict: { type: 'boolean', help: 'files that others may read count as damage' },
    key: {
      type: 'string',
      value: 'KEY',
      help: 'of one log, where its files do not tell it any more'
    }
  },
  run: fsck
}

interface Wishes {
  readonly deep: boolean
  readonly repair: boolean
  readonly strict: boolean
  readonly key: Uint8Array | null
  readonly signal: AbortSignal
}

async function fsck({ args, output, signal }: Context): Promise<number> {
  const key = args.text('key')
  const wishes: Wishes = {
    deep: args.flag('deep'),
    repair: args.flag('repair'),
    strict: args.flag('strict'),
    key: key === undefined ? null : parseKey(key),
    signal
  }
  const directories = logsIn(args.directory())
  if (wishes.key !== null && directories.length > 1) throw new UsageError('--key is for one log')
  let worst = SOUND
  for (const directory of directories) {
    const { code, findings, repaired } = await check(directory, wishes)
    worst = Math.max(worst, code)
    for (const finding of repaired) await output.result(...lineOf(directory, finding, 'repaired'))
    for (const finding of findings) await output.result(...lineOf(directory, finding, 'found'))
    const state = ['sound', 'repaired', 'damaged'][code] ?? 'damaged'
    await output.result(`${directory}: ${state}`, { directory, state })
  }
  return worst
}

/** DIR itself, or the directories in it that hold logs. @throws StorageError NOT_FOUND */
function logsIn(directory: string): string[] {
  if (isLog(directory)) return [directory]
  const names = existsSync(directory) ? readdirSync(directory) : []
  const found = names.map((name) => join(directory, name)).filter(isLog)
  if (found.length > 0) return found.sort()
  throw new StorageError('NOT_FOUND', `There is no log in ${directory}`)
}

function isLog(directory: string): boolean {
  return ['oplog', 'nodes', 'presence'].some((name) => existsSync(join(directory, name)))
}

interface Outcome {
  readonly code: number
  readonly findings: readonly Finding[]
  readonly repaired: readonly Finding[]
}

async function check(directory: string, wishes: Wishes): Promise<Outcome> {
  const before = await audit(directory, wishes)
  if (codeOf(before, wishes) === SOUND || !wishes.repair) {
    return { code: codeOf(before, wishes), findings: before, repaired: [] }
  }
  const { signal, key } = wishes
  const didNotOpen = before.some(({ remedy }) => remedy === SALVAGE)
  if (didNotOpen) {
    await Log.salvage(directory, key === null ? { signal } : { signal, key })
  }
  await using log = await Log.open(directory, { createIfMissing: false })
  const report = await log.repair({ signal })
  const left = report.left.filter(({ severity }) => severity === 'damage')
  const lost =
    didNotOpen || report.lost.length > 0 || before.some(({ kind }) => kind === 'entries-lost')
  const gone = before.filter((each) => !left.some((other) => isSame(each, other)))
  const code = left.length > 0 || lost || log.behind !== null ? DAMAGED : REPAIRED
  return {
    code,
    findings: report.left,
    repaired: gone.filter(({ severity }) => severity === 'damage')
  }
}

const SALVAGE = 'repair it with --repair, which moves aside what cannot be read'

/** What is wrong; a log that does not open is one finding. */
async function audit(
  directory: string,
  { deep, key, signal }: Wishes
): Promise<readonly Finding[]> {
  try {
    const which = key === null ? {} : { key }
    await using log = await Log.open(directory, { ...which, readOnly: true })
    const report: AuditReport = await log.audit({ deep, signal })
    return report.findings
  } catch (error) {
    const isDamage = error instanceof LogwoodError && ['CORRUPT', 'NOT_FOUND'].includes(error.code)
    if (!isDamage) throw error
    const place = { file: error.message.split(' ')[0] ?? '', byteOffset: 0, byteLength: 0 }
    const kind = 'unreadable'
    const { message } = error
    return [{ kind, severity: 'damage', ...place, index: null, message, remedy: SALVAGE }]
  }
}

function codeOf(findings: readonly Finding[], { strict }: Wishes): number {
  const counts = ({ severity, kind }: Finding): boolean =>
    severity === 'damage' || (strict && kind === 'rights')
  return findings.some(counts) ? DAMAGED : SOUND
}

function isSame(a: Finding, b: Finding): boolean {
  return a.kind === b.kind && a.file === b.file && a.byteOffset === b.byteOffset
}

function lineOf(
  directory: string,
  { kind, severity, file, byteOffset, index, message, remedy }: Finding,
  state: 'found' | 'repaired'
): [string, Record<string, string | number | null>] {
  const text = state === 'repaired' ? `repaired: ${message}` : `${severity}: ${message}; ${remedy}`
  const record = { directory, state, kind, severity, file, byteOffset, index, message, remedy }
  return [`${directory}/${file} at byte ${byteOffset}: ${text}`, record]
}
