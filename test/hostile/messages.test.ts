// T-MAL at the level of messages: peers that know the log's key and lie. Nothing false is stored, honest peers are
// served on, the process lives. Numbers are those of testing.md section 9.
import type { Assertions } from 'brittle'
import { test } from 'brittle'
import { encodeManifest } from '../../lib/core/manifest.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { type Env, systemEnv } from '../../lib/env.ts'
import { Log } from '../../lib/log/log.ts'
import { emptyRequest } from '../../lib/merkle/proof.ts'
import { PROTOCOL } from '../../lib/replication/constants.ts'
import type { Data, Request } from '../../lib/replication/messages.ts'
import { dataCodec } from '../../lib/replication/messages.ts'
import type { RawDuplex } from '../../lib/secret-stream/raw-duplex.ts'
import { createRawPair } from '../../lib/secret-stream/raw-pair.ts'
import { fromUtf8 } from '../../lib/util/bytes.ts'
import { encode } from '../../lib/util/codec.ts'
import { attack, claimAll, escaped, turns } from '../helpers/attacker.ts'
import { mutated } from '../helpers/decode-fuzz.ts'
import { seedsFor, tellFigures } from '../helpers/long.ts'
import { seededRandom } from '../helpers/random.ts'
import {
  assertSame,
  errorOf,
  join,
  openLog,
  openReader,
  randomBlocks,
  sameBytes,
  until
} from '../helpers/replication.ts'

const TIMEOUT = { timeout: 8_000 }
const LENGTH = 64

interface Scene {
  readonly writer: Log
  readonly blocks: readonly Uint8Array[]
  readonly reader: Log
  /** Codes of what the reader blamed on peers. */
  readonly faults: string[]
}

async function scene(t: Assertions, env: Env = systemEnv): Promise<Scene> {
  // The library's timers do not keep a process alive.
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(alive))
  const writer = await openLog(t)
  const blocks = randomBlocks(seededRandom(21), LENGTH, 200).map((block) =>
    block.byteLength === 0 ? fromUtf8('x') : block
  )
  await writer.append(blocks)
  const reader = await openLog(t, { key: writer.key, env })
  const faults: string[] = []
  reader.on('fault', (error) => faults.push((error as { code: string }).code))
  return { writer, blocks, reader, faults }
}

/** With an honest peer all is well; nothing escaped. */
async function assertSound(t: Assertions, { writer, blocks, reader }: Scene): Promise<void> {
  await join(t, reader, writer)
  await until(reader, 'peer-add', () => reader.peers.some((peer) => !peer.distrusted))
  if (reader.length < writer.length) t.ok(await reader.update(), 'upgraded by the honest peer')
  await reader.download().done()
  await assertSame(t, reader, blocks, writer, 'in the end')
  t.alike(escaped, [], 'nothing escaped')
}

/** The clock runs faster: timeouts of the library take a tenth. */
const hasty: Env = {
  ...systemEnv,
  now: () => systemEnv.now() * 10,
  setTimer: (delayMs, run) => systemEnv.setTimer(delayMs / 10, run)
}

function withBlock(
  data: Data,
  change: (block: NonNullable<Data['proof']['block']>) => object
): Data {
  const { block } = data.proof
  if (block === null) return data
  return { ...data, proof: { ...data.proof, block: { ...block, ...change(block) } } }
}

const bends: Record<string, { bend: (data: Data, request: Request) => Data; code: RegExp }> = {
  'M01 one flipped bit': {
    bend: (data) =>
      withBlock(data, ({ value }) => {
        const flipped = value.slice()
        flipped[0]! ^= 1
        return { value: flipped }
      }),
    code: /^BAD_HASH$/
  },
  'M02 the bytes of another block': {
    bend: (data) => withBlock(data, () => ({ value: fromUtf8('of another block') })),
    code: /^BAD_HASH$/
  },
  'M03 a sibling changed': {
    bend: (data) =>
      withBlock(data, ({ nodes, value }) =>
        nodes.length === 0
          ? { value: new Uint8Array(value.byteLength) }
          : { nodes: nodes.map((node) => ({ ...node, hash: new Uint8Array(32).fill(7) })) }
      ),
    code: /^BAD_/
  },
  'M03 a surplus sibling': {
    bend: (data) =>
      withBlock(data, ({ nodes }) => ({
        nodes: [...nodes, { nodeIndex: 1_000_001, byteLength: 5, hash: new Uint8Array(32) }]
      })),
    code: /^BAD_/
  },
  'M03 a sibling missing': {
    bend: (data) =>
      withBlock(data, ({ nodes, value }) =>
        nodes.length === 0 ? { value: new Uint8Array(value.byteLength) } : { nodes: nodes.slice(1) }
      ),
    code: /^BAD_/
  },
  'M03 siblings in another order': {
    bend: (data) =>
      withBlock(data, ({ nodes, value }) =>
        nodes.length < 2
          ? { value: new Uint8Array(value.byteLength) }
          : { nodes: [...nodes].reverse() }
      ),
    code: /^BAD_/
  },
  'M06 sizes shifted': {
    bend: (data) =>
      withBlock(data, ({ nodes, value }) =>
        nodes.length === 0
          ? { value: value.subarray(1) }
          : { nodes: nodes.map((node) => ({ ...node, byteLength: node.byteLength + 1 })) }
      ),
    code: /^BAD_/
  }
}

