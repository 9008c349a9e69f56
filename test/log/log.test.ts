// What a log does for its user: sessions, snapshots, encodings, events, streams, ranges, proofs, levels, closing.
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'brittle'
import { Log } from '../../lib/log/log.ts'
import { emptyRequest } from '../../lib/merkle/proof.ts'
import { fromUtf8, toUtf8 } from '../../lib/util/bytes.ts'
import { type Codec, uint } from '../../lib/util/codec.ts'
import { turns } from '../helpers/attacker.ts'
import {
  assertSame,
  errorOf,
  join,
  openLog,
  openReader,
  sameBytes,
  until
} from '../helpers/replication.ts'

const TIMEOUT = { timeout: 10_000 }

function texts(count: number, from = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => fromUtf8(`block ${from + i}`))
}

test('append one, an array, nothing; read back', TIMEOUT, async (t) => {
  const log = await openLog(t)
  t.alike(await log.append(fromUtf8('one')), { length: 1, byteLength: 3 })
  t.alike(await log.append([fromUtf8('two'), fromUtf8('three')]), { length: 3, byteLength: 11 })
  t.alike(await log.append([]), { length: 3, byteLength: 11 })
  const together = await Promise.all(texts(20).map((block) => log.append(block)))
  t.alike(
    together.map(({ length }) => length),
    Array.from({ length: 20 }, (_, i) => i + 4),
    'in the order of the calls'
  )
  t.is(toUtf8(await log.get(2)), 'three')
  t.is(await log.read(99), null)
  t.is(await log.get(99, { wait: false }), null)
  t.ok(log.has(0, 23))
  t.absent(log.has(0, 24))
  const mine = await log.get(0)
  mine.fill(0)
  t.is(toUtf8(await log.get(0)), 'one', 'what get returns is the caller’s')
})

test('encodings', TIMEOUT, async (t) => {
  const text = await Log.open(null, { encoding: 'utf-8' })
  await text.append(['äöü', ''])
  t.is(await text.get(0), 'äöü')
  t.is(await text.get(1), '')
  const json = await Log.open<{ a: number[] }>(null, { encoding: 'json' })
  await json.append([{ a: [1] }, { a: [] }])
  t.alike(await json.get(0), { a: [1] })
  interface Point {
    x: number
    y: number
  }
  const point: Codec<Point> = {
    preencode(state, { x, y }) {
      uint.preencode(state, x)
      uint.preencode(state, y)
    },
    encode(state, { x, y }) {
      uint.encode(state, x)
      uint.encode(state, y)
    },
    decode: (state) => ({ x: uint.decode(state), y: uint.decode(state) })
  }
  const points = await Log.open(null, { encoding: point })
  await points.append([{ x: 1, y: 70_000 }])
  t.alike(await points.get(0), { x: 1, y: 70_000 })
  t.is((await points.session({ encoding: 'binary' }).get(0)).byteLength, 6)
  const asJson = text.session<unknown>({ encoding: 'json' })
  t.is(await errorOf(asJson.get(0)), 'StorageError CORRUPT', 'sound, but no such value')
  t.is(await errorOf(text.append(5 as never)), 'ArgumentError INVALID_ARGUMENT')
  t.is(await errorOf(json.append([undefined as never])), 'ArgumentError INVALID_ARGUMENT')
  for (const log of [text, json, points]) await log.close()
  t.is(await errorOf(asJson.get(0)), 'StorageError CORRUPT', 'a session holds the log open')
  await asJson.close()
})

test('sessions: the log closes with the last one', TIMEOUT, async (t) => {
  const directory = await t.tmp()
  const log = await Log.open(directory)
  let closes = 0
  log.on('close', () => closes++)
  const second = log.session()
  await log.append(fromUtf8('a'))
  await log.close()
  await log.close()
  t.is(closes, 0)
  t.is(await errorOf(Log.open(directory)), 'StateError LOCKED')
  await second.append(fromUtf8('b'))
  t.is(second.length, 2)
  await second.close()
  t.is(closes, 1)
  await using again = await Log.open(directory)
  t.is(again.length, 2)
})

test('await using closes; pending appends are finished first', TIMEOUT, async (t) => {
  const directory = await t.tmp()
  let pending: Promise<{ length: number }>
  {
    await using log = await Log.open(directory)
    pending = log.append(texts(10))
  }
  t.is((await pending).length, 10)
  await using log = await Log.open(directory)
  t.is(log.length, 10)
})

