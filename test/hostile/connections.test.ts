// Connections that go wrong: garbage before and after the handshake, wrong capabilities, floods, peers that do not
// read. Each ends or slows that connection only.
import type { Duplex } from 'node:stream'
import type { Assertions } from 'brittle'
import { test } from 'brittle'
import type { Log } from '../../lib/log/log.ts'
import { emptyRequest } from '../../lib/merkle/proof.ts'
import { capabilityOf } from '../../lib/replication/capability.ts'
import type { Data, NoData, Sync } from '../../lib/replication/messages.ts'
import type { RawDuplex } from '../../lib/secret-stream/raw-duplex.ts'
import { createRawPair } from '../../lib/secret-stream/raw-pair.ts'
import { attack, closes, connectAttacker, escaped, turns } from '../helpers/attacker.ts'
import { ManualEnv } from '../helpers/manual-env.ts'
import { seededRandom } from '../helpers/random.ts'
import {
  assertSame,
  join,
  openLog,
  openReader,
  randomBlocks,
  until
} from '../helpers/replication.ts'

const TIMEOUT = { timeout: 15_000 }

/** A log that a reader follows while the test attacks it; returns what checks that all is well. */
async function served(
  t: Assertions,
  log: Log,
  blocks: readonly Uint8Array[]
): Promise<() => Promise<void>> {
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(alive))
  const reader = await openReader(t, log)
  await join(t, log, reader)
  await until(reader, 'peer-add', () => reader.peers.length === 1)
  return async () => {
    const { length } = await log.append(new Uint8Array([1, 2, 3]))
    if (reader.length < length) await until(reader, 'append', () => reader.length === length)
    await reader.download({ start: 0, end: length }).done()
    const all = [...blocks]
    while (all.length < length) all.push(new Uint8Array([1, 2, 3]))
    await assertSame(t, reader, all, log, 'the other connection')
    t.is(reader.peers.length, 1)
    t.alike(escaped, [])
  }
}

function rawPair(): { inner: RawDuplex; outer: Duplex } {
  const { inner, outer } = createRawPair()
  return { inner, outer: outer as unknown as Duplex }
}

test('garbage before the handshake ends that connection only', TIMEOUT, async (t) => {
  const [random, blocks] = [seededRandom(31), randomBlocks(seededRandom(32), 50, 100)]
  const log = await openLog(t)
  await log.append(blocks)
  const check = await served(t, log, blocks)
  const openings: Uint8Array[] = [
    new Uint8Array([0xff, 0xff, 0xff]),
    new Uint8Array([0, 0, 0]),
    new Uint8Array([1, 0, 0]),
    ...Array.from({ length: 60 }, () => random.bytes(1 + random.int(200)))
  ]
  let ended = 0
  for (const isInitiator of [true, false]) {
    for (const bytes of openings) {
      const { inner, outer } = rawPair()
      const stream = log.replicateOver(inner, { isInitiator })
      const closed = new Promise<void>((resolve) => outer.on('close', () => resolve()))
      outer.on('data', () => {})
      outer.write(bytes)
      outer.end()
      await closed
      if (stream.isClosed) ended++
    }
  }
  t.is(ended, openings.length * 2)
  await check()
})

test('bytes that do not decrypt, after the handshake, end that connection', TIMEOUT, async (t) => {
  const [random, blocks] = [seededRandom(33), randomBlocks(seededRandom(34), 50, 100)]
  const log = await openLog(t)
  await log.append(blocks)
  const check = await served(t, log, blocks)
  for (let i = 0; i < 20; i++) {
    const { inner, outer } = rawPair()
    const other = rawPair()
    const ours = log.replicateOver(inner, { isInitiator: false })
    const reader = await openReader(t, log)
    const theirs = reader.replicateOver(other.inner, { isInitiator: true })
    outer.pipe(other.outer)
    other.outer.on('data', (chunk: Uint8Array) => outer.write(chunk))
    await Promise.all([ours.opened, theirs.opened])
    const closed = new Promise<void>((resolve) => outer.on('close', () => resolve()))
    const bytes = random.bytes(3 + random.int(100))
    bytes[0] = bytes.byteLength - 3
    bytes.fill(0, 1, 3)
    outer.write(bytes)
    outer.end()
    await closed
    t.ok(ours.isClosed, `${bytes.byteLength} bytes`)
    await reader.close()
  }
  await check()
})