for (const [name, { bend, code }] of Object.entries(bends)) {
  test(`${name}: refused, not asked again`, TIMEOUT, async (t) => {
    const now = await scene(t)
    const { writer, reader, faults } = now
    const attacker = await attack(
      t,
      reader,
      claimAll(writer, (honest, request) => (request.proof.block ? bend(honest, request) : honest))
    )
    t.ok(await reader.update(), 'the honest part is taken')
    const want = reader.get(40)
    await until(reader, 'fault', () => faults.length > 0)
    t.ok(code.test(faults[0]!), faults[0])
    t.absent(reader.has(40))
    t.ok(reader.peers[0]?.distrusted)
    const asked = attacker.all('request').length
    const download = reader.download({ start: 0, end: LENGTH })
    await turns()
    t.is(attacker.all('request').length, asked, 'no more questions')
    await assertSound(t, now)
    t.ok(sameBytes(await want, now.blocks[40]!))
    await download.done()
  })
}

test('M02 a valid block for another index than asked', TIMEOUT, async (t) => {
  const now = await scene(t)
  const { writer, reader } = now
  const answers: number[] = []
  await attack(t, reader, {
    ...claimAll(writer, (honest) => honest),
    async onRequest(request, attacker) {
      const { block } = request.proof
      const other = block === null ? null : { ...block, index: (block.index + 1) % LENGTH }
      const proof = await writer.prove({ ...request.proof, block: other })
      if (proof === null) return
      if (other !== null) answers.push(other.index)
      attacker.data({ id: request.id, proof })
    }
  })
  await reader.update()
  const download = reader.download()
  while (answers.length < LENGTH) await turns(1)
  await turns()
  t.is(answers.length, LENGTH, 'each asked once')
  for (let i = 0; i < LENGTH; i++) if (reader.has(i)) t.fail(`${i} was taken`)
  await assertSound(t, now)
  await download.done()
})

const signatures: Record<string, (writer: Log, honest: Uint8Array) => Promise<Uint8Array>> = {
  random: async (_, honest) => honest.map((byte, i) => (i < 8 ? byte : byte ^ 0x55)),
  'of another length': async (writer) => {
    const { append } = { append: fromUtf8('one more') }
    await writer.append(append)
    const proof = await writer.prove({
      fork: 0,
      manifest: false,
      block: null,
      hash: null,
      seek: null,
      upgrade: { start: 0, length: writer.length }
    })
    return proof!.upgrade!.signature
  },
  'of another fork': async (writer, honest) => {
    await writer.truncate(LENGTH - 1)
    const proof = await writer.prove({
      ...emptyRequest,
      fork: writer.fork,
      upgrade: { start: 0, length: writer.length }
    })
    return proof?.upgrade?.signature ?? honest
  },
  'of another log': async (writer, honest) => {
    const other = await Log.open(null)
    await other.append(Array.from({ length: writer.length }, () => fromUtf8('x')))
    const proof = await other.prove({ ...emptyRequest, upgrade: { start: 0, length: LENGTH } })
    await other.close()
    return proof?.upgrade?.signature ?? honest
  },
  empty: async () => new Uint8Array(0)
}

