// Where the reference is weak (spec replication.md section 21), and what we do instead: a peer that is mute stops
// nothing, none is passed over for good, and one answer that cannot be made costs that answer alone. What other tests
// show is not repeated: mute about upgrades M22 and replication/patience, about blocks M20, retries of what was refused
// M31, queues M16 to M18, capability M32, messages on opening replication/quiet, pushes log/push, windows and nodes of
// proofs replication/patience and relation.
import { setMaxListeners } from 'node:events'
import { type Assertions, test } from 'brittle'
import { createManifest } from '../../lib/core/manifest.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { type Env, systemEnv } from '../../lib/env.ts'
import type { Log } from '../../lib/log/log.ts'
import { emptyRequest, type ProofRequest } from '../../lib/merkle/proof.ts'
import {
  DISTRUST_MS,
  MAX_SCAN,
  REQUEST_TIMEOUT_MS,
  TICK_MS
} from '../../lib/replication/constants.ts'
import type { Data, NoData, Range, Request, Sync } from '../../lib/replication/messages.ts'
import { type Attacker, attack, turns } from '../helpers/attacker.ts'
import { ManualEnv } from '../helpers/manual-env.ts'
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

const TIMEOUT = { timeout: 20_000 }
const LENGTH = 200
const FALSE = new TextEncoder().encode('of no log')
const blocks = randomBlocks(seededRandom(61), LENGTH, 80)

/** The clock runs faster: time-outs of the library take a tenth. */
const hasty: Env = {
  ...systemEnv,
  now: () => systemEnv.now() * 10,
  setTimer: (delayMs, run) => systemEnv.setTimer(delayMs / 10, run)
}

/** The clock stands still unless the test moves it. */
function stillEnv(): { env: Env; clock: ManualEnv } {
  const clock = new ManualEnv()
  const setTimer: Env['setTimer'] = (delayMs, run) => clock.setTimer(delayMs, run)
  return { clock, env: { ...systemEnv, now: () => clock.now(), setTimer } }
}

/** Some turns for what is under way, then the clock. */
async function advance(clock: ManualEnv, ms: number): Promise<void> {
  await turns(50)
  clock.advance(ms)
}

/** Who knows the length already, and no block. */
async function knowing(t: Assertions, writer: Log, env: Env = systemEnv): Promise<Log> {
  const reader = await openLog(t, { key: writer.key, env })
  const upgrade = { start: 0, length: writer.length }
  const proof = await writer.prove({ ...emptyRequest, manifest: true, upgrade })
  if (proof !== null) await reader.accept(proof)
  return reader
}

async function written(t: Assertions): Promise<Log> {
  const writer = await openLog(t)
  await writer.append(blocks)
  return writer
}

async function asked(attacker: Attacker): Promise<void> {
  while (attacker.all('request').length === 0) await new Promise((r) => setTimeout(r, 2))
}

function question(parts: Partial<ProofRequest>, id: number): Request {
  return { id, proof: { ...emptyRequest, ...parts }, priority: 0 }
}

test('3: mute about the manifest, beside one who tells it', TIMEOUT, async (t) => {
  const signers = [createKeyPair(), createKeyPair()]
  const honest = await openLog(t, { manifest: createManifest({ signers }) })
  const reader = await openLog(t, { key: honest.key, env: hasty })
  const attacker = await attack(t, reader)
  await attacker.opened.promise
  attacker.sync({ length: 0, hasManifest: true })
  await asked(attacker)
  await join(t, honest, reader)
  await until(reader, 'manifest', () => reader.manifest !== null)
  t.is(reader.manifest?.signers.length, 2)
})

test('3: mute about a higher fork, beside one who proves it', TIMEOUT, async (t) => {
  const writer = await written(t)
  const reader = await openLog(t, { key: writer.key, env: hasty })
  const first = await join(t, writer, reader)
  await reader.download({ start: 0, end: LENGTH }).done()
  await first.cut()
  await writer.truncate(150)
  const attacker = await attack(t, reader)
  await attacker.opened.promise
  attacker.sync({ fork: 1, length: 150, canUpgrade: false })
  attacker.range(0, 150)
  await asked(attacker)
  await join(t, writer, reader)
  await until(reader, 'truncate', () => reader.fork === 1)
  await assertSame(t, reader, blocks.slice(0, 150), writer, 'reader')
})

