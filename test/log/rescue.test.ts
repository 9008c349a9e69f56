// Audit, repair and salvage as users call them: beside a writer, on logs open elsewhere, with a peer connected; what
// is kept in `damaged`; who may read the files of a log; what objects show of themselves.
import { chmod, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { type Assertions, test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import { ArgumentError, type LogwoodError, StateError, StorageError } from '../../lib/errors.ts'
import { Log } from '../../lib/log/log.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { equalBytes } from '../../lib/util/bytes.ts'
import { seededRandom } from '../helpers/random.ts'

const random = seededRandom(11)
const BLOCKS = Array.from({ length: 40 }, () => random.bytes(50 + random.int(100)))

async function make(t: Assertions): Promise<string> {
  const directory = join(await t.tmp(), 'log')
  const log = await Log.open(directory)
  for (const block of BLOCKS) await log.append(block, { durability: 'process' })
  await log.close()
  return directory
}

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path)
  bytes[at]! ^= 0x10
  await writeFile(path, bytes)
}

function connect(a: Log, b: Log): void {
  const ours = a.replicate(true)
  ours.pipe(b.replicate(false)).pipe(ours)
}

const kinds = (findings: readonly { kind: string; severity: string }[]): string[] =>
  findings.map(({ kind }) => kind).sort()

test('an audit beside a writer finds nothing, and changes nothing', async (t) => {
  const directory = join(await t.tmp(), 'log')
  const log = await Log.open(directory)
  let audits = 0
  const writing = (async () => {
    for (let i = 0; audits < 24; i++) {
      await log.append(
        Array.from({ length: 20 }, () => new Uint8Array(200).fill(i)),
        { durability: 'process' }
      )
      if (i % 30 === 29) await log.truncate(Math.min(log.length - 50, 3000))
      if (i % 20 === 19) await log.clear(i, i + 10)
    }
  })()
  while (audits < 24) {
    const other = await Log.open(directory, { readOnly: true }).catch(
      (error: LogwoodError) => error
    )
    if (!(other instanceof Log)) t.comment(`open elsewhere: ${other.code} ${other.message}`)
    for (const each of other instanceof Log ? [log, other] : [log]) {
      const { findings } = await each.audit({ deep: audits % 4 === 0 })
      t.alike(findings, [], `audit ${audits} of length ${each.length}`)
      audits++
    }
    if (other instanceof Log) await other.close()
  }
  await writing
  const { checked } = await log.audit({ deep: true })
  t.ok(checked.nodes > 1000 && checked.blocks > 500 && checked.pages > 0)
  const controller = new AbortController()
  controller.abort()
  await t.exception(log.audit({ signal: controller.signal }), /abort/)
  await log.close()
})

test('files that grew between two looks at them are not damaged', async (t) => {
  const directory = join(await t.tmp(), 'log')
  const log = await Log.open(directory)
  await log.append(BLOCKS[0]!)
  const files = await LogFiles.open(directory, { readOnly: true })
  for (let i = 0; i < 300; i++) await log.append(BLOCKS[i % 40]!, { durability: 'process' })
  await log.flush()
  const core = await Core.open(files, { readOnly: true })
  t.is(core.behind, null)
  t.is(core.length, 301)
  t.alike((await core.audit({ deep: true })).findings, [])
  await core.close()
  await log.close()
})

test('nodes come back from blocks, without a peer', async (t) => {
  const directory = await make(t)
  for (const nodeIndex of [10, 3, 21, 44]) await flip(join(directory, 'nodes'), nodeIndex * 48 + 20)
  await flip(join(directory, 'oplog'), 512 + 30)
  const log = await Log.open(directory)
  const { findings } = await log.audit()
  t.alike(new Set(kinds(findings)), new Set(['identity', 'node', 'node-missing']))
  const report = await log.repair()
  t.alike(report.left, [])
  t.alike(report.lost, [])
  for (const [index, block] of BLOCKS.entries()) {
    if (!equalBytes((await log.read(index))!, block)) t.fail(`block ${index}`)
  }
  t.alike((await log.repair()).repaired, [], 'nothing is left to do')
  await log.close()
  const aside = join(directory, 'damaged')
  t.is((await stat(aside)).mode & 0o777, 0o700)
  for (const name of await readdir(aside)) {
    t.is((await stat(join(aside, name))).mode & 0o777, 0o600, name)
  }
  t.ok(report.aside.length > 0)
  const again = await Log.open(directory)
  t.is(again.behind, null)
  t.alike((await again.audit({ deep: true })).findings, [])
  await again.close()
})