for (const [name, sign] of Object.entries(signatures)) {
  test(`M04 upgrade with a signature ${name}`, TIMEOUT, async (t) => {
    const now = await scene(t)
    const { writer, reader, faults } = now
    const honest = await writer.prove({
      fork: 0,
      manifest: true,
      block: null,
      hash: null,
      seek: null,
      upgrade: { start: 0, length: LENGTH }
    })
    const upgrade = honest!.upgrade!
    const signature = await sign(writer, upgrade.signature)
    await attack(t, reader, {
      ...claimAll(writer, (data) => data),
      onRequest({ id }, attacker) {
        attacker.data({ id, proof: { ...honest!, upgrade: { ...upgrade, signature } } })
      }
    })
    const updated = reader.update()
    await until(reader, 'fault', () => faults.length > 0)
    t.ok(/^BAD_(SIGNATURE|MESSAGE)$/.test(faults[0]!), faults[0])
    t.is(reader.length, 0)
    t.is(await updated, false, 'nobody else can be expected to know of more')
    await join(t, reader, writer)
    await until(reader, 'peer-add', () => reader.peers.length === 2)
    // Of a later fork only what is behind the fork's own search is taken; here it is the same one.
    if (writer.fork === 0) {
      if (reader.length === 0) t.ok(await reader.update())
      t.is(reader.length, writer.length)
      t.ok(sameBytes(await reader.get(9), now.blocks[9]!))
    }
    t.alike(escaped, [])
  })
}

test('M05 a manifest of another log', TIMEOUT, async (t) => {
  const now = await scene(t)
  const { writer, reader, faults } = now
  const other = await openLog(t)
  await other.append(fromUtf8('x'))
  const { manifest } = (await other.prove({
    fork: 0,
    manifest: true,
    block: null,
    hash: null,
    seek: null,
    upgrade: { start: 0, length: 1 }
  }))!
  await attack(
    t,
    reader,
    claimAll(writer, (data) => ({ ...data, proof: { ...data.proof, manifest } }))
  )
  const updated = reader.update()
  await until(reader, 'fault', () => faults.length > 0)
  t.is(faults[0], 'BAD_MANIFEST')
  t.is(reader.length, 0)
  t.is(await updated, false)
  await assertSound(t, now)
})

test('M07 answers to questions never asked, twice, of another fork', TIMEOUT, async (t) => {
  const now = await scene(t)
  const { writer, reader } = now
  const attacker = await attack(
    t,
    reader,
    claimAll(writer, (honest) => honest)
  )
  await reader.update()
  const proof = (await writer.prove({
    fork: 0,
    manifest: false,
    block: { index: 12, nodes: 6 },
    hash: null,
    seek: null,
    upgrade: null
  }))!
  for (const id of [0, 1, 77, 2 ** 40]) attacker.data({ id, proof })
  attacker.noData({ id: 99, reason: 1 })
  await turns()
  t.absent(reader.has(12))
  let downloads = 0
  reader.on('download', () => downloads++)
  const asked = attacker.next<Request>('request')
  const want = reader.get(13)
  const { id, proof: request } = await asked
  const right = (await writer.prove(request))!
  attacker.data({ id, proof: right })
  attacker.data({ id, proof: right })
  attacker.data({ id, proof: { ...right, fork: 3 } })
  t.ok(sameBytes(await want, now.blocks[13]!))
  await turns()
  t.is(downloads, 1)
  await assertSound(t, now)
})

test('M20 claims everything, answers nothing, beside an honest peer', TIMEOUT, async (t) => {
  const now = await scene(t, hasty)
  const { writer, reader } = now
  await attack(
    t,
    reader,
    claimAll(writer, (honest) => (honest.proof.upgrade === null ? null : honest))
  )
  await reader.update()
  const download = reader.download()
  await turns()
  const start = systemEnv.now()
  await assertSound(t, now)
  await download.done()
  t.comment(`${Math.round(systemEnv.now() - start)} ms at ten times the speed`)
})

test('M22 can upgrade, then silence; a second peer is honest', TIMEOUT, async (t) => {
  const now = await scene(t, hasty)
  const { writer, reader } = now
  const attacker = await attack(
    t,
    reader,
    claimAll(writer, () => null)
  )
  const updated = reader.update()
  while (attacker.all('request').length === 0) await turns(1)
  await join(t, reader, writer)
  const start = systemEnv.now()
  t.ok(await updated)
  t.is(reader.length, LENGTH)
  const tookMs = (systemEnv.now() - start) * 10
  t.ok(tookMs < 5_000, `${Math.round(tookMs)} ms of the library's time`)
  t.alike(escaped, [])
})

