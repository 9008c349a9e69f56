// Calls that are wrong, come too late, or cannot be met: each has its typed error, and changes nothing.
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { test } from 'brittle'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { Log } from '../../lib/log/log.ts'
import { emptyRequest } from '../../lib/merkle/proof.ts'
import type { Request } from '../../lib/replication/messages.ts'
import { fromUtf8 } from '../../lib/util/bytes.ts'
import { attack, escaped, turns } from '../helpers/attacker.ts'
import { errorOf, join, openLog, openReader, until } from '../helpers/replication.ts'

const TIMEOUT = { timeout: 10_000 }
const MAX_BLOCK = 15 * 1024 * 1024

/** For values that the types forbid. */
const wrong = (value: unknown): never => value as never

test('unknown options are named', TIMEOUT, async (t) => {
  const log = await openLog(t)
  await log.append(fromUtf8('a'))
  const calls: (() => unknown)[] = [
    () => Log.open(null, wrong({ sparse: true })),
    () => log.append(fromUtf8('b'), wrong({ wait: true })),
    () => log.get(0, wrong({ timeout: 5 })),
    () => log.seek(0, wrong({ x: 1 })),
    () => log.update(wrong({ force: true })),
    () => log.download(wrong({ begin: 1 })),
    () => log.session(wrong({ writable: false })),
    () => log.snapshot(wrong({ checkout: 3 })),
    () =>
      log[Symbol.asyncIterator]()
        .next()
        .then(() => log.createReadStream(wrong({ reverse: 1 })))
        .then(async (stream) => {
          for await (const _ of stream) break
        })
  ]
  for (const call of calls) t.is(await errorOf(call), 'ArgumentError UNKNOWN_OPTION', `${call}`)
  t.is(log.length, 1)
})

test('bad values', TIMEOUT, async (t) => {
  const log = await openLog(t)
  await log.append(fromUtf8('a'))
  const key = log.key
  const calls: (() => unknown)[] = [
    ...[-1, 0.5, Number.NaN, 2 ** 53, '0', null, undefined, Number.POSITIVE_INFINITY].flatMap(
      (index) => [
        () => log.get(wrong(index)),
        () => log.read(wrong(index)),
        () => log.has(wrong(index)),
        () => log.seek(wrong(index)),
        () => log.clear(wrong(index)),
        () => log.truncate(wrong(index)),
        () => log.download({ blocks: [wrong(index)] })
      ]
    ),
    () => log.has(3, 1),
    () => log.clear(3, 1),
    () => log.truncate(2),
    () => log.treeHash(-1),
    () => log.download({ start: -3 }),
    () => log.download({ end: -2 }),
    () => log.get(0, { timeoutMs: -1 }),
    () => log.append(wrong('text')),
    () => log.append(wrong([fromUtf8('a'), 5])),
    () => log.append(fromUtf8('a'), { durability: wrong('most') }),
    () => log.replicate(wrong('tcp')),
    () => log.replicate(wrong({})),
    () => log.session({ encoding: wrong('latin1') }),
    () => Log.open(null, wrong(null)),
    () => Log.open(null, { key: new Uint8Array(31) }),
    () => Log.open(null, { key: 'no key' }),
    () => Log.open(null, { durability: wrong('forever') }),
    () => Log.open(null, { encoding: wrong('xml') }),
    () => Log.open(null, { keyPair: wrong({ publicKey: key, secretKey: key }) })
  ]
  for (const call of calls) t.is(await errorOf(call), 'ArgumentError INVALID_ARGUMENT', `${call}`)
  t.is(log.length, 1)
})

test('a block above 15 MiB is refused, nothing is lost', TIMEOUT, async (t) => {
  const log = await openLog(t)
  await log.append(fromUtf8('a'))
  const large = new Uint8Array(MAX_BLOCK + 1)
  t.is(await errorOf(log.append(large)), 'ArgumentError LIMIT_EXCEEDED')
  t.is(await errorOf(log.append([fromUtf8('b'), large])), 'ArgumentError LIMIT_EXCEEDED')
  t.is(log.length, 1, 'all or nothing')
  await log.append([fromUtf8('c'), large.subarray(1)])
  t.is(log.length, 3)
  t.is((await log.get(2)).byteLength, MAX_BLOCK)
  t.alike(await log.append([]), { length: 3, byteLength: 2 + MAX_BLOCK }, 'nothing to append')
  const reader = await openReader(t, log)
  await join(t, log, reader)
  t.is((await reader.get(2)).byteLength, MAX_BLOCK, 'it can be replicated')
})