test('blocks come back from a connected peer', async (t) => {
  const directory = await make(t)
  const sound = await Log.open(directory)
  const peer = await Log.open(null, { key: sound.key })
  connect(sound, peer)
  await peer.update()
  await peer.download().done()
  await sound.close()
  const at = BLOCKS.slice(0, 7).reduce((sum, { byteLength }) => sum + byteLength, 0)
  await flip(join(directory, 'blocks'), at)
  const log = await Log.open(directory)
  const found = await log.audit({ deep: true })
  t.alike(
    found.findings.map(({ kind, file, byteOffset, index }) => ({ kind, file, byteOffset, index })),
    [{ kind: 'block', file: 'blocks', byteOffset: at, index: 7 }]
  )
  t.alike((await log.audit()).findings, [], 'only a deep audit reads all blocks')
  connect(log, peer)
  await log.update()
  const downloaded = new Promise<number>((resolve) =>
    log.on('download', ({ index }) => resolve(index))
  )
  const report = await log.repair({ findings: found.findings })
  t.alike(report.lost, [{ start: 7, end: 8 }])
  t.is(await downloaded, 7)
  t.ok(equalBytes(await log.get(7), BLOCKS[7]!))
  await log.close()
  await peer.close()
})

test('salvage: the oplog is gone; the log is behind until its owner says so', async (t) => {
  const directory = await make(t)
  await rm(join(directory, 'oplog'))
  await t.exception(Log.open(directory), /damaged|missing|content|oplog/i)
  const { key, moved, writable } = await Log.salvage(directory)
  t.ok(writable && moved.includes('nodes'))
  const log = await Log.open(directory)
  t.ok(equalBytes(log.key, key))
  t.is(log.behind, 'damaged')
  await t.exception(log.append(new Uint8Array(1)), /may not be appended/)
  await log.close()
  const again = await Log.open(directory)
  t.is(again.behind, 'damaged', 'also when it is opened again')
  await again.close()
  t.alike((await Log.salvage(directory)).moved, [], 'salvage of what opens does nothing')
})

test('salvage: once a peer shows the head, repair takes back what was kept', async (t) => {
  const directory = await make(t)
  const sound = await Log.open(directory)
  const peer = await Log.open(null, { key: sound.key })
  connect(sound, peer)
  await peer.update()
  await peer.download().done()
  await sound.close()
  await writeFile(join(directory, 'oplog'), '')
  await flip(join(directory, 'blocks'), 10)
  await Log.salvage(directory)
  const log = await Log.open(directory)
  const came: number[] = []
  log.on('download', ({ index }) => came.push(index))
  connect(log, peer)
  await log.update()
  t.is(log.length, BLOCKS.length)
  t.is(log.has(1), false)
  await log.repair()
  t.alike(came, [], 'without fetching anything')
  t.absent(log.has(0), 'block 0 is damaged')
  t.ok(log.has(1, BLOCKS.length))
  for (const [index, block] of BLOCKS.entries()) {
    if (!equalBytes(await log.get(index), block)) t.fail(`block ${index}`)
  }
  t.alike(came, [0])
  t.alike(kinds((await log.audit({ deep: true })).findings), ['behind'])
  await log.close()
  await peer.close()
})

test('salvage: without any trace of the key it has to be given', async (t) => {
  const directory = await make(t)
  const sound = await Log.open(directory)
  const { key } = sound
  await sound.close()
  await writeFile(join(directory, 'secret'), '')
  await writeFile(join(directory, 'oplog'), new Uint8Array(100))
  try {
    await Log.salvage(directory)
    t.fail('it made a log of no key')
  } catch (error) {
    t.ok(error instanceof StorageError && error.code === 'CORRUPT')
  }
  await Log.salvage(directory, { key })
  const log = await Log.open(directory)
  t.ok(equalBytes(log.key, key) && !log.writable)
  await log.close()
})