test('M23 M24 older heads and lower forks change nothing', TIMEOUT, async (t) => {
  const now = await scene(t)
  const { writer, reader } = now
  const older = await openReader(t, writer)
  await older.accept(
    (await writer.prove({
      fork: 0,
      manifest: true,
      block: null,
      hash: null,
      seek: null,
      upgrade: { start: 0, length: LENGTH }
    }))!
  )
  await writer.append(now.blocks)
  const toWriter = await join(t, reader, writer)
  await reader.update()
  t.is(reader.length, 2 * LENGTH)
  await toWriter.cut()
  const attacker = await attack(
    t,
    reader,
    claimAll(older, (honest) => honest)
  )
  attacker.sync({ length: LENGTH, remoteLength: 2 * LENGTH })
  await turns()
  t.is(reader.length, 2 * LENGTH)
  t.is(await reader.update(), false)
  await join(t, reader, writer)
  await reader.download().done()
  await assertSame(t, reader, [...now.blocks, ...now.blocks], writer, 'in the end')
})

test('M30 ranges and bitfields for 2^53 blocks', TIMEOUT, async (t) => {
  const now = await scene(t)
  const { writer, reader } = now
  const attacker = await attack(
    t,
    reader,
    claimAll(writer, (honest) => (honest.proof.upgrade === null ? null : honest))
  )
  await reader.update()
  const max = Number.MAX_SAFE_INTEGER
  const words = new Uint32Array(4096).fill(0xffffffff)
  const start = systemEnv.now()
  attacker.sync({ length: max, remoteLength: LENGTH, canUpgrade: false })
  attacker.range(0, max)
  attacker.range(1, max)
  attacker.range(max, max)
  for (let i = 0; i < 300; i++) {
    attacker.range(i * 2 ** 40 + 1, 2 ** 45)
    attacker.range(i * 2 ** 40, 1, true)
    attacker.send('bitfield', { start: max - 31 - i * 32, words })
    attacker.send('bitfield', { start: i * 2 ** 38, words })
  }
  attacker.range(3, max, true)
  attacker.range(0, max, true)
  attacker.range(0, max)
  const want = reader.download()
  attacker.send('want', { start: 0, length: max, any: false })
  attacker.send('want', { start: 2 ** 52, length: 2 ** 52, any: true })
  await assertSound(t, now)
  await want.done()
  const tookMs = systemEnv.now() - start
  t.ok(tookMs < 4_000, `no stall: ${Math.round(tookMs)} ms`)
})

test('M31 announces all, says noData to everything', TIMEOUT, async (t) => {
  const now = await scene(t)
  const { writer, reader } = now
  const times = new Map<number, number>()
  const attacker = await attack(t, reader, {
    ...claimAll(writer, (honest) => honest),
    async onRequest({ id, proof: request }, self) {
      if (request.upgrade !== null) {
        self.data({ id, proof: (await writer.prove(request))! })
        return
      }
      const index = request.block?.index ?? -1
      times.set(index, (times.get(index) ?? 0) + 1)
      self.noData({ id, reason: 1 })
    }
  })
  await reader.update()
  const want = reader.get(5)
  const download = reader.download()
  for (let i = 0; i < 20; i++) {
    await turns()
    if (i % 5 === 4) attacker.range(0, LENGTH)
  }
  const most = Math.max(...times.values())
  t.ok(most <= 5, `a block was asked ${most} times, announced 5 times`)
  t.is(await errorOf(reader.get(6, { timeoutMs: 20 })), 'AbortError TIMEOUT')
  await assertSound(t, now)
  await download.done()
  t.ok(sameBytes(await want, now.blocks[5]!))
})

