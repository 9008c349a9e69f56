// T-MAL at the level of messages: peers that know the log's key and lie. Nothing false is stored, honest peers are
// served on, the process lives. Numbers are those of testing.md section 9.
import type { Assertions } from 'brittle'
import { test } from 'brittle'
import { type Env, systemEnv } from '../../lib/env.ts'
import type { Log } from '../../lib/log/log.ts'
import type { Data, Request } from '../../lib/replication/messages.ts'
import { fromUtf8 } from '../../lib/util/bytes.ts'
import { attack, claimAll, escaped, turns } from '../helpers/attacker.ts'
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
    if (reader.length === 0) t.ok(await reader.update())
    t.is(reader.length, writer.length)
    t.ok(sameBytes(await reader.get(9), now.blocks[9]!))
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
