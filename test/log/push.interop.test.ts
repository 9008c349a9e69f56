// Push: blocks that come without having been asked for, with npm hypercore 11 on the other side in both roles. Spec
// replication.md section 13.
import { type Assertions, test } from 'brittle'
import { emptyRequest, type Proof } from '../../lib/merkle/proof.ts'
import { attack } from '../helpers/attacker.ts'
import { seededRandom } from '../helpers/random.ts'
import {
  assertSame,
  errorOf,
  join,
  openLog,
  openReference,
  randomBlocks,
  sameBytes,
  until,
  untilReference
} from '../helpers/replication.ts'

const TIMEOUT = { timeout: 10_000 }
const blocks = randomBlocks(seededRandom(31), 40, 200)

/** A writer and a reader that takes pushes, connected, and at the same length. */
async function pair(t: Assertions, first: readonly Uint8Array[]) {
  const writer = await openLog(t)
  await writer.append(first)
  const reader = await openLog(t, { key: writer.key, push: true })
  await join(t, writer, reader)
  await until(reader, 'append', () => reader.length === first.length)
  await until(writer, 'peer-add', () => writer.peers.length === 1)
  return { writer, reader }
}

test('what is pushed arrives unasked, once', TIMEOUT, async (t) => {
  const { writer, reader } = await pair(t, blocks.slice(0, 10))
  const uploads: number[] = []
  const downloads: number[] = []
  writer.on('upload', ({ index }) => uploads.push(index))
  reader.on('download', ({ index }) => downloads.push(index))
  t.is(writer.push(3), 1)
  t.is(writer.push(3), 0, 'it is on its way')
  await until(reader, 'download', () => reader.has(3))
  t.is(writer.push(3), 0, 'it was sent')
  // The newest with the head that covers it: the reader need not hear of it first.
  for (let i = 10; i < 40; i++) {
    await writer.append(blocks[i] as Uint8Array)
    t.is(writer.push(i), 1)
  }
  await until(reader, 'download', () => reader.has(10, 40))
  t.alike(uploads, [3, ...range(10, 40)])
  t.alike(downloads, uploads)
  for (const i of downloads) t.ok(sameBytes(await reader.get(i), blocks[i] as Uint8Array))
  await reader.download().done()
  await assertSame(t, reader, blocks, writer, 'reader')
  t.is(uploads.length, 40, 'no block twice')
})

test('nobody is pushed what he did not allow, or has', TIMEOUT, async (t) => {
  const writer = await openLog(t)
  await writer.append(blocks)
  const reader = await openLog(t, { key: writer.key })
  const other = await openLog(t, { key: writer.key, push: true, download: false })
  await join(t, writer, reader)
  await join(t, writer, other)
  await until(writer, 'peer-add', () => writer.peers.length === 2)
  await until(reader, 'append', () => reader.length === 40)
  t.is(writer.push(0), 0)
  other.setDownload(true)
  await until(other, 'append', () => other.length === 40)
  await other.get(1)
  await until(other, 'append', () => other.peers[0]?.length === 40)
  t.is(await errorOf(() => writer.push(-1)), 'ArgumentError INVALID_ARGUMENT')
  t.is(await errorOf(() => writer.push(40)), 'UnavailableError NOT_AVAILABLE')
  t.is(await errorOf(() => openLog(t, { push: 1 } as object)), 'ArgumentError INVALID_ARGUMENT')
  writer.setUpload(false)
  t.is(writer.push(2), 0, 'nothing is uploaded')
})

test('what peers may not hear of yet is pushed when they may', TIMEOUT, async (t) => {
  const writer = await openLog(t, { durability: 'process' })
  await writer.append(blocks.slice(0, 4))
  const reader = await openLog(t, { key: writer.key, push: true })
  await join(t, writer, reader)
  await until(reader, 'append', () => reader.length === 4)
  await writer.append(blocks.slice(4, 8))
  t.is(writer.push(7), 1)
  await until(reader, 'download', () => reader.has(7))
  t.is(reader.length, 8)
})

test('a fork, and what is pushed after it', TIMEOUT, async (t) => {
  const { writer, reader } = await pair(t, blocks.slice(0, 10))
  t.is(writer.push(9), 1)
  await until(reader, 'download', () => reader.has(9))
  await writer.truncate(5)
  await until(reader, 'truncate', () => reader.fork === 1)
  await writer.append(blocks.slice(20, 30))
  await until(reader, 'append', () => reader.length === 15)
  t.is(writer.push(9), 1, 'another block by the same number')
  await until(reader, 'download', () => reader.has(9))
  t.ok(sameBytes(await reader.get(9), blocks[24] as Uint8Array))
})

