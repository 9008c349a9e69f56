// Conflicts between peers: two histories signed by one key (R8, S8: M25 to M27). Both sides keep the proof, read on,
// take nothing in; a third party is convinced; the owner goes on under a higher fork and all follow. And a writer
// that is behind its own peers catches up before it signs.
import type { Assertions } from 'brittle'
import { test } from 'brittle'
import { verifyConflict } from '../../lib/core/histories/conflict-format.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { type Env, systemEnv } from '../../lib/env.ts'
import type { Log } from '../../lib/log/log.ts'
import { emptyRequest, type Proof } from '../../lib/merkle/proof.ts'
import { fromUtf8, toUtf8 } from '../../lib/util/bytes.ts'
import { attack, escaped, turns } from '../helpers/attacker.ts'
import { RecordedDisk } from '../helpers/recorded-disk.ts'
import { errorOf, join, openLog, openReader, sameBytes, until } from '../helpers/replication.ts'

const TIMEOUT = { timeout: 8_000 }
const keyPair = createKeyPair(new Uint8Array(32).fill(71))

/** The clock runs faster: timeouts of the library take a hundredth. */
const hasty: Env = {
  ...systemEnv,
  now: () => systemEnv.now() * 100,
  setTimer: (delayMs, run) => systemEnv.setTimer(delayMs / 100, run)
}

function texts(start: number, end: number, word = 'block'): Uint8Array[] {
  return Array.from({ length: end - start }, (_, i) => fromUtf8(`${word} ${start + i}`))
}

function stayAlive(t: Assertions): void {
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(alive))
}

async function upTo(log: Log, length: number): Promise<Proof> {
  return (await log.prove({ ...emptyRequest, fork: log.fork, upgrade: { start: 0, length } }))!
}

function isFrozen(log: Log): boolean {
  return log.info().frozen
}

async function frozen(log: Log<Uint8Array>): Promise<void> {
  await until(log, 'conflict', () => isFrozen(log))
}

/** A writer and its copy that went on apart from block `shared` on. */
async function twoHistories(
  t: Assertions,
  shared: number,
  lengths: readonly [number, number]
): Promise<[Log<Uint8Array>, Log<Uint8Array>]> {
  const a = await openLog(t, { keyPair })
  const b = await openLog(t, { keyPair })
  await a.append([...texts(0, shared), ...texts(shared, lengths[0], 'a')])
  await b.append([...texts(0, shared), ...texts(shared, lengths[1], 'b')])
  return [a, b]
}

for (const [name, lengths] of Object.entries({
  'of the same length': [20, 20],
  'one longer': [20, 26],
  'the other longer': [26, 20]
} as Record<string, [number, number]>)) {
  test(`M25 two readers of two histories meet: ${name}`, TIMEOUT, async (t) => {
    stayAlive(t)
    const [a, b] = await twoHistories(t, 13, lengths)
    const disk = new RecordedDisk()
    const first = await openLog(t, { key: a.key }, disk.factory)
    const second = await openReader(t, b)
    const cuts = [await join(t, first, a), await join(t, second, b)]
    await Promise.all([first.update(), second.update()])
    await Promise.all([first.download().done(), second.download().done()])
    for (const each of cuts) await each.cut()
    const waiting = errorOf(first.get(1_000))
    await join(t, first, second)
    await Promise.all([frozen(first), frozen(second)])
    t.is(await waiting, 'ConflictError CONFLICT', 'who waits is told')
    for (const log of [first, second]) {
      t.is(toUtf8((await log.read(12))!), 'block 12', 'the common prefix can be read')
      const { fork, length, proof } = log.conflict!
      t.alike(verifyConflict(a.key, proof), { fork, length })
      t.is(await errorOf(log.get(5_000)), 'ConflictError CONFLICT')
      t.absent(await log.update())
    }
    t.alike([first.length, second.length], lengths, 'each keeps its own')

    // A third one, whichever history it holds, is convinced by what they kept.
    for (const source of [a, b]) {
      const third = await openReader(t, source)
      const toSource = await join(t, third, source)
      await third.update()
      await third.download().done()
      await toSource.cut()
      await join(t, third, first)
      await frozen(third)
      t.pass('a third one learns of it')
    }

    await first.close()
    const again = await openLog(t, { key: a.key }, disk.factory)
    t.ok(isFrozen(again), 'after restart still so')
    t.alike(verifyConflict(a.key, again.conflict!.proof).fork, 0)

    // The owner settles it; readers of either history follow.
    await a.truncate(13)
    await a.append(texts(13, 30, 'settled'))
    for (const reader of [again, second]) {
      await join(t, reader, a)
      await until(reader, 'truncate', () => reader.fork === 1 && reader.length === 30)
      t.absent(isFrozen(reader))
      t.is(toUtf8(await reader.get(29)), 'settled 29')
      t.ok(sameBytes(await reader.treeHash(), await a.treeHash()))
    }
    t.alike(escaped, [])
  })
}

