// T-INTEROP: parts of a log, and more than two sides: sparse reads, seeks, ranges, middle men, several sources,
// peers that leave, cleared blocks; with npm hypercore 11 and 10.
import { test } from 'brittle'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'
import {
  assertSame,
  join,
  openLog,
  openReader,
  openReference,
  randomBlocks,
  sameBytes,
  until,
  VERSIONS
} from '../helpers/replication.ts'

const TIMEOUT = { timeout: 20_000 }

function someOf(random: SeededRandom, count: number, below: number): number[] {
  const picked = new Set<number>()
  while (picked.size < count) picked.add(random.int(below))
  return [...picked]
}

/** Borders of blocks, the bytes beside them, and bytes anywhere. */
function offsetsOf(random: SeededRandom, blocks: readonly Uint8Array[], count: number): number[] {
  const starts: number[] = []
  let byteLength = 0
  for (const block of blocks) {
    starts.push(byteLength)
    byteLength += block.byteLength
  }
  const offsets = [0, byteLength - 1, byteLength]
  for (let i = 0; i < count; i++) {
    const start = starts[random.int(starts.length)]!
    offsets.push(start, start + 1, Math.max(0, start - 1), random.int(byteLength))
  }
  return offsets.filter((offset) => offset <= byteLength)
}