test('M05 quorum 0, 1,000 signers: refused before any signature is checked', TIMEOUT, async (t) => {
  const signers = Array.from({ length: 1_000 }, () => ({
    signature: 'ed25519' as const,
    namespace: new Uint8Array(32),
    publicKey: createKeyPair().publicKey
  }))
  const plain = { version: 1, hash: 'blake2b', allowPatch: false } as const
  const rest = { prologue: null, linked: null, userData: null }
  const manifests = [
    { ...plain, ...rest, quorum: 0, signers: signers.slice(0, 1) },
    { ...plain, ...rest, quorum: 1_000, signers },
    { ...plain, ...rest, quorum: 65, signers: signers.slice(0, 65) }
  ]
  for (const manifest of manifests) {
    const now = await scene(t)
    const { writer, reader, faults } = now
    const bytes = encodeManifest(manifest)
    const attacker = await attack(
      t,
      reader,
      claimAll(writer, (data) => ({ ...data, proof: { ...data.proof, manifest: bytes } }))
    )
    const updated = reader.update()
    await until(reader, 'fault', () => faults.length > 0)
    t.is(faults[0], 'BAD_MANIFEST')
    t.is(reader.length, 0)
    t.is(await updated, false)
    attacker.stream.destroy()
    await assertSound(t, now)
  }
})

test('M06 sizes shifted between siblings, then a seek', TIMEOUT, async (t) => {
  const now = await scene(t)
  const { writer, reader, blocks } = now
  await attack(
    t,
    reader,
    claimAll(writer, (honest) => {
      const { upgrade, hash, seek } = honest.proof
      const shift = <T extends { byteLength: number }>(nodes: readonly T[]): T[] =>
        nodes.map((node, i) => ({ ...node, byteLength: node.byteLength + (i % 2 === 0 ? 1 : -1) }))
      return {
        ...honest,
        proof: {
          ...honest.proof,
          upgrade: upgrade && { ...upgrade, additionalNodes: shift(upgrade.additionalNodes) },
          hash: hash && { ...hash, nodes: shift(hash.nodes) },
          seek: seek && { ...seek, nodes: shift(seek.nodes) }
        }
      }
    })
  )
  await reader.update()
  const sought = reader.seek(1_000, { timeoutMs: 200 }).catch(() => null)
  const early = await sought
  await join(t, reader, writer)
  await until(reader, 'peer-add', () => reader.peers.some((peer) => !peer.distrusted))
  if (reader.length === 0) await reader.update()
  const found = await reader.seek(1_000)
  let [index, rest] = [0, 1_000]
  while (rest >= blocks[index]!.byteLength) rest -= blocks[index++]!.byteLength
  t.alike([found?.index, found?.byteOffset], [index, rest], 'the right answer')
  if (early !== null) t.alike([early.index, early.byteOffset], [index, rest], 'never a wrong one')
  t.alike(escaped, [])
})

test('M08 proofs of 60,000 nodes, positions of 2^53 - 1, counts of 2^40', TIMEOUT, async (t) => {
  const now = await scene(t)
  const { writer, reader } = now
  const max = Number.MAX_SAFE_INTEGER
  const node = { nodeIndex: max, byteLength: max, hash: new Uint8Array(32) }
  const proofs = [
    Array.from({ length: 257 }, () => node),
    Array.from({ length: 60_000 }, () => node),
    Array.from({ length: 256 }, () => node),
    [node]
  ]
  let ended = 0
  for (const nodes of proofs) {
    const attacker = await attack(t, reader, {
      ...claimAll(writer, (data) => data),
      onRequest({ id, proof }, self) {
        if (proof.upgrade === null) return
        const upgrade = {
          ...proof.upgrade,
          nodes,
          additionalNodes: [],
          signature: new Uint8Array(68)
        }
        const data = {
          id,
          proof: { fork: 0, block: null, hash: null, seek: null, upgrade, manifest: null }
        }
        const body = encode(dataCodec, data)
        self.sendFrame(new Uint8Array([self.channel.localId, 3, ...body]))
      }
    })
    const updated = reader.update().catch(() => false)
    await attacker.next('request')
    await turns(10)
    if (attacker.stream.isClosed) ended++
    attacker.stream.destroy()
    t.is(await updated, false)
    t.is(reader.length, 0)
  }
  t.is(ended, 2, 'a list too long ends the connection')
  await assertSound(t, now)
})

test(
  'three false proofs within a minute end the connection, over all channels',
  TIMEOUT,
  async (t) => {
    const now = await scene(t)
    const { writer, reader, faults } = now
    const attacker = await attack(
      t,
      reader,
      claimAll(writer, (honest, request) =>
        request.proof.block === null
          ? honest
          : withBlock(honest, ({ value }) => ({ value: new Uint8Array(value.byteLength + 1) }))
      )
    )
    await reader.update()
    const download = reader.download()
    // A channel opened anew is trusted anew, but the connection remembers.
    for (let lies = 1; lies < 3; lies++) {
      await until(reader, 'fault', () => faults.length >= lies)
      t.absent(attacker.stream.isClosed, `${lies} so far`)
      attacker.channel.close()
      await attacker.mux.whenFree({ protocol: PROTOCOL, id: reader.discoveryKey })
      await turns()
      attacker.open()
    }
    await until(reader, 'fault', () => faults.length >= 3)
    await turns()
    t.ok(attacker.stream.isClosed, 'not the channel alone')
    t.ok(faults.length >= 3 && faults.every((code) => code.startsWith('BAD_')), faults.join())
    await assertSound(t, now)
    await download.done()
  }
)