test('salvage: a damaged secret makes a reader', async (t) => {
  const directory = await make(t)
  await flip(join(directory, 'secret'), 60)
  await t.exception(Log.open(directory), /secret is damaged/)
  const report = await Log.salvage(directory)
  t.alike([report.moved, report.writable], [['secret'], false])
  const log = await Log.open(directory)
  t.is(log.length, BLOCKS.length)
  t.is(log.writable, false)
  await log.close()
})

test('repair and salvage say no clearly', async (t) => {
  const directory = await make(t)
  const reader = await Log.open(directory, { readOnly: true })
  await reader.repair().then(
    () => t.fail('repaired, read only'),
    (error) => t.ok(error instanceof StateError && error.code === 'NOT_WRITABLE')
  )
  await reader.close()
  const owner = await Log.open(directory)
  await Log.salvage(directory).then(
    () => t.fail('salvaged what is open'),
    (error) => t.ok(error instanceof StateError && error.code === 'LOCKED')
  )
  try {
    await owner.audit({ depth: 1 } as object)
    t.fail('an unknown option')
  } catch (error) {
    t.ok(error instanceof ArgumentError)
  }
  await owner.close()
})

test('rights: made narrow whatever the umask, never through a link; wide ones are told', async (t) => {
  const before = process.umask(0)
  const parent = await t.tmp()
  const directory = join(parent, 'log')
  try {
    const log = await Log.open(directory)
    await log.append(new Uint8Array(3))
    t.is((await stat(directory)).mode & 0o777, 0o700)
    for (const name of await readdir(directory)) {
      t.is((await stat(join(directory, name))).mode & 0o777, 0o600, name)
    }
    await log.close()
  } finally {
    process.umask(before)
  }
  await chmod(join(directory, 'secret'), 0o644)
  await chmod(directory, 0o755)
  const log = await Log.open(directory)
  const { findings } = await log.audit()
  t.alike(
    findings.map(({ kind, severity, file }) => ({ kind, severity, file })),
    ['.', 'secret'].map((file) => ({ kind: 'rights', severity: 'warning', file }))
  )
  await log.close()
  await writeFile(join(directory, 'notes.txt'), 'mine')
  const again = await Log.open(directory, { readOnly: true })
  t.ok(kinds((await again.audit()).findings).includes('foreign-file'))
  await again.close()
  const linked = join(parent, 'linked')
  const target = join(parent, 'target')
  await Log.open(linked).then((each) => each.close())
  await rm(join(linked, 'secret'))
  await writeFile(target, '')
  await symlink(target, join(linked, 'secret'))
  await t.exception(Log.open(linked), /Cannot open/)
  t.is((await readFile(target)).byteLength, 0)
})

test('a lock that names another process is told', async (t) => {
  const directory = await make(t)
  const log = await Log.open(directory)
  await writeFile(join(directory, 'lock'), '{"pid":1,"host":"elsewhere"}')
  t.alike(kinds((await log.audit()).findings), ['lock'])
  await log.close()
})

test('objects do not show secrets', async (t) => {
  const directory = await make(t)
  const secret = (await readFile(join(directory, 'secret'))).subarray(40, 72)
  const log = await Log.open(directory)
  const texts = [inspect(log, { depth: 20, showHidden: true }), JSON.stringify(log)]
  const error = await Log.open(directory).catch((each: unknown) => each)
  texts.push(inspect(error, { depth: 20, showHidden: true }))
  const forms = [secret.toString('hex'), secret.toString('base64'), [...secret].join(', ')]
  const hexPairs = secret.toString('hex').replace(/../g, '$& ').trim()
  for (const text of texts) {
    for (const form of [...forms, hexPairs]) t.absent(text.includes(form.slice(0, 40)))
  }
  await log.close()
})