test('a closed log says so, whatever is called; what waits is told', TIMEOUT, async (t) => {
  const source = await openLog(t)
  const log = await openReader(t, source)
  const silent = await attack(t, log)
  silent.sync({ length: 9, remoteLength: 0 })
  await until(log, 'peer-add', () => log.peers.length === 1)
  await turns()
  const pending = {
    get: log.get(5),
    update: log.update(),
    download: log.download({ start: 0, end: 9 }).done(),
    seek: log.seek(3)
  }
  const outcomes = Object.entries(pending).map(async ([name, work]) => [name, await errorOf(work)])
  await turns()
  await log.close()
  for (const [name, outcome] of await Promise.all(outcomes)) {
    t.is(outcome, 'StateError CLOSED', `pending ${name}`)
  }
  const calls: (() => unknown)[] = [
    () => log.append(fromUtf8('a')),
    () => log.get(0),
    () => log.read(0),
    () => log.has(0),
    () => log.seek(0),
    () => log.treeHash(),
    () => log.prove(emptyRequest),
    () => log.update(),
    () => log.download(),
    () => log.replicate(true),
    () => log.session(),
    () => log.snapshot(),
    () => log.createReadStream(),
    () => log[Symbol.asyncIterator](),
    () => log.truncate(0),
    () => log.clear(0),
    () => log.flush()
  ]
  for (const call of calls) t.is(await errorOf(call), 'StateError CLOSED', `${call}`)
  await log.close()
  t.alike(escaped, [])
})

test('directories: two owners, missing, read only, another key', TIMEOUT, async (t) => {
  const directory = await t.tmp()
  const log = await openLog(t, {}, directory)
  await log.append(fromUtf8('a'))
  t.is(await errorOf(Log.open(directory)), 'StateError LOCKED')
  await log.append(fromUtf8('b'))
  await log.close()

  const missing = `${directory}/missing`
  t.is(await errorOf(Log.open(missing, { createIfMissing: false })), 'StorageError NOT_FOUND')
  t.is(await errorOf(Log.open(missing, { readOnly: true })), 'StorageError NOT_FOUND')
  const { key } = createKeyPairKey()
  t.is(await errorOf(Log.open(directory, { key })), 'StorageError WRONG_KEY')
  await writeFile(`${directory}/file`, 'x')
  t.ok((await errorOf(Log.open(`${directory}/file`))).startsWith('StorageError'), 'a file')

  const readOnly = await openLog(t, { readOnly: true }, directory)
  t.is(readOnly.length, 2)
  t.absent(readOnly.writable)
  t.is(await errorOf(readOnly.append(fromUtf8('c'))), 'StateError NOT_WRITABLE')
  t.is(await errorOf(readOnly.truncate(0)), 'StateError NOT_WRITABLE')
  t.alike(await readOnly.get(1), fromUtf8('b'))
  await readOnly.close()

  const again = await openLog(t, {}, directory)
  t.is(again.length, 2, 'nothing of this changed it')
})

test('a directory without the right to write', TIMEOUT, async (t) => {
  if (process.getuid?.() === 0) {
    t.comment('skipped: root may write everywhere')
    return
  }
  const parent = await t.tmp()
  await mkdir(`${parent}/closed`, { mode: 0o500 })
  t.teardown(() => chmod(`${parent}/closed`, 0o700))
  t.ok((await errorOf(Log.open(`${parent}/closed/log`))).startsWith('StorageError'))
})