test('3: mute about a seek, beside one who answers', TIMEOUT, async (t) => {
  const writer = await written(t)
  const reader = await knowing(t, writer, hasty)
  const attacker = await attack(t, reader)
  await attacker.opened.promise
  attacker.sync({ length: LENGTH, remoteLength: LENGTH })
  attacker.range(0, LENGTH)
  const sought = reader.seek(4_321)
  await asked(attacker)
  await join(t, writer, reader)
  t.alike(await sought, await writer.seek(4_321))
})

test('3: what does not come has a time-out, and a reason', TIMEOUT, async (t) => {
  const writer = await written(t)
  const { env, clock } = stillEnv()
  const reader = await knowing(t, writer, env)
  const attacker = await attack(t, reader)
  await attacker.opened.promise
  attacker.sync({ length: LENGTH, remoteLength: LENGTH })
  attacker.range(0, LENGTH)
  await until(reader, 'peer-add', () => reader.peers.length === 1)
  const questions = (): Request[] =>
    attacker.all<Request>('request').filter(({ proof }) => proof.block !== null)
  const wish = reader.get(5)
  while (questions().length === 0) await turns(1)
  t.is(reader.explain(5).reason, 'in-flight')
  for (let ms = 0; ms <= REQUEST_TIMEOUT_MS; ms += TICK_MS) await advance(clock, TICK_MS)
  t.is(reader.explain(5).reason, 'silent')
  t.is(reader.sync.peers[0]?.waitingBecause, 'silent')
  t.is(questions().length, 1)
  attacker.range(0, LENGTH)
  while (questions().length < 2) await turns(1)
  t.is(reader.explain(5).reason, 'in-flight', 'it said something: it is asked again')
  await join(t, writer, reader)
  await turns()
  for (let ms = 0; ms <= REQUEST_TIMEOUT_MS && !reader.has(5); ms += TICK_MS) {
    await advance(clock, TICK_MS)
  }
  t.ok(sameBytes(await wish, blocks[5] as Uint8Array), 'of another')
})

test(
  '4: who lacks a hundred blocks gives the others, and those when it has them',
  TIMEOUT,
  async (t) => {
    const writer = await written(t)
    const reader = await openReader(t, writer)
    let lacks = 100
    let refusals = 0
    const attacker = await attack(t, reader, {
      async onRequest({ id, proof: request }, self) {
        const isLacking = request.block !== null && request.block.index < lacks
        if (isLacking) {
          refusals++
          self.noData({ id, reason: 1 })
        } else self.data({ id, proof: (await writer.prove(request)) as Data['proof'] })
      }
    })
    await attacker.opened.promise
    attacker.sync({ length: LENGTH })
    attacker.range(0, LENGTH)
    await until(reader, 'append', () => reader.length === LENGTH)
    attacker.sync({ length: LENGTH, remoteLength: LENGTH })
    const download = reader.download({ start: 0, end: LENGTH })
    await until(reader, 'download', () => reader.has(100, LENGTH))
    while (refusals < 100) await new Promise((r) => setTimeout(r, 2))
    t.is(refusals, 100, 'each was asked for once')
    lacks = 0
    attacker.range(0, LENGTH)
    await download.done()
    await assertSame(t, reader, blocks, writer, 'reader')
  }
)

test('4: who sent one false block is asked for the others after a while', TIMEOUT, async (t) => {
  const writer = await written(t)
  const { env, clock } = stillEnv()
  const reader = await knowing(t, writer, env)
  const asked: number[] = []
  const attacker = await attack(t, reader, {
    async onRequest({ id, proof: request }, self) {
      const proof = (await writer.prove(request)) as Data['proof']
      const { block } = proof
      if (block !== null) asked.push(block.index)
      const isFalse = block?.index === 33
      self.data({ id, proof: isFalse ? { ...proof, block: { ...block, value: FALSE } } : proof })
    }
  })
  await attacker.opened.promise
  attacker.sync({ length: LENGTH, remoteLength: LENGTH })
  attacker.range(0, LENGTH)
  await until(reader, 'peer-add', () => reader.peers.length === 1)
  const controller = new AbortController()
  const wish = errorOf(reader.get(33, { signal: controller.signal }))
  while (reader.peers[0]?.distrusted !== true) await turns(1)
  controller.abort()
  t.is(await wish, 'AbortError ABORTED')
  const download = reader.download({ start: 0, end: LENGTH })
  await advance(clock, DISTRUST_MS - 1)
  await turns()
  t.alike(asked, [33], 'left alone for a while')
  await advance(clock, 1)
  await until(reader, 'download', () => reader.has(0, 33) && reader.has(34, LENGTH))
  t.is(reader.explain(33).reason, 'refused', 'what it bent is not asked of it again')
  t.is(asked.filter((index) => index === 33).length, 1)
  await join(t, writer, reader)
  await download.done()
  await assertSame(t, reader, blocks, writer, 'reader')
})