for (const version of VERSIONS) {
  test(`50 of 5,000 blocks: hypercore ${version}`, TIMEOUT, async (t) => {
    const random = seededRandom(11)
    const blocks = randomBlocks(random, 5_000, 60)
    const core = await openReference(t, version)
    await core.append(blocks)
    const log = await openReader(t, core)
    await join(t, log, core)
    const wanted = someOf(random, 50, 5_000)
    const got = await Promise.all(wanted.map((index) => log.get(index)))
    t.ok(
      got.every((block, i) => sameBytes(block, blocks[wanted[i]!]!)),
      'to us'
    )
    t.is(log.length, 5_000)
    t.is(
      count(5_000, (i) => log.has(i)),
      50,
      'nothing else was fetched'
    )

    const ours = await openLog(t)
    await ours.append(blocks)
    const reader = await openReference(t, version, ours.key)
    await join(t, ours, reader, { transport: 'tcp' })
    const theirs = await Promise.all(wanted.map((index) => reader.get(index)))
    t.ok(
      theirs.every((block, i) => block !== null && sameBytes(block, blocks[wanted[i]!]!)),
      'from us'
    )
  })

  test(`seek as the reference does: hypercore ${version}`, TIMEOUT, async (t) => {
    const random = seededRandom(12)
    const blocks = randomBlocks(random, 700, 40)
    const core = await openReference(t, version)
    await core.append(blocks)
    const log = await openReader(t, core)
    await join(t, log, core)
    await log.update()
    let wrong = ''
    for (const offset of offsetsOf(random, blocks, 25)) {
      const [index, rest] = (await core.seek(offset))!
      const found = await log.seek(offset)
      if (found?.index !== index || found.byteOffset !== rest) {
        wrong ||= `byte ${offset}: ${JSON.stringify(found)}, reference ${index}+${rest}`
      }
    }
    t.is(wrong, '', 'we seek at them')
    t.is(await log.seek(core.byteLength + 1), null, 'past the end')

    const ours = await openLog(t)
    await ours.append(blocks)
    const reader = await openReference(t, version, ours.key)
    await join(t, reader, ours)
    await reader.update({ wait: true })
    for (const offset of offsetsOf(random, blocks, 25)) {
      const found = await ours.seek(offset)
      const [index, rest] = (await reader.seek(offset))!
      if (found?.index !== index || found.byteOffset !== rest) {
        wrong ||= `byte ${offset}: ${JSON.stringify(found)}, reference ${index}+${rest}`
      }
    }
    t.is(wrong, '', 'they seek at us')
  })

  test(`ranges and lists: hypercore ${version}`, TIMEOUT, async (t) => {
    const blocks = randomBlocks(seededRandom(13), 400, 100)
    const core = await openReference(t, version)
    await core.append(blocks)
    const log = await openReader(t, core)
    await join(t, log, core)
    await log.update()
    const order: number[] = []
    log.on('download', ({ index }) => order.push(index))
    await log.download({ start: 40, end: 90, linear: true }).done()
    t.alike(
      order,
      Array.from({ length: 50 }, (_, i) => i + 40),
      'in order'
    )
    await log.download({ blocks: [399, 0, 7, 7, 211] }).done()
    t.is(
      count(400, (i) => log.has(i)),
      54
    )
    await log.download({ start: 85, end: 120 }).done()
    t.ok(log.has(40, 120))
    t.is(
      count(400, (i) => log.has(i)),
      84
    )

    const ours = await openLog(t)
    await ours.append(blocks)
    const reader = await openReference(t, version, ours.key)
    await join(t, ours, reader)
    await reader.update({ wait: true })
    await reader.download({ start: 100, end: 160 }).done()
    await reader.download({ blocks: [3, 5, 390] }).done()
    t.ok(await reader.has(100, 160))
    t.ok(await reader.has(390))
    t.absent(await reader.has(99))
  })

  test(`chain: reference, we, reference: hypercore ${version}`, TIMEOUT, async (t) => {
    const blocks = randomBlocks(seededRandom(14), 260, 300)
    const writer = await openReference(t, version)
    const middle = await openReader(t, writer)
    const end = await openReference(t, version, writer.key)
    await join(t, writer, middle)
    await join(t, middle, end, { transport: 'tcp' })
    const download = middle.download({ end: -1 })
    await writer.append(blocks.slice(0, 200))
    for (let i = 0; i < 200; i++) await end.get(i)
    await writer.append(blocks.slice(200))
    for (let i = 259; i >= 200; i--) await end.get(i)
    await assertSame(t, end, blocks, writer, 'end')
    await assertSame(t, middle, blocks, writer, 'middle')
    download.destroy()
  })

  test(`chain: we, reference, we: hypercore ${version}`, TIMEOUT, async (t) => {
    const blocks = randomBlocks(seededRandom(15), 260, 300)
    const writer = await openLog(t)
    const middle = await openReference(t, version, writer.key)
    const end = await openReader(t, writer)
    await join(t, writer, middle, { transport: 'tcp' })
    await join(t, middle, end)
    const download = middle.download({ start: 0, end: -1 })
    await writer.append(blocks.slice(0, 200))
    for (let i = 0; i < 200; i++) await end.get(i)
    await writer.append(blocks.slice(200))
    for (let i = 259; i >= 200; i--) await end.get(i)
    await assertSame(t, end, blocks, writer, 'end')
    download.destroy()
  })

  test(`two sources, each block once: hypercore ${version}`, TIMEOUT, async (t) => {
    const blocks = randomBlocks(seededRandom(16), 1_500, 400)
    const core = await openReference(t, version)
    await core.append(blocks)
    const copy = await openReader(t, core)
    const first = await join(t, copy, core)
    await copy.update()
    await copy.download().done()
    await first.cut()
    const reader = await openReader(t, core)
    const times = new Map<number, number>()
    const sources = new Set<object>()
    reader.on('download', ({ index, peer }) => {
      times.set(index, (times.get(index) ?? 0) + 1)
      sources.add(peer.remotePublicKey ?? {})
    })
    await join(t, reader, core, { transport: 'tcp' })
    await join(t, reader, copy, { transport: 'tcp' })
    await reader.update()
    await until(reader, 'peer-add', () => reader.peers.length === 2)
    await reader.download().done()
    await assertSame(t, reader, blocks, core, 'reader')
    t.is(times.size, 1_500)
    t.is([...times.values()].filter((n) => n > 1).length, 0, 'no block twice')
    t.is(sources.size, 2, 'both gave')
  })

  test(`a source leaves in mid-download: hypercore ${version}`, TIMEOUT, async (t) => {
    const blocks = randomBlocks(seededRandom(17), 1_200, 400)
    const core = await openReference(t, version)
    await core.append(blocks)
    const copy = await openReader(t, core)
    const first = await join(t, copy, core)
    await copy.update()
    await copy.download().done()
    await first.cut()
    for (const leaves of ['reference', 'ours'] as const) {
      const reader = await openReader(t, core)
      const toCore = await join(t, reader, core, { transport: 'tcp' })
      const toCopy = await join(t, reader, copy, { transport: 'tcp' })
      await reader.update()
      let arrived = 0
      const cut = new Promise<void>((resolve) => {
        reader.on('download', () => {
          if (++arrived === 300) resolve((leaves === 'ours' ? toCopy : toCore).cut())
        })
      })
      await reader.download().done()
      await cut
      await assertSame(t, reader, blocks, core, `${leaves} left`)
      await toCore.cut()
      await toCopy.cut()
    }
  })

  test(`the only source leaves and comes back: hypercore ${version}`, TIMEOUT, async (t) => {
    const blocks = randomBlocks(seededRandom(18), 1_200, 400)
    const core = await openReference(t, version)
    await core.append(blocks)
    const log = await openReader(t, core)
    const connection = await join(t, log, core, { transport: 'tcp' })
    await log.update()
    const download = log.download()
    let arrived = 0
    await new Promise<void>((resolve) => {
      const off = log.on('download', () => {
        if (++arrived < 200) return
        off()
        resolve(connection.cut())
      })
    })
    await until(log, 'peer-remove', () => log.peers.length === 0)
    t.absent(log.has(0, 1_200))
    await join(t, log, core, { transport: 'tcp' })
    await download.done()
    await assertSame(t, log, blocks, core, 'reader')
  })

  test(`cleared blocks are fetched again: hypercore ${version}`, TIMEOUT, async (t) => {
    const blocks = randomBlocks(seededRandom(19), 120, 100)
    const core = await openReference(t, version)
    await core.append(blocks)
    const log = await openReader(t, core)
    await join(t, log, core)
    await log.update()
    await log.download().done()
    await log.clear(30, 60)
    t.absent(log.has(30))
    t.is(await log.read(31), null)
    t.ok(sameBytes(await log.get(45), blocks[45]!))
    await log.download().done()
    await assertSame(t, log, blocks, core, 'reader')
    await core.clear(10, 20)
    const second = await openReference(t, version, core.key)
    await join(t, log, second)
    for (let i = 0; i < 120; i++) await second.get(i)
    await assertSame(t, second, blocks, log, 'from us what the writer has no more')
  })

  test(`writers that reopen: hypercore ${version}`, TIMEOUT, async (t) => {
    const directory = await t.tmp()
    const blocks = randomBlocks(seededRandom(20), 90, 100)
    let log = await openLog(t, {}, directory)
    const { key } = log
    const core = await openReference(t, version, key)
    for (let i = 0; i < 90; i += 30) {
      await log.append(blocks.slice(i, i + 30))
      const connection = await join(t, log, core)
      await core.get(i + 29)
      await connection.cut()
      await log.close()
      log = await openLog(t, { key }, directory)
    }
    await join(t, log, core)
    for (let i = 0; i < 90; i++) await core.get(i)
    await assertSame(t, core, blocks, log, 'reference')
  })
}

function count(below: number, isTrue: (index: number) => boolean): number {
  let found = 0
  for (let i = 0; i < below; i++) if (isTrue(i)) found++
  return found
}
