// S15 and S16: opening reads a bounded part of a log, however long it is, and what is cached stays within its bound.
// Counted at the storage, never timed.
import { test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { crashKeyPair } from '../helpers/crash-script.ts'
import { seedsFor, tellFigures } from '../helpers/long.ts'
import { seededRandom } from '../helpers/random.ts'
import { SimDisk } from '../helpers/sim-disk.ts'

/** Both halves, and a constant for identity, roots and secret. */
const MOST_BYTES: number = 2 * 1024 * 1024 + 256 * 1024
const PER_APPEND = 4000

async function grown(disk: SimDisk, length: number): Promise<void> {
  const core = await Core.open(await LogFiles.open(disk.factory), { keyPair: crashKeyPair })
  while (core.tree.length < length) {
    await core.append(Array.from({ length: PER_APPEND }, (_, i) => new Uint8Array([i])))
  }
  await core.close()
}

async function bytesToOpen(disk: SimDisk): Promise<number> {
  const before = disk.bytesRead
  const core = await Core.open(await LogFiles.open(disk.factory), { keyPair: crashKeyPair })
  const read = disk.bytesRead - before
  await core.close()
  return read
}

test('opening reads no more of a long log than of a short one', { timeout: 600_000 }, async (t) => {
  const disk = new SimDisk(new Map(), { later: queueMicrotask })
  const most = seedsFor(20_000, 200_000)
  const read: number[] = []
  for (const length of [PER_APPEND, most >> 1, most]) {
    await grown(disk, length)
    read.push(await bytesToOpen(disk))
    t.ok(read.at(-1)! <= MOST_BYTES, `${length} blocks: ${read.at(-1)} bytes read`)
  }
  t.ok(read[2]! <= read[1]! + 64 * 1024, 'twice the log, the same to read')
  tellFigures(t, 'S15', { blocks: most, bytesRead: read[2]! })
})

test('cached pages stay within their bound while all of a log is read', async (t) => {
  const disk = new SimDisk(new Map(), { later: queueMicrotask })
  await grown(disk, 20_000)
  const cacheBytes = 64 * 1024
  const files = await LogFiles.open(disk.factory, { cacheBytes })
  const core = await Core.open(files, { keyPair: crashKeyPair })
  const random = seededRandom(4)
  let most = 0
  for (let i = 0; i < 5000; i++) {
    const index = i % 2 === 0 ? i * 4 : random.int(core.length)
    const block = await core.read(index)
    if (block?.[0] !== ((index % PER_APPEND) & 255)) t.fail(`block ${index}`)
    most = Math.max(most, files.cache.byteLength)
  }
  // A page is let go after the next one came.
  t.ok(most > 0 && most <= cacheBytes + 16 * 1024, `${most} bytes of pages at most`)
  await core.close()
  t.is(files.cache.byteLength, 0, 'none is kept after close')
})