test('who may not write', TIMEOUT, async (t) => {
  const writer = await openLog(t)
  await writer.append([fromUtf8('a'), fromUtf8('b')])
  const reader = await openReader(t, writer)
  t.absent(reader.writable)
  t.is(await errorOf(reader.append(fromUtf8('x'))), 'StateError NOT_WRITABLE')
  t.is(await errorOf(reader.truncate(0)), 'StateError NOT_WRITABLE')
  const stranger = await openLog(t, { key: writer.key, keyPair: createKeyPair() })
  t.is(await errorOf(stranger.append(fromUtf8('x'))), 'StateError NOT_WRITABLE')
  const snapshot = writer.snapshot()
  t.is(await errorOf(snapshot.append(fromUtf8('x'))), 'StateError NOT_WRITABLE')
  t.is(await errorOf(snapshot.clear(0)), 'StateError NOT_WRITABLE')
  t.is(await errorOf(snapshot.get(2)), 'UnavailableError NOT_AVAILABLE')
  await snapshot.close()
  t.is(writer.length, 2)
})

test('signals and timeouts: the wish is dropped, the question cancelled', TIMEOUT, async (t) => {
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(alive))
  const writer = await openLog(t)
  await writer.append(Array.from({ length: 40 }, (_, i) => fromUtf8(`block ${i}`)))
  const log = await openReader(t, writer)
  const toWriter = await join(t, log, writer)
  await log.update()
  await toWriter.cut()
  await until(log, 'peer-remove', () => log.peers.length === 0)
  const silent = await attack(t, log)
  silent.sync({ length: 40, remoteLength: 40 })
  silent.range(0, 40)
  await until(log, 'peer-add', () => log.peers.length === 1)

  const asks: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
    get: (signal) => log.get(7, { signal }),
    'get past the end': (signal) => log.get(70, { signal }),
    seek: (signal) => log.seek(30, { signal }),
    download: (signal) => log.download({ start: 20, end: 30, signal }).done()
  }
  for (const [name, ask] of Object.entries(asks)) {
    const { length: before } = silent.received
    const controller = new AbortController()
    const work = errorOf(ask(controller.signal))
    await turns()
    // Request 0 compares histories; nobody waits for it.
    const asked = silent.received
      .slice(before)
      .filter(({ kind, value }) => kind === 'request' && (value as Request).id !== 0).length
    controller.abort()
    t.is(await work, 'AbortError ABORTED', name)
    await turns()
    const cancelled = silent.received.slice(before).filter(({ kind }) => kind === 'cancel').length
    t.is(cancelled, asked, `${name}: ${asked} questions, all cancelled`)
    t.is(await errorOf(() => ask(AbortSignal.abort())), 'AbortError ABORTED', `${name} at once`)
    t.is(await errorOf(() => ask(AbortSignal.timeout(1))), 'AbortError TIMEOUT', `${name} in time`)
  }
  t.is(await errorOf(log.get(8, { timeoutMs: 1 })), 'AbortError TIMEOUT')
  t.is(await errorOf(log.seek(31, { timeoutMs: 1 })), 'AbortError TIMEOUT')
  const download = log.download({ start: 0, end: 3 })
  download.destroy()
  t.is(await errorOf(download.done()), 'AbortError ABORTED')
  silent.sync({ length: 50, remoteLength: 40 })
  await turns()
  t.is(await errorOf(log.update({ signal: AbortSignal.timeout(5) })), 'AbortError TIMEOUT')
  t.is(
    await errorOf(() => log.append(fromUtf8('x'), { signal: AbortSignal.abort() })),
    'AbortError ABORTED'
  )

  silent.stream.destroy()
  await join(t, log, writer)
  t.alike(await log.get(7), fromUtf8('block 7'), 'still usable')
  await turns()
  t.absent(log.has(20), 'what was given up is not fetched')
  t.alike(escaped, [])
})

test('update ends when the peer has no such log', TIMEOUT, async (t) => {
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(alive))
  const log = await openReader(t, await openLog(t))
  const other = await openLog(t)
  await join(t, log, other)
  const update = Promise.race([
    log.update().then((longer) => `${longer}`),
    new Promise((resolve) => setTimeout(resolve, 3_000, 'nothing in 3 s'))
  ])
  t.is(await update, 'false')
})

function createKeyPairKey(): { key: Uint8Array } {
  return { key: createKeyPair().publicKey }
}