test('4: who goes on sending false blocks is not listened to for long', TIMEOUT, async (t) => {
  const writer = await written(t)
  const { env, clock } = stillEnv()
  const reader = await knowing(t, writer, env)
  let lies = 0
  const attacker = await attack(t, reader, {
    async onRequest({ id, proof: request }, self) {
      const proof = (await writer.prove(request)) as Data['proof']
      const { block } = proof
      if (block === null) return
      lies++
      self.data({ id, proof: { ...proof, block: { ...block, value: FALSE } } })
    }
  })
  await attacker.opened.promise
  attacker.sync({ length: LENGTH, remoteLength: LENGTH })
  attacker.range(0, LENGTH)
  const faults: string[] = []
  reader.on('fault', (error) => faults.push((error as { code: string }).code))
  const controller = new AbortController()
  // One at a time, so that each is a false proof of its own.
  const wish = (index: number): void => {
    reader.get(index, { signal: controller.signal }).catch(() => {})
  }
  wish(1)
  await until(reader, 'fault', () => faults.length === 1)
  wish(2)
  await advance(clock, DISTRUST_MS)
  await until(reader, 'fault', () => faults.length === 2)
  wish(3)
  await advance(clock, DISTRUST_MS)
  await turns()
  t.is(lies, 2, 'left alone for longer than the first time')
  await advance(clock, DISTRUST_MS)
  await attacker.closed.promise
  t.is(lies, 3)
  controller.abort()
})

test('6: an answer that cannot be made costs that answer alone', TIMEOUT, async (t) => {
  const writer = await written(t)
  const seeder = await openReader(t, writer)
  await join(t, writer, seeder)
  await seeder.get(5)
  const attacker = await attack(t, seeder)
  await attacker.opened.promise
  const impossible: Partial<ProofRequest>[] = [
    { hash: { nodeIndex: 2 * 100, nodes: 3 } },
    { block: { index: 100, nodes: 0 } },
    { upgrade: { start: 13, length: LENGTH - 13 } },
    { hash: { nodeIndex: 2 * 100, nodes: 2 }, seek: { byteOffset: 4_000, padding: 0 } },
    { block: { index: 5, nodes: 0 }, fork: 7 }
  ]
  for (const [id, parts] of impossible.entries()) {
    const refused = attacker.next<NoData>('noData')
    attacker.send('request', question(parts, id + 1))
    t.is((await refused).id, id + 1)
  }
  const answer = attacker.next<Data>('data')
  attacker.send('request', question({ block: { index: 5, nodes: 0 } }, 9))
  const { value } = (await answer).proof.block as NonNullable<Data['proof']['block']>
  t.ok(sameBytes(value, blocks[5] as Uint8Array))
})

test('7: a block that was cleared takes no knowledge of later ones with it', TIMEOUT, async (t) => {
  const writer = await written(t)
  const reader = await knowing(t, writer)
  const asked: number[] = []
  const attacker = await attack(t, reader, {
    async onRequest({ id, proof: request }, self) {
      if (request.block !== null) asked.push(request.block.index)
      self.data({ id, proof: (await writer.prove(request)) as Data['proof'] })
    }
  })
  await attacker.opened.promise
  attacker.sync({ length: LENGTH, remoteLength: LENGTH })
  attacker.range(0, LENGTH)
  attacker.range(50, 1, true)
  await until(reader, 'peer-add', () => reader.peers.length === 1)
  const download = reader.download({ start: 0, end: LENGTH })
  await until(reader, 'download', () => reader.has(0, 50) && reader.has(51, LENGTH))
  t.is(asked.length, LENGTH - 1, 'each once')
  t.absent(asked.includes(50))
  attacker.range(50, 1)
  await download.done()
  await assertSame(t, reader, blocks, writer, 'reader')
})

test('8: wants of any shape are answered', TIMEOUT, async (t) => {
  const writer = await written(t)
  await writer.clear(10, 20)
  const attacker = await attack(t, writer)
  await attacker.opened.promise
  for (const [start, length] of [
    [0, 2 ** 22],
    [0, 2 ** 40],
    [32, 2 ** 21 + 32],
    [64, 100]
  ] as const) {
    const told = attacker.next('bitfield')
    attacker.send('want', { start, length, any: false })
    await told
    t.pass(`${length} blocks from ${start}`)
  }
})

