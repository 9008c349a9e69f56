// T-RO by rights: a log whose files, or whose directory, somebody may read but not write opens read only for them, gives
// its blocks, refuses every change, and no byte is changed. As root, that somebody is another user, in a child process;
// a mount that is read only is the matter of full.real.test.ts.
import { spawnSync } from 'node:child_process'
import { chmod, cp, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import type { Said } from './read-only-child.ts'

const CHILD = fileURLToPath(new URL('./read-only-child.js', import.meta.url))
const NOBODY = 65_534
const IS_ROOT = process.getuid?.() === 0

/** As another user if we are root, who may write everywhere. */
function runAsReader(args: readonly string[]): ReturnType<typeof spawnSync> {
  const user = IS_ROOT ? { uid: NOBODY, gid: NOBODY } : {}
  return spawnSync(process.execPath, args, {
    encoding: 'utf-8',
    cwd: '/',
    timeout: 60_000,
    ...user
  })
}

async function contentOf(directory: string): Promise<Record<string, string>> {
  const content: Record<string, string> = {}
  for (const name of (await readdir(directory)).sort()) {
    const path = join(directory, name)
    const { mode, mtimeMs } = await stat(path)
    content[name] = `${mode} ${mtimeMs} ${(await readFile(path)).toString('base64')}`
  }
  return content
}

async function setModes(directory: string, modes: Modes): Promise<void> {
  for (const name of await readdir(directory)) {
    await chmod(join(directory, name), name === 'secret' ? modes.secret : modes.file)
  }
  await chmod(directory, modes.directory)
}

interface Modes {
  readonly directory: number
  readonly file: number
  readonly secret: number
}

const CASES: Record<string, Modes> = {
  'neither directory nor files': { directory: 0o555, file: 0o444, secret: 0o444 },
  'the files alone': { directory: 0o777, file: 0o444, secret: 0o444 },
  'and the secret not even read': { directory: 0o555, file: 0o444, secret: 0o000 }
}

test('T-RO: files that may not be written', { timeout: 120_000 }, async (t) => {
  if (process.platform === 'win32') return t.comment('skipped: there are no such modes')
  const probe = runAsReader(['-e', `require('node:fs').readFileSync(${JSON.stringify(CHILD)})`])
  if (probe.status !== 0) {
    return t.comment(`skipped: no process of another user here: ${probe.error ?? probe.stderr}`)
  }
  // Not t.tmp(): another user must get there.
  const base = await mkdtemp(join(tmpdir(), 'logwood-read-only-'))
  t.teardown(() => rm(base, { recursive: true, force: true }))
  await chmod(base, 0o755)
  const blocks = Array.from({ length: 5 }, (_, i) => new Uint8Array(30).fill(i))
  const core = await Core.open(await LogFiles.open(join(base, 'log')))
  await core.append(blocks)
  await core.flush()
  // As a killed owner leaves it, with entries to replay, and as it is after it was closed.
  await cp(join(base, 'log'), join(base, 'killed'), { recursive: true })
  await rm(join(base, 'killed', 'lock'))
  await core.close()
  for (const name of ['log', 'killed']) {
    const directory = join(base, name)
    for (const [what, modes] of Object.entries(CASES)) {
      await setModes(directory, modes)
      const before = IS_ROOT || modes.secret !== 0 ? await contentOf(directory) : null
      const { status, stdout, stderr } = runAsReader([CHILD, directory])
      t.is(status, 0, `${name}, ${what}: ${String(stderr).slice(0, 600)}`)
      if (status !== 0) continue
      const said = JSON.parse(String(stdout)) as Said
      t.alike([said.readOnly, said.writable], [true, false], 'it opens read only')
      t.alike(
        said.blocks,
        blocks.map((block) => Buffer.from(block).toString('hex')),
        'it is read'
      )
      t.alike(said.refusals, ['NOT_WRITABLE', 'NOT_WRITABLE', 'NOT_WRITABLE'])
      if (before !== null) t.alike(await contentOf(directory), before, 'nothing is changed')
      await chmod(directory, 0o700)
    }
  }
})