test('to hypercore 11 that only takes pushes', TIMEOUT, async (t) => {
  const writer = await openLog(t)
  await writer.append(blocks.slice(0, 10))
  const core = await openReference(t, '11', writer.key, { allowPush: true, pushOnly: true })
  await join(t, writer, core)
  await until(writer, 'peer-add', () => writer.peers.length === 1)
  await eventually(() => writer.push(0) === 1)
  await untilReference(core, 'download', () => core.length === 10 && core.contiguousLength === 1)
  for (let i = 1; i < 10; i++) t.is(writer.push(i), 1)
  for (let i = 10; i < 40; i++) {
    await writer.append(blocks[i] as Uint8Array)
    t.is(writer.push(i), 1)
  }
  await untilReference(core, 'download', () => core.contiguousLength === 40)
  await assertSame(t, core, blocks, writer, 'reference')
})

test('from hypercore 11, also over a connection made anew', TIMEOUT, async (t) => {
  const core = await openReference(t, '11')
  await core.append(blocks.slice(0, 10))
  const reader = await openLog(t, { key: core.key, push: true })
  const first = await join(t, core, reader)
  await until(reader, 'append', () => reader.length === 10)
  await core.core.replicator.push(4)
  await until(reader, 'download', () => reader.has(4))
  await core.append(blocks.slice(10, 20))
  await core.core.replicator.push(19)
  await until(reader, 'download', () => reader.has(19))
  await first.cut()
  await core.append(blocks.slice(20))
  await join(t, core, reader)
  await until(reader, 'append', () => reader.length === 40)
  await core.core.replicator.push(33)
  await until(reader, 'download', () => reader.has(33))
  await reader.download().done()
  await assertSame(t, reader, blocks, core, 'reader')
  t.absent(reader.peers[0]?.distrusted)
})

test('a false push is a false proof; one that is not allowed is nothing', TIMEOUT, async (t) => {
  const writer = await openLog(t)
  await writer.append(blocks.slice(0, 8))
  const head = await proofOf(writer, { upgrade: { start: 0, length: 8 }, manifest: true })
  const proof = await proofOf(writer, { block: { index: 4, nodes: 3 } })
  const block = { ...(proof.block as NonNullable<Proof['block']>), value: new Uint8Array(3) }
  const forged = { ...proof, block }
  const careful = await openLog(t, { key: writer.key })
  const reader = await openLog(t, { key: writer.key, push: true })
  for (const log of [careful, reader]) {
    await log.accept(head)
    const faults: unknown[] = []
    log.on('fault', (error) => faults.push(error))
    const attacker = await attack(t, log)
    await attacker.opened.promise
    attacker.sync({ length: 8, remoteLength: 8 })
    attacker.data({ id: 0, proof: forged })
    attacker.data({ id: 0, proof })
    // Its answer shows that what was sent before has been looked at.
    const answered = attacker.next('data')
    const proof0 = { ...emptyRequest, upgrade: { start: 0, length: 8 } }
    attacker.send('request', { id: 5, proof: proof0, priority: 0 })
    await answered
    if (log === reader) await until(reader, 'fault', () => faults.length > 0)
    t.is(faults.length, log === reader ? 1 : 0)
    t.is(log.peers[0]?.distrusted, log === reader)
    t.absent(log.has(4), 'also what is true comes too late')
  }
})

test('pushes that fit nothing are dropped, but not on and on', TIMEOUT, async (t) => {
  const writer = await openLog(t)
  await writer.append(blocks)
  const late = await proofOf(writer, { block: { index: 4, nodes: 1 } })
  const reader = await openLog(t, { key: writer.key, push: true })
  await reader.accept(await proofOf(writer, { upgrade: { start: 0, length: 40 }, manifest: true }))
  const attacker = await attack(t, reader)
  await attacker.opened.promise
  attacker.sync({ length: 40, remoteLength: 40 })
  const fault = new Promise((resolve) => reader.on('fault', resolve))
  for (let i = 0; i < 100; i++) attacker.data({ id: 0, proof: late })
  await fault
  t.ok(reader.peers[0]?.distrusted)
  t.absent(reader.has(4))
})

async function proofOf(
  log: Awaited<ReturnType<typeof openLog>>,
  parts: Partial<typeof emptyRequest>
): Promise<Proof> {
  const proof = await log.prove({ ...emptyRequest, ...parts })
  if (proof === null) throw new Error('The test asks for what is there')
  return proof
}

/** The other side's first message is told by no event. */
async function eventually(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5))
}

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i)
}