test('10: no more is said of the head than there is to say', TIMEOUT, async (t) => {
  const writer = await written(t)
  const appends = 50
  const attacker = await attack(t, writer)
  await attacker.opened.promise
  attacker.sync({ length: LENGTH, remoteLength: LENGTH })
  await turns()
  const before = attacker.received.length
  t.ok(attacker.all<Sync>('sync').length <= 2, 'on opening')
  for (let i = 0; i < appends; i++) {
    await writer.append(FALSE)
    await turns(1)
  }
  const isTold = (): boolean =>
    attacker.all<Sync>('sync').at(-1)?.length === LENGTH + appends &&
    attacker.all<Range>('range').some(({ start, length }) => start + length >= LENGTH + appends)
  while (!isTold()) await new Promise((r) => setTimeout(r, 2))
  const said = attacker.received.slice(before)
  for (const kind of ['sync', 'range'] as const) {
    const count = said.filter((each) => each.kind === kind).length
    t.ok(count <= appends, `${kind}: ${count} for ${appends} appends`)
  }
  t.is(said.filter(({ kind }) => kind !== 'sync' && kind !== 'range').length, 0, 'nothing else')
})

test(
  '11: one upgrade, and no fault, where pushes are allowed on a channel anew',
  TIMEOUT,
  async (t) => {
    const writer = await openLog(t)
    await writer.append(blocks.slice(0, 20))
    const reader = await openLog(t, { key: writer.key, push: true })
    const faults: unknown[] = []
    for (const log of [writer, reader]) log.on('fault', (error) => faults.push(error))
    for (let length = 20; length <= 120; length += 20) {
      const connection = await join(t, writer, reader)
      await until(reader, 'append', () => reader.length === length)
      writer.push(length - 1)
      await until(reader, 'download', () => reader.has(length - 1))
      await connection.cut()
      await writer.append(blocks.slice(length, length + 20))
    }
    t.alike(faults, [])
  }
)

test(
  '12: a block that somebody waits for passes by a window full of others',
  TIMEOUT,
  async (t) => {
    const writer = await openLog(t)
    await writer.append(randomBlocks(seededRandom(62), 3_000, 60))
    const reader = await knowing(t, writer)
    const attacker = await attack(t, reader)
    await attacker.opened.promise
    attacker.sync({ length: 3_000, remoteLength: 3_000 })
    attacker.range(0, 3_000)
    await until(reader, 'peer-add', () => reader.peers.length === 1)
    const download = reader.download({ start: 0, end: 2_900 })
    await asked(attacker)
    await turns()
    const full = attacker.all('request').length
    t.ok(full < 2_900, 'the rest waits')
    const controller = new AbortController()
    const wishes = [2_990, 2_950, 2_999]
    const ends = wishes.map((index) => errorOf(reader.get(index, { signal: controller.signal })))
    while (attacker.all('request').length < full + 3) await turns(1)
    const wished = attacker.all<Request>('request').slice(full)
    t.alike(
      wished.map(({ proof, priority }) => [proof.block?.index, priority]),
      wishes.map((index) => [index, 1]),
      'in the order of the calls'
    )
    controller.abort()
    download.destroy()
    await Promise.all(ends)
  }
)

test('12: urgent questions are answered first, and in their order', TIMEOUT, async (t) => {
  const writer = await written(t)
  const attacker = await attack(t, writer)
  await attacker.opened.promise
  for (let id = 1; id <= 500; id++) {
    attacker.send('request', question({ block: { index: id % LENGTH, nodes: 0 } }, id))
  }
  for (let id = 1_001; id <= 1_005; id++) {
    const { proof } = question({ block: { index: id % LENGTH, nodes: 0 } }, id)
    attacker.send('request', { id, proof, priority: 1 })
  }
  while (attacker.all('data').length < 505) await turns(1)
  const ids = attacker.all<Data>('data').map(({ id }) => id)
  const urgent = ids.filter((id) => id > 1_000)
  t.alike(urgent, [1_001, 1_002, 1_003, 1_004, 1_005])
  t.ok(ids.indexOf(1_005) < 250, `answer ${ids.indexOf(1_005)} of 505`)
})

