// Forks of another's log: readers follow a higher fork, keep what both have in common, never go back, and do not
// follow one rewind after the other at any rate (R7, R9: M23, M24, M28, M29).
import type { Assertions } from 'brittle'
import { test } from 'brittle'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import type { Log } from '../../lib/log/log.ts'
import { fromUtf8 } from '../../lib/util/bytes.ts'
import { attack, escaped, turns } from '../helpers/attacker.ts'
import { ManualEnv } from '../helpers/manual-env.ts'
import { seededRandom } from '../helpers/random.ts'
import {
  assertSame,
  join,
  openLog,
  openReader,
  randomBlocks,
  sameBytes,
  until
} from '../helpers/replication.ts'

const TIMEOUT = { timeout: 8_000 }

function texts(start: number, end: number, word = 'block'): Uint8Array[] {
  return Array.from({ length: end - start }, (_, i) => fromUtf8(`${word} ${start + i}`))
}

/** The library's timers do not keep a process alive. */
function stayAlive(t: Assertions): void {
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(alive))
}

async function followed(reader: Log<Uint8Array>, writer: Log<Uint8Array>): Promise<void> {
  const isThere = (): boolean => reader.fork === writer.fork && reader.length === writer.length
  while (!isThere()) {
    await Promise.race([until(reader, 'append', isThere), until(reader, 'truncate', isThere)])
  }
}

test('a truncation while connected is followed; what is in common stays', TIMEOUT, async (t) => {
  stayAlive(t)
  const writer = await openLog(t)
  await writer.append(texts(0, 100))
  const reader = await openReader(t, writer)
  await join(t, reader, writer)
  await reader.update()
  await reader.download().done()
  const cuts: [number, number][] = []
  reader.on('truncate', (length, ancestor) => cuts.push([length, ancestor]))
  const downloads: number[] = []
  reader.on('download', ({ index }) => downloads.push(index))
  await writer.truncate(77)
  await followed(reader, writer)
  t.alike(cuts, [[77, 77]])
  t.ok(reader.has(0, 77))
  await writer.append(texts(77, 90, 'other'))
  await followed(reader, writer)
  await reader.download().done()
  t.alike(downloads.sort((a, b) => a - b)[0], 77, 'nothing below was fetched again')
  await assertSame(t, reader, [...texts(0, 77), ...texts(77, 90, 'other')], writer, 'after it')
})

test('a fresh reader starts at a high fork at once, also if the log is empty at first', {
  timeout: 30_000
}, async (t) => {
  stayAlive(t)
  const random = seededRandom(47)
  for (let round = 0; round < 30; round++) {
    const writer = await openLog(t)
    const rewrites = 1 + random.int(9)
    for (let i = 0; i < rewrites; i++) {
      await writer.append(texts(0, 1 + random.int(20), `round ${round}.${i}`))
      await writer.truncate(i === rewrites - 1 && round % 3 === 0 ? 0 : random.int(writer.length))
    }
    if (round % 3 === 1) await writer.append(texts(0, 7, 'last'))
    const reader = await openReader(t, writer)
    await join(t, reader, writer, { transport: round % 2 === 0 ? 'memory' : 'tcp' })
    const isLonger = await reader.update()
    const { length } = writer
    if (isLonger !== length > 0) t.fail(`round ${round}: update says ${isLonger} of ${length}`)
    const start = writer.length
    await writer.append(texts(0, 5, 'more'))
    if (round % 4 === 0) await writer.truncate(start + 2)
    await followed(reader, writer)
    await reader.download({ start: 0, end: reader.length }).done()
    if (reader.length !== writer.length || !reader.has(0, writer.length)) {
      t.fail(`round ${round}: ${reader.length} of ${writer.length}`)
    }
  }
  t.pass('30 logs under forks up to 9')
})

test('forks that were made while away, of all shapes, are followed to the common length', {
  timeout: 30_000
}, async (t) => {
  stayAlive(t)
  const random = seededRandom(31)
  let refetched = 0
  for (let round = 0; round < 40; round++) {
    const writer = await openLog(t)
    const first = randomBlocks(random, 1 + random.int(70), 40)
    await writer.append(first)
    const reader = await openReader(t, writer)
    const connection = await join(t, reader, writer)
    await reader.update()
    await reader.download().done()
    await connection.cut()
    let kept = first
    let common = first.length
    const rewrites = 1 + random.int(3)
    for (let i = 0; i < rewrites; i++) {
      const length = random.int(kept.length + 1)
      const more = randomBlocks(random, 1 + random.int(40), 40).map((block) =>
        fromUtf8(`${round}.${i} ${block.byteLength}`)
      )
      await writer.truncate(length)
      await writer.append(more)
      common = Math.min(common, length)
      kept = [...kept.slice(0, length), ...more]
    }
    const held = new Set<number>()
    reader.on('download', ({ index }) => held.add(index))
    await join(t, reader, writer)
    await followed(reader, writer)
    await reader.download().done()
    for (const index of held) if (index < common) refetched++
    let wrong = 0
    for (let i = 0; i < kept.length; i++) {
      if (!sameBytes(await reader.get(i), kept[i]!)) wrong++
    }
    t.is(wrong, 0, `round ${round}: ${kept.length} blocks, ${common} in common`)
    t.ok(sameBytes(await reader.treeHash(), await writer.treeHash()))
    await reader.close()
    await writer.close()
  }
  t.is(refetched, 0, 'what both have in common was never fetched again')
})

