// Damage that no seal tells of: a hole amid acknowledged entries is not a torn tail, a log whose only header is
// gone is not a new one, and bytes that a later change gave up are not missed.
import { test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import type { LogwoodError } from '../../lib/errors.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { crashKeyPair } from '../helpers/crash-script.ts'
import { crashStates, SOME } from '../helpers/crash-states.ts'
import { altered, type DiskImage } from '../helpers/disk-image.ts'
import { seededRandom } from '../helpers/random.ts'
import { SimDisk } from '../helpers/sim-disk.ts'

const HALVES_OFFSET = 4096

/** A log of five synced appends, none of them in its place yet, as it lies there without its seals. */
async function withoutSeals(): Promise<{ image: DiskImage; entries: number[] }> {
  const disk = new SimDisk()
  const core = await Core.open(await LogFiles.open(disk.factory), { keyPair: crashKeyPair })
  const entries: number[] = []
  for (let i = 0; i < 5; i++) {
    entries.push(disk.trace.length)
    await core.append([new Uint8Array(100).fill(i)])
  }
  const offsets = entries.map((at) => {
    const write = disk.trace[at]
    return write?.kind === 'write' ? write.offset : -1
  })
  const image = zeroed(disk.image, 1024, 1024)
  await core.close()
  return { image, entries: offsets }
}

function zeroed(image: DiskImage, offset: number, byteLength: number): DiskImage {
  const bytes = new Uint8Array(byteLength)
  const oplog = altered(image.get('oplog')!, { kind: 'write', file: 'oplog', offset, bytes })
  return new Map(image).set('oplog', oplog)
}

async function opened(image: DiskImage): Promise<string> {
  const disk = new SimDisk(image)
  try {
    const core = await Core.open(await LogFiles.open(disk.factory), { keyPair: crashKeyPair })
    const outcome = `${core.tree.length} ${core.behind ?? 'open'}`
    await core.close()
    return outcome
  } catch (error) {
    return (error as LogwoodError).code
  }
}

test('a hole amid acknowledged entries is noticed', async (t) => {
  const { image, entries } = await withoutSeals()
  t.is(await opened(image), '5 open')
  t.is(await opened(zeroed(image, entries[1]!, 16)), '1 damaged')
  t.is(
    await opened(zeroed(image, entries[4]!, 16)),
    '4 open',
    'the last alone looks like a torn tail'
  )
})

test('a log without a header is not a new one', async (t) => {
  const { image } = await withoutSeals()
  t.is(await opened(zeroed(image, HALVES_OFFSET, 16)), 'CORRUPT')
})

/** Cut short when a checkpoint wrote a second block over the place of a first one; the seal never came. */
async function writtenOver(turns: number): Promise<DiskImage | null> {
  const disk = new SimDisk()
  const files = await LogFiles.open(disk.factory)
  const core = await Core.open(files, {
    keyPair: crashKeyPair,
    limits: { inlineLimitBytes: 200 }
  })
  await core.append([new Uint8Array(300).fill(1)], { durability: 'process' })
  const cut = core.truncate(0)
  for (let turn = 0; turn < turns; turn++) await null
  await core.append([new Uint8Array(100).fill(2)])
  await cut
  const { length } = core
  await core.close()
  const at = disk.trace.findIndex(
    (each) =>
      each.kind === 'write' && each.file === 'blocks' && each.offset === 0 && each.bytes[0] === 2
  )
  if (length !== 1 || at < 0) return null
  const random = seededRandom(1)
  const options = { random, sizes: SOME, namesUntil: 0 }
  const [state] = crashStates(disk.initial, disk.trace, at + 1, options)
  return state === undefined ? null : zeroed(state.disk, 1024, 1024)
}

test('bytes outside that a later change gave up are not missed', async (t) => {
  const outcomes: string[] = []
  // After some turns, truncation and second append share a group, and no entry knows that another was synced.
  for (let turns = 0; turns < 8; turns++) {
    const image = await writtenOver(turns)
    if (image !== null) outcomes.push(await opened(image))
  }
  t.ok(outcomes.length > 0)
  t.alike(new Set(outcomes), new Set(['1 open']))
})