test('snapshots stay as they were', TIMEOUT, async (t) => {
  const log = await openLog(t)
  await log.append(texts(10))
  const snapshot = log.snapshot()
  await log.append(texts(5))
  t.is(snapshot.length, 10)
  t.is(log.length, 15)
  t.is(toUtf8(await snapshot.get(9)), 'block 9')
  t.is(await errorOf(snapshot.get(10)), 'UnavailableError NOT_AVAILABLE')
  const seen: string[] = []
  for await (const block of snapshot) seen.push(toUtf8(block))
  t.is(seen.length, 10)
  await log.truncate(4)
  await log.append(texts(8, 100))
  t.is(snapshot.length, 10)
  t.is(snapshot.fork, 0)
  t.is(toUtf8(await snapshot.get(3)), 'block 3', 'shared with what the log is now')
  t.is(await errorOf(snapshot.get(4)), 'UnavailableError NOT_AVAILABLE', 'cut off since')
  t.is(log.fork, 1)
  t.is(toUtf8(await log.get(4)), 'block 100')
  await snapshot.close()
})

test('events', TIMEOUT, async (t) => {
  const writer = await openLog(t)
  const reader = await openReader(t, writer)
  const events: string[] = []
  writer.on('append', (length) => events.push(`append ${length}`))
  writer.on('truncate', (length, ancestor) => events.push(`truncate ${length} ${ancestor}`))
  const uploads: number[] = []
  const downloads: number[] = []
  writer.on('upload', ({ index }) => uploads.push(index))
  reader.on('download', ({ index, byteLength }) => downloads.push(index, byteLength))
  await writer.append(texts(3))
  await writer.append(texts(1))
  await writer.truncate(2)
  t.alike(events, ['append 3', 'append 4', 'truncate 2 2'])
  const peers: string[] = []
  reader.on('peer-add', () => peers.push('add'))
  reader.on('peer-remove', () => peers.push('remove'))
  const off = reader.on('append', () => t.fail('unsubscribed'))
  off()
  const plain = await openLog(t)
  await plain.append(texts(2))
  const second = await openReader(t, plain)
  second.on('download', ({ index, byteLength }) => downloads.push(index, byteLength))
  plain.on('upload', ({ index }) => uploads.push(index))
  second.on('peer-add', () => peers.push('add'))
  second.on('peer-remove', () => peers.push('remove'))
  const connection = await join(t, plain, second)
  await second.get(1)
  t.alike(downloads, [1, 7])
  t.alike(uploads, [1])
  await connection.cut()
  await until(second, 'peer-remove', () => second.peers.length === 0)
  t.alike(peers, ['add', 'remove'])
})

test('streams: a part, piped', TIMEOUT, async (t) => {
  const log = await openLog(t)
  await log.append(texts(100))
  const read = async (options: object): Promise<string[]> => {
    const seen: string[] = []
    for await (const block of log.createReadStream(options)) seen.push(toUtf8(block))
    return seen
  }
  t.is((await read({})).length, 100)
  t.alike(await read({ start: 3, end: 5 }), ['block 3', 'block 4'])
  t.alike(await read({ start: 99 }), ['block 99'])
  t.alike(await read({ start: 5, end: 5 }), [])
  t.alike(await read({ start: 200 }), [])

  const sunk: string[] = []
  const sink = new Writable({
    write(chunk: Uint8Array, _, done) {
      sunk.push(toUtf8(chunk))
      setImmediate(done)
    }
  })
  await pipeline(log.createReadStream({ end: 60 }) as unknown as NodeJS.ReadableStream, sink)
  t.is(sunk.length, 60)
  t.is(sunk[59], 'block 59')
})

test('a live stream ends by its signal', TIMEOUT, async (t) => {
  const log = await openLog(t)
  await log.append(texts(10))
  const controller = new AbortController()
  const stopped = (async () => {
    for await (const _ of log.createReadStream({ live: true, signal: controller.signal })) {
      if (_[0] === undefined) break
    }
  })()
  await turns()
  controller.abort()
  t.is(await errorOf(stopped), 'AbortError ABORTED')
})

test('a stream of blocks that are elsewhere is fetched ahead', TIMEOUT, async (t) => {
  const writer = await openLog(t)
  await writer.append(texts(300))
  const reader = await openReader(t, writer)
  await join(t, writer, reader)
  await reader.update()
  const seen: string[] = []
  for await (const block of reader.createReadStream({ start: 20, end: 280 })) {
    seen.push(toUtf8(block))
    if (seen.length === 100) break
  }
  t.is(seen[99], 'block 119')
  await turns()
  t.absent(reader.has(200), 'not all was asked')
  const all: string[] = []
  for await (const block of reader) all.push(toUtf8(block))
  t.is(all.length, 300)
})

test('update, download, clear, refetch', TIMEOUT, async (t) => {
  const writer = await openLog(t)
  const blocks = texts(120)
  await writer.append(blocks)
  const reader = await openReader(t, writer)
  t.is(await reader.update(), false, 'without peers')
  await join(t, writer, reader)
  t.ok(await reader.update())
  t.is(await reader.update(), false, 'there is no more')
  await reader.download({ start: 10, end: 20, linear: true }).done()
  await reader.download({ blocks: [] }).done()
  await reader.download({ blocks: [100, 3] }).done()
  t.ok(reader.has(10, 20) && reader.has(100) && reader.has(3))
  t.absent(reader.has(4))
  await reader.download().done()
  t.is(reader.contiguousLength, 120)
  await reader.clear(50, 100)
  t.is(reader.contiguousLength, 50)
  t.is(await reader.read(50), null)
  await reader.download().done()
  await assertSame(t, reader, blocks, writer, 'again')
  const endless = reader.download({ end: -1 })
  await writer.append(texts(30, 120))
  await until(reader, 'download', () => reader.has(0, 150))
  endless.destroy()
  t.is(await errorOf(endless.done()), 'AbortError ABORTED')
})