test(
  'a sparse reader follows; a live download goes on; a chain of readers, too',
  TIMEOUT,
  async (t) => {
    stayAlive(t)
    const writer = await openLog(t)
    await writer.append(texts(0, 50))
    const middle = await openReader(t, writer)
    const last = await openReader(t, writer)
    await join(t, middle, writer)
    await join(t, last, middle)
    const download = middle.download({ start: 0, end: -1 })
    t.teardown(() => download.destroy())
    download.done().catch(() => {})
    t.ok(sameBytes(await last.get(33), fromUtf8('block 33')))
    await writer.truncate(30)
    await writer.append(texts(30, 60, 'new'))
    t.ok(sameBytes(await last.get(59), fromUtf8('new 59')))
    t.is(last.fork, 1)
    t.absent(last.has(33))
    t.ok(sameBytes(await last.get(33), fromUtf8('new 33')))
    await until(middle, 'download', () => middle.contiguousLength === 60)
    await assertSame(
      t,
      middle,
      [...texts(0, 30), ...texts(30, 60, 'new')],
      writer,
      'the middle one'
    )
  }
)

test('a reorg that removes too much is left to the application', TIMEOUT, async (t) => {
  stayAlive(t)
  const keyPair = createKeyPair(new Uint8Array(32).fill(61))
  const asked: [number, number][] = []
  const writer = await openLog(t, { keyPair })
  await writer.append(texts(0, 40))
  const reader = await openLog(t, {
    key: writer.key,
    mayReorg: ({ ancestor, depth }) => {
      asked.push([ancestor, depth])
      return depth <= 10
    }
  })
  const refused: number[] = []
  reader.on('reorg-refused', ({ fork }) => refused.push(fork))
  await join(t, reader, writer)
  await reader.update()
  await reader.download().done()
  await writer.truncate(5)
  await until(reader, 'reorg-refused', () => refused.length === 1)
  t.alike(asked, [[5, 35]])
  t.alike([reader.fork, reader.length], [0, 40], 'the old history is whole')
  t.ok(reader.has(0, 40))
  await writer.append(texts(5, 50, 'other'))
  await turns()
  t.alike(refused, [1], 'the same fork is not asked about again')
  await writer.truncate(45)
  await until(reader, 'reorg-refused', () => refused.length === 2)
  t.is(asked.length, 2, 'a further fork is')
})

test('M28 a writer that rewinds on and on is followed at a bounded rate', TIMEOUT, async (t) => {
  stayAlive(t)
  const env = new ManualEnv()
  const writer = await openLog(t)
  await writer.append(texts(0, 10))
  const reader = await openLog(t, { key: writer.key, env })
  await join(t, reader, writer)
  await reader.update()
  let followedCount = 0
  reader.on('truncate', () => followedCount++)
  for (let i = 0; i < 30; i++) {
    await writer.truncate(9)
    await writer.append(texts(9, 10, `rewrite ${i}`))
    await turns()
  }
  t.ok(followedCount <= 3, `${followedCount} of 30 at once`)
  const atOnce = followedCount
  for (let second = 0; second < 3_600; second += 5) {
    env.advance(5_000)
    if (second % 50 === 0) {
      await writer.truncate(9)
      await writer.append(texts(9, 10, `later ${second}`))
    }
    await turns(3)
  }
  t.ok(followedCount - atOnce >= 3 && followedCount <= 10, `${followedCount} within an hour`)
  for (let second = 0; second < 4_000; second += 5) {
    env.advance(5_000)
    await turns(2)
  }
  t.alike([reader.fork, reader.length], [writer.fork, writer.length], 'and ends at the newest')
  t.alike(escaped, [])
})

test(
  'M29 a higher fork without the nodes to find the ancestor; fork 2^53 - 1',
  TIMEOUT,
  async (t) => {
    stayAlive(t)
    const keyPair = createKeyPair(new Uint8Array(32).fill(62))
    const writer = await openLog(t, { keyPair })
    await writer.append(texts(0, 20))
    const reader = await openLog(t, { key: writer.key })
    const toWriter = await join(t, reader, writer)
    await reader.update()
    await reader.download().done()
    await toWriter.cut()
    await writer.truncate(9)
    await writer.append(texts(9, 30, 'new'))
    let hashes = 0
    const attacker = await attack(t, reader, {
      async onRequest({ id, proof: request }, self) {
        if (request.hash !== null) {
          hashes++
          self.noData({ id, reason: 1 })
          return
        }
        const proof = await writer.prove(request)
        if (proof !== null) self.data({ id, proof })
      }
    })
    attacker.sync({ fork: 1, length: 30, remoteLength: 0, canUpgrade: false })
    await turns(30)
    t.alike([reader.fork, reader.length], [0, 20], 'the old history is whole')
    t.ok(reader.has(0, 20))
    t.ok(hashes <= 4, `${hashes} questions`)
    attacker.sync({ fork: Number.MAX_SAFE_INTEGER, length: 30, remoteLength: 0, canUpgrade: true })
    await turns(30)
    t.alike([reader.fork, reader.length], [0, 20])
    await join(t, reader, writer)
    await followed(reader, writer)
    await reader.download().done()
    await assertSame(t, reader, [...texts(0, 9), ...texts(9, 30, 'new')], writer, 'an honest peer')
    t.alike(escaped, [])
  }
)