test('garbage inside sealed frames: the connection ends or ignores it', TIMEOUT, async (t) => {
  const [random, blocks] = [seededRandom(35), randomBlocks(seededRandom(36), 50, 100)]
  const log = await openLog(t)
  await log.append(blocks)
  const check = await served(t, log, blocks)
  let ended = 0
  for (let i = 0; i < 150; i++) {
    const attacker = await attack(t, log)
    await attacker.opened.promise
    const { localId } = attacker.channel
    const garbage = random.bytes(random.int(80))
    // At the mux; in a batch; at a message of ours; a batch in a batch.
    const heads = [[], [0, 0], [localId, random.int(10)], [0, 0, 0, 2, 0, 0]]
    const head = heads[i % heads.length]!
    attacker.sendFrame(new Uint8Array([...head, ...garbage]))
    await turns(2)
    if (attacker.stream.isClosed) ended++
    attacker.stream.destroy()
  }
  t.ok(ended > 40, `${ended} of 150 connections were ended`)
  await check()
})

test('lengths of 2^40 and bodies that end early', TIMEOUT, async (t) => {
  const blocks = randomBlocks(seededRandom(37), 50, 100)
  const log = await openLog(t)
  await log.append(blocks)
  const check = await served(t, log, blocks)
  const proof = await log.prove({
    ...emptyRequest,
    manifest: true,
    upgrade: { start: 0, length: 50 }
  })
  const huge = [0xff, 0, 0, 0, 0, 0, 1, 0, 0]
  const bodies = [
    [0, 31, 0],
    [1, 9, 1, 0, 3],
    [3, 8, 1, 0, 0, 50, ...huge],
    [3, 1, 1, 0, 0, ...huge],
    [7, 0, ...huge],
    [9, ...huge],
    [8, 0, ...huge],
    [3, 16, 1, 0, ...(proof?.manifest?.subarray(0, 30) ?? [])]
  ]
  let ended = 0
  for (const body of bodies) {
    const attacker = await attack(t, log)
    await attacker.opened.promise
    attacker.sendFrame(new Uint8Array([attacker.channel.localId, ...body]))
    await turns(2)
    if (attacker.stream.isClosed) ended++
    attacker.stream.destroy()
  }
  t.ok(ended >= 6, `${ended} of ${bodies.length} ended`)
  await check()
})

test('M32 who does not know the key gets nothing', TIMEOUT, async (t) => {
  const blocks = randomBlocks(seededRandom(38), 50, 100)
  const log = await openLog(t)
  await log.append(blocks)
  const check = await served(t, log, blocks)
  while (log.peers.length === 0) await turns()
  const peers = log.peers.length

  const stranger = await attack(t, log, { key: log.discoveryKey })
  stranger.sync({ length: 9 })
  stranger.range(0, 9)
  stranger.send('request', {
    id: 1,
    proof: { ...emptyRequest, upgrade: { start: 0, length: 50 } },
    priority: 0
  })
  t.ok(await closes(stranger), 'a capability by another key does not open')
  await turns()
  t.is(log.peers.length, peers, 'no peer')
  t.alike(stranger.received, [], 'not a message')

  const mirror = await connectAttacker(t, log)
  mirror.open(new Uint8Array(32))
  const { capability } = await mirror.opened.promise
  t.ok(await closes(mirror), 'nor do zeros')
  await turns()
  mirror.open(capability)
  await turns()
  t.ok(mirror.channel.isClosed, 'our own capability does not open')
  t.alike(mirror.received, [])

  const replay = await connectAttacker(t, log)
  const earlier = await connectAttacker(t, log)
  const key = { handshakeHash: earlier.stream.handshakeHash!, key: log.key }
  replay.open(capabilityOf(key, true))
  t.ok(await closes(replay), 'nor does that of another connection')
  await turns()
  t.alike(replay.received, [], 'not a message')
  t.is(log.peers.length, peers)
  await check()
})

test('M33 messages before the capability are not handled', TIMEOUT, async (t) => {
  const blocks = randomBlocks(seededRandom(39), 50, 100)
  const log = await openLog(t)
  await log.append(blocks)
  const check = await served(t, log, blocks)
  const attacker = await connectAttacker(t, log)
  const request = [1, 9, 7, 0, 3, 0, 0, 50]
  attacker.sendFrame(new Uint8Array([1, ...request]))
  attacker.sendFrame(new Uint8Array([2, ...request]))
  await turns()
  attacker.open()
  attacker.sendFrame(new Uint8Array([attacker.channel.localId, 0, 7, 0, 0, 0]))
  await attacker.opened.promise
  await turns()
  t.alike(attacker.all('data'), [], 'what came before the open is lost')
  t.alike(attacker.all('noData'), [])
  attacker.stream.destroy()
  await check()
})