test('prove, verify, accept: a log carried by hand', TIMEOUT, async (t) => {
  const writer = await openLog(t)
  const blocks = texts(21)
  await writer.append(blocks)
  const reader = await openReader(t, writer)
  const head = await writer.prove({
    ...emptyRequest,
    manifest: true,
    upgrade: { start: 0, length: 21 }
  })
  await reader.verify(head!)
  t.is(reader.length, 0, 'verify stores nothing')
  await reader.accept(head!)
  t.is(reader.length, 21)
  for (let index = 0; index < 21; index++) {
    // Up to the root above it: the roots of 21 blocks span 16, 4 and 1.
    const nodes = index < 16 ? 4 : index < 20 ? 2 : 0
    const proof = await writer.prove({ ...emptyRequest, block: { index, nodes } })
    await reader.verify(proof!)
    await reader.accept(proof!)
  }
  await assertSame(t, reader, blocks, writer, 'by hand')
  const tooHigh = writer.prove({ ...emptyRequest, block: { index: 0, nodes: 5 } })
  t.is(await errorOf(tooHigh), 'ProofError BAD_MESSAGE', 'no log of 21 blocks has such a node')
  t.is(await writer.prove({ ...emptyRequest, fork: 3, block: { index: 0, nodes: 0 } }), null)
  const proof = (await writer.prove({ ...emptyRequest, block: { index: 4, nodes: 4 } }))!
  const lie = { ...proof, block: { ...proof.block!, value: fromUtf8('lie') } }
  t.is(await errorOf(reader.verify(lie)), 'ProofError BAD_HASH')
  t.is(await errorOf(reader.accept(lie)), 'ProofError BAD_HASH')
  t.is(toUtf8(await reader.get(4)), 'block 4')
})

test('truncate and go on; tree hashes', TIMEOUT, async (t) => {
  const log = await openLog(t)
  const other = await openLog(t)
  await log.append(texts(30))
  await other.append(texts(10))
  const at10 = await log.treeHash(10)
  t.ok(sameBytes(at10, await other.treeHash()), 'equal blocks, equal hash')
  await log.truncate(10)
  t.is(log.length, 10)
  t.is(log.fork, 1)
  t.ok(sameBytes(await log.treeHash(), at10))
  t.absent(log.has(10))
  await log.append(texts(3, 50))
  t.is(toUtf8(await log.get(12)), 'block 52')
  t.is(await errorOf(log.treeHash(40)), 'UnavailableError NOT_AVAILABLE')
  await log.truncate(0)
  t.is(log.byteLength, 0)
  t.alike(await log.append(fromUtf8('anew')), { length: 1, byteLength: 4 })
})

test('levels: what is acknowledged, and what is durable', TIMEOUT, async (t) => {
  const directory = await t.tmp()
  await using log = await Log.open(directory, { durability: 'process' })
  await log.append(texts(4))
  t.is(log.length, 4)
  t.ok(log.durableLength <= 4)
  await log.flush()
  t.is(log.durableLength, 4)
  await log.append(texts(1), { durability: 'power' })
  t.is(log.durableLength, 5)
  const info = log.info()
  t.is(info.length, 5)
  t.is(info.durableLength, 5)
  t.is(info.contiguousLength, 5)
  t.is(info.fork, 0)
  t.is(info.peers, 0)
  t.ok(info.writable && info.canSync)
  t.ok(sameBytes(info.key, log.key) && sameBytes(info.discoveryKey, log.discoveryKey))
})

for (const isInitiator of [true, false]) {
  test(`the first update, we ${isInitiator ? 'call' : 'answer'}`, TIMEOUT, async (t) => {
    const writer = await openLog(t)
    await writer.append(texts(3))
    const reader = await openReader(t, writer)
    await join(t, reader, writer, { isInitiator })
    t.ok(await reader.update())
    t.is(reader.length, 3)
  })
}

test('a live stream is left early', { timeout: 3_000 }, async (t) => {
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(alive))
  const log = await openLog(t)
  await log.append(texts(100))
  const live: string[] = []
  const appended = (async () => {
    for (let i = 0; i < 5; i++) await log.append(fromUtf8(`live ${i}`))
  })()
  for await (const block of log.createReadStream({ start: 98, live: true })) {
    live.push(toUtf8(block))
    if (live.length === 7) break
  }
  await appended
  t.alike(live, ['block 98', 'block 99', 'live 0', 'live 1', 'live 2', 'live 3', 'live 4'])
})