test(
  'the owner meets its other copy: frozen, then resumed under the next fork',
  TIMEOUT,
  async (t) => {
    stayAlive(t)
    const [a, b] = await twoHistories(t, 5, [9, 12])
    await join(t, a, b)
    await Promise.all([frozen(a), frozen(b)])
    t.is(await errorOf(a.append(fromUtf8('x'))), 'StateError FROZEN')
    t.is(await errorOf(a.resume({ trust: 'peers' })), 'StateError FROZEN')
    t.is(await errorOf(b.append(fromUtf8('x'))), 'StateError FROZEN')
    await a.resume({ trust: 'local' })
    t.alike([a.fork, a.length], [1, 9])
    await until(b, 'truncate', () => b.fork === 1)
    t.is(b.behind, 'peer-ahead', 'the copy does not sign before it has caught up')
    await a.append(texts(9, 11, 'on'))
    t.is(toUtf8(await b.get(10)), 'on 10')
    t.is(await errorOf(b.append(fromUtf8('x'))), 'StateError BEHIND')
  }
)

test('M26 a false accusation accuses nobody but its sender', TIMEOUT, async (t) => {
  stayAlive(t)
  const [a, b] = await twoHistories(t, 13, [20, 20])
  const reader = await openReader(t, a)
  const toWriter = await join(t, reader, a)
  await reader.update()
  await toWriter.cut()
  const faults: string[] = []
  reader.on('fault', (error) => faults.push((error as { code: string }).code))
  const honest = await upTo(a, 20)
  const other = await upTo(b, 20)
  const attacker = await attack(t, reader)
  attacker.sync({ length: 20, remoteLength: 20, canUpgrade: false })
  const { upgrade } = other
  // The roots of one history under the signature of the other; a signature cut short; of another fork; too long.
  const mixed = { ...other, upgrade: { ...upgrade!, signature: honest.upgrade!.signature } }
  const short = {
    ...other,
    upgrade: { ...upgrade!, signature: upgrade!.signature.subarray(0, 40) }
  }
  attacker.data({ id: 0, proof: mixed })
  attacker.data({ id: 0, proof: short })
  attacker.data({ id: 0, proof: { ...other, fork: 7 } })
  attacker.data({ id: 0, proof: honest })
  attacker.data({ id: 0, proof: { ...other, upgrade: { ...upgrade!, length: 400 } } })
  await until(reader, 'fault', () => faults.length >= 2)
  await turns()
  t.absent(isFrozen(reader))
  t.is(reader.conflict, null)
  t.ok(
    reader.peers.every(({ distrusted }) => distrusted),
    'the accuser is not asked any more'
  )
  await join(t, reader, a)
  t.is(toUtf8(await reader.get(15)), 'a 15')
  t.alike(escaped, [])
})

test('M27 floods of accusations cost a bounded number of signature checks', TIMEOUT, async (t) => {
  stayAlive(t)
  const [a, b] = await twoHistories(t, 13, [20, 20])
  const reader = await openReader(t, a)
  const toWriter = await join(t, reader, a)
  await reader.update()
  await toWriter.cut()
  const faults: unknown[] = []
  reader.on('fault', (error) => faults.push(error))
  const other = await upTo(b, 20)
  const signature = other.upgrade!.signature.map((byte, i) => (i > 8 ? byte ^ 1 : byte))
  const proof = { ...other, upgrade: { ...other.upgrade!, signature } }
  const attacker = await attack(t, reader)
  for (let i = 0; i < 10_000; i++) {
    attacker.data({ id: 0, proof })
    if (i % 500 === 0) await turns(1)
  }
  await turns(50)
  t.ok(faults.length <= 12, `${faults.length} of 10,000 were judged`)
  t.absent(isFrozen(reader))
  t.alike(escaped, [])
})

test(
  'a store that was restored from an older copy catches up before it signs',
  TIMEOUT,
  async (t) => {
    stayAlive(t)
    const disk = new RecordedDisk()
    const writer = await openLog(t, { keyPair }, disk.factory)
    await writer.append(texts(0, 10))
    const older = new Map([...disk.images].map(([name, bytes]) => [name, bytes.slice()]))
    await writer.append(texts(10, 25))
    const reader = await openReader(t, writer)
    await join(t, reader, writer)
    await reader.update()
    await reader.download().done()
    await writer.close()

    const restored = await openLog(t, { keyPair, env: hasty }, new RecordedDisk(older).factory)
    t.is(restored.length, 10)
    await join(t, restored, reader)
    await until(restored, 'append', () => restored.length === 25)
    t.is(restored.behind, 'peer-ahead')
    t.is(await errorOf(restored.append(fromUtf8('too early'))), 'StateError BEHIND')
    await until(restored, 'resumed', () => restored.behind === null)
    await restored.append(texts(25, 26))
    t.alike([restored.fork, restored.length], [0, 26], 'no second history, no fork')
    t.is(toUtf8(await reader.get(25)), 'block 25')
    t.absent(isFrozen(reader))
  }
)