test('M16 M17 a flood of questions from a peer that does not read', TIMEOUT, async (t) => {
  const blocks = Array.from({ length: 400 }, (_, i) => new Uint8Array(65_536).fill(i))
  const log = await openLog(t)
  await log.append(blocks)
  const check = await served(t, log, blocks)
  let answers = 0
  const attacker = await attack(t, log, {
    onMessage({ kind }, self) {
      if (kind === 'data' && ++answers === 800) self.stream.destroy()
    }
  })
  await attacker.next<Sync>('sync')
  const name = Buffer.from(attacker.stream.publicKey).toString('hex')
  let uploaded = 0
  log.on('upload', ({ byteLength, peer }) => {
    const to =
      peer.remotePublicKey === null ? '' : Buffer.from(peer.remotePublicKey).toString('hex')
    if (to === name) uploaded += byteLength
  })
  attacker.mux.pause('never reads')
  let id = 0
  let room = true
  for (let i = 0; i < 200 && room; i++) {
    for (let j = 0; j < 400; j++) {
      const block = { index: j, nodes: 0 }
      room = attacker.send('request', { id: ++id, proof: { ...emptyRequest, block }, priority: 0 })
    }
    await turns(1)
  }
  t.absent(room, `it stopped reading us after ${id} questions`)
  await check()
  t.ok(uploaded <= 8 * 1024 * 1024, `${uploaded} bytes are on their way to it`)
  t.ok(uploaded > 0)
  attacker.mux.resume('never reads')
  await attacker.closed.promise
  const answered = attacker.all<Data>('data').map((data) => data.id)
  t.is(new Set(answered).size, answered.length, 'it is served on, each question once')
})

test('M18 questions and cancels at speed', TIMEOUT, async (t) => {
  const blocks = randomBlocks(seededRandom(40), 50, 100)
  const log = await openLog(t)
  await log.append(blocks)
  const check = await served(t, log, blocks)
  const attacker = await attack(t, log)
  await attacker.next<Sync>('sync')
  for (let id = 1; id <= 3_000; id++) {
    const block = { index: id % 50, nodes: 0 }
    attacker.send('request', { id, proof: { ...emptyRequest, block }, priority: id % 2 })
    attacker.send('cancel', id)
    attacker.send('cancel', id + 1_000_000)
    if (id % 3 === 0)
      attacker.send('request', { id, proof: { ...emptyRequest, block }, priority: 0 })
    if (id % 100 === 0) await turns(1)
  }
  while (attacker.all('data').length < 1_000) await turns(5)
  await turns()
  const answers = new Map<number, number>()
  for (const { id } of attacker.all<Data>('data')) answers.set(id, (answers.get(id) ?? 0) + 1)
  t.is(Math.max(...answers.values()), 1, 'at most one answer each')
  t.is([...answers.keys()].filter((id) => id % 3 === 0).length, 1_000)
  await check()
})

test('questions that nobody could answer: reason 2, and ever slower', TIMEOUT, async (t) => {
  const env = new ManualEnv()
  const blocks = randomBlocks(seededRandom(41), 50, 100)
  const log = await openLog(t, { env })
  await log.append(blocks)
  const check = await served(t, log, blocks)
  const attacker = await attack(t, log)
  await attacker.next<Sync>('sync')
  const bad = [
    { ...emptyRequest, block: { index: 2 ** 40, nodes: 0 } },
    { ...emptyRequest, hash: { nodeIndex: 2 ** 41, nodes: 3 } },
    { ...emptyRequest, upgrade: { start: 40, length: 2 ** 40 } },
    { ...emptyRequest, block: { index: 3, nodes: 2 ** 40 } }
  ]
  for (let id = 1; id <= 500; id++) {
    attacker.send('request', { id, proof: bad[id % 4], priority: 0 })
  }
  await turns(60)
  const first = attacker.all<NoData>('noData')
  t.ok(first.length >= 64 && first.length <= 100, `${first.length} answers at once`)
  t.ok(
    first.every(({ reason }) => reason === 2),
    'all invalid'
  )
  t.alike(attacker.all('data'), [])
  env.advance(1_000)
  await turns(30)
  const later = attacker.all('noData').length
  t.ok(later > first.length && later <= first.length + 40, `${later} after a second`)
  await check()
})