for (const kind of ['blocks', 'ranges'] as const) {
  test(
    `12: of more ${kind} than are looked at in one go, none is passed over`,
    TIMEOUT,
    async (t) => {
      const writer = await openLog(t)
      const length = 4 * MAX_SCAN
      await writer.append(randomBlocks(seededRandom(63), length, 20))
      const { env, clock } = stillEnv()
      const reader = await knowing(t, writer, env)
      const attacker = await attack(t, reader, {
        async onRequest({ id, proof: request }, self) {
          self.data({ id, proof: (await writer.prove(request)) as Data['proof'] })
        }
      })
      await attacker.opened.promise
      attacker.sync({ length, remoteLength: length })
      attacker.range(length - 1, 1)
      await until(reader, 'peer-add', () => reader.peers.length === 1)
      const controller = new AbortController()
      const { signal } = controller
      setMaxListeners(0, signal)
      for (let i = 0; i < length; i++) {
        if (kind === 'blocks') reader.get(i, { signal }).catch(() => {})
        else reader.download({ start: i, end: i + 1, signal })
      }
      for (let ticks = 0; ticks < 6; ticks++) await advance(clock, TICK_MS)
      await until(reader, 'download', () => reader.has(length - 1))
      t.pass('the last one, which alone this peer has')
      controller.abort()
    }
  )
}

/** Whether the bytes from there on are those from the offset on: at a border, blocks without bytes do not matter. */
function isPlaceOf(
  held: readonly Uint8Array[],
  offset: number,
  place: { index: number; byteOffset: number } | null
): boolean {
  if (place === null) return false
  const { index, byteOffset } = place
  let start = 0
  for (let i = 0; i < index; i++) start += held[i]?.byteLength ?? 0
  const isInside = byteOffset === 0 || byteOffset < (held[index]?.byteLength ?? 0)
  return start + byteOffset === offset && isInside
}

async function assertSeeks(
  t: Assertions,
  log: Log,
  held: readonly Uint8Array[],
  step: number
): Promise<void> {
  let wrong = -1
  for (let offset = 0; offset <= log.byteLength; offset += step) {
    if (!isPlaceOf(held, offset, await log.seek(offset))) wrong = offset
  }
  t.is(wrong, -1, `${log.byteLength} bytes, every ${step}`)
  t.alike(await log.seek(log.byteLength), { index: held.length, byteOffset: 0 }, 'its end')
}

test('16: every byte is found, on every kind of log', TIMEOUT, async (t) => {
  const encryption = { key: new Uint8Array(32).fill(9) }
  for (const options of [{}, { encryption }]) {
    const writer = await openLog(t, options)
    await writer.append(blocks)
    await assertSeeks(t, writer, blocks, 1)
    const sparse = await openLog(t, { key: writer.key, ...options })
    await join(t, writer, sparse)
    await until(sparse, 'append', () => sparse.length === LENGTH)
    await assertSeeks(t, sparse, blocks, 7)
    const third = await openLog(t, { key: writer.key, ...options })
    await join(t, sparse, third)
    await join(t, writer, third)
    await until(third, 'append', () => third.length === LENGTH)
    await assertSeeks(t, third, blocks, 31)
    // Other lengths at the same places.
    const cut = 77
    const next = [...blocks.slice(0, cut), ...randomBlocks(seededRandom(64), 90, 40)]
    await writer.truncate(cut)
    await writer.append(next.slice(cut))
    for (const log of [sparse, third]) {
      while (log.fork !== 1 || log.length !== next.length) await turns(1)
    }
    for (const log of [writer, sparse, third]) await assertSeeks(t, log, next, 13)
  }
})

test('17: a peer that cannot be upgraded hears of the length all the same', TIMEOUT, async (t) => {
  const writer = await openLog(t)
  await writer.append(blocks.slice(0, 20))
  const seeder = await openReader(t, writer)
  await join(t, writer, seeder)
  await until(seeder, 'append', () => seeder.length === 20)
  const attacker = await attack(t, seeder)
  await attacker.opened.promise
  attacker.sync({ length: 13, canUpgrade: false })
  await writer.append(blocks.slice(20, 25))
  await until(seeder, 'append', () => seeder.length === 25)
  while (attacker.all<Sync>('sync').at(-1)?.length !== 25)
    await new Promise((r) => setTimeout(r, 2))
  t.is(attacker.all<Sync>('sync').at(-1)?.canUpgrade, false, 'its roots at 13 are not here')
})

test('19: of a range, what a fork has in common is not fetched again', TIMEOUT, async (t) => {
  const writer = await written(t)
  const reader = await openReader(t, writer)
  const fetched: number[] = []
  reader.on('download', ({ index }) => fetched.push(index))
  await join(t, writer, reader)
  const download = reader.download({ start: 0, end: LENGTH + 20 })
  await until(reader, 'download', () => reader.has(0, LENGTH))
  await writer.truncate(150)
  const next = [...blocks.slice(0, 150), ...randomBlocks(seededRandom(65), 70, 50)]
  await writer.append(next.slice(150))
  await download.done()
  await assertSame(t, reader, next, writer, 'reader')
  t.is(fetched.length, LENGTH + 70, 'each once')
})