test('M21 answers each question just before the time-out', TIMEOUT, async (t) => {
  const now = await scene(t, hasty)
  const { writer, reader } = now
  const waiting: (() => void)[] = []
  await attack(t, reader, {
    ...claimAll(writer, (honest) => honest),
    async onRequest({ id, proof: request }, self) {
      const proof = await writer.prove(request)
      if (proof === null) return
      if (request.upgrade !== null) self.data({ id, proof })
      else waiting.push(() => self.data({ id, proof }))
    }
  })
  await reader.update()
  const download = reader.download()
  const slow = setInterval(() => waiting.shift()?.(), 800)
  t.teardown(() => clearInterval(slow))
  await assertSound(t, now)
  await download.done()
})

test('wants without end from a peer that does not read', TIMEOUT, async (t) => {
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(alive))
  const writer = await openLog(t)
  for (let i = 0; i < 5; i++) {
    await writer.append(Array.from({ length: 14_000 }, () => fromUtf8('x')))
  }
  await writer.clear(5, 6)
  const attacker = await attack(t, writer)
  await attacker.opened.promise
  await turns(5)
  attacker.mux.pause('never reads')
  let sent = 0
  for (let i = 0; i < 100; i++) {
    for (let j = 0; j < 100; j++, sent++) {
      attacker.send('want', { start: 0, length: 65_536 * 2, any: false })
    }
    await turns(1)
  }
  const bytes = attacker.victim?.bufferedBytes ?? 0
  t.ok(bytes > 0 && bytes <= 1024 * 1024, `${bytes} bytes of answers wait after ${sent} wants`)
  attacker.mux.resume('never reads')
  while (attacker.all('bitfield').length < sent) await turns(5)
  t.pass('who reads again is told all')
  t.alike(escaped, [])
})

test('M12 mutated frames of replication, an honest reader beside', {
  timeout: 600_000
}, async (t) => {
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(alive))
  const random = seededRandom(72)
  const writer = await openLog(t)
  const blocks = randomBlocks(seededRandom(73), 40, 100)
  await writer.append(blocks)
  const figures = { connections: seedsFor(200, 5_000), frames: 0, mutated: 0, ended: 0 }
  const honest = await openReader(t, writer)
  await join(t, writer, honest)
  for (let i = 0; i < figures.connections; i++) {
    const reader = await Log.open(null, { key: writer.key })
    const { inner, outer } = createRawPair()
    const ours = writer.replicateOver(inner, { isInitiator: false })
    const theirs = reader.replicateOver(outer as unknown as RawDuplex, { isInitiator: true })
    // Either side's frames pass the mutator, in turn.
    const bent = i % 2 === 0 ? theirs : ours
    const send = bent.send.bind(bent)
    bent.send = (frame) => {
      figures.frames++
      if (random.int(10) !== 0) return send(frame)
      figures.mutated++
      return send(new Uint8Array(mutated(frame, random.bytes(30), random)))
    }
    const work = reader
      .update({ signal: AbortSignal.timeout(50) })
      .then(() => reader.download({ start: 0, end: 40 }).done())
      .catch(() => {})
    await turns(6)
    if (ours.isClosed || theirs.isClosed) figures.ended++
    for (let at = 0; at < reader.length; at++) {
      const block = await reader.get(at, { wait: false })
      if (block !== null && !sameBytes(block, blocks[at]!)) t.fail(`connection ${i}: block ${at}`)
    }
    theirs.destroy()
    await reader.close()
    await work
  }
  if (honest.length < writer.length) await honest.update()
  await honest.download({ start: 0, end: writer.length }).done()
  await assertSame(t, honest, blocks, writer, 'the honest reader')
  tellFigures(t, 'T-MAL M12 replication', figures)
  t.alike(escaped, [])
})
