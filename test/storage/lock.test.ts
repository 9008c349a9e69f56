// T-LOCK and files: one owner at a time, by whatever path; a dead owner's lock is free at once; modes; read only.
import { spawn } from 'node:child_process'
import { chmod, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import type { LogwoodError } from '../../lib/errors.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: LogwoodError) => error.code
  )
}

test('the second owner in this process gets LOCKED at once, by any path', async (t) => {
  const dir = await t.tmp()
  await symlink(dir, `${dir}-link`)
  const files = await LogFiles.open(dir)
  t.is(await codeOf(LogFiles.open(dir)), 'LOCKED')
  t.is(await codeOf(LogFiles.open(`${dir}/../${dir.split('/').at(-1)}`)), 'LOCKED')
  t.is(await codeOf(LogFiles.open(`${dir}-link`)), 'LOCKED')
  await t.exception(LogFiles.open(dir), new RegExp(`process ${process.pid}`))
  await files.close()
  await (await LogFiles.open(`${dir}-link`)).close()
})

test('a child process holds the lock until it is killed', async (t) => {
  const dir = await t.tmp()
  const module = fileURLToPath(new URL('../../lib/storage/log-files.js', import.meta.url))
  const script = `import(${JSON.stringify(module)}).then(async ({ LogFiles }) => {
    await LogFiles.open(${JSON.stringify(dir)}); console.log('held'); setInterval(() => {}, 1000) })`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  await t.exception(LogFiles.open(dir), new RegExp(`process ${child.pid}`))
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
  const files = await LogFiles.open(dir)
  t.pass('taken over')
  const races = await Promise.all([codeOf(LogFiles.open(dir)), codeOf(LogFiles.open(dir))])
  t.alike(races, ['LOCKED', 'LOCKED'])
  await files.close()
})

test('a lock of another host, and of a process number in use again', async (t) => {
  const dir = await t.tmp()
  const files = await LogFiles.open(dir)
  const own = JSON.parse(await readFile(`${dir}/lock`, 'utf-8')) as Record<string, unknown>
  await files.close()
  await writeFile(`${dir}/lock`, JSON.stringify({ ...own, host: 'elsewhere' }))
  await t.exception(LogFiles.open(dir), /elsewhere/)
  if (own['started'] === '') t.comment('skipped: this system does not tell start times')
  else await writeFile(`${dir}/lock`, JSON.stringify({ ...own, started: '1' }))
  if (own['started'] !== '') await (await LogFiles.open(dir)).close()
  await writeFile(`${dir}/lock`, '')
  await (await LogFiles.open(dir)).close()
  t.pass('a torn lock is nobody’s')
})

test('modes at creation', async (t) => {
  const dir = `${await t.tmp()}/a/b`
  const before = process.umask(0)
  const core = await Core.open(await LogFiles.open(dir))
  process.umask(before)
  t.is((await stat(dir)).mode & 0o777, 0o700)
  for (const name of ['oplog', 'secret', 'blocks', 'lock']) {
    t.is((await stat(`${dir}/${name}`)).mode & 0o777, 0o600, name)
  }
  await core.close()
})

test('missing and empty directories', async (t) => {
  const dir = await t.tmp()
  t.is(await codeOf(LogFiles.open(`${dir}/none`, { createIfMissing: false })), 'NOT_FOUND')
  t.is(await codeOf(LogFiles.open(dir, { createIfMissing: false })), 'NOT_FOUND')
  t.is(await codeOf(LogFiles.open(dir, { readOnly: true })), 'NOT_FOUND')
})

test('read only: beside the owner, and in a directory without the right to write', async (t) => {
  const dir = `${await t.tmp()}/log`
  await mkdir(dir)
  const core = await Core.open(await LogFiles.open(dir))
  await core.append([new Uint8Array([1]), new Uint8Array([2])])
  const reader = await Core.open(await LogFiles.open(dir, { readOnly: true }))
  t.alike([reader.length, (await reader.read(1))?.[0], reader.writable], [2, 2, false])
  t.is(await codeOf(reader.append([new Uint8Array(1)])), 'NOT_WRITABLE')
  await reader.close()
  await core.close()
  if (process.getuid?.() === 0) return t.comment('skipped: root may write everywhere')
  await chmod(dir, 0o500)
  const readOnly = await Core.open(await LogFiles.open(dir))
  t.alike([readOnly.readOnly, readOnly.length], [true, 2])
  await readOnly.close()
  await chmod(dir, 0o700)
})
