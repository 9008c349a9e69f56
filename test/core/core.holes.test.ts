// Damage that no seal tells of: a hole amid acknowledged entries is not a torn tail, and a log whose only header is
// gone is not a new one.
import { test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import type { LogwoodError } from '../../lib/errors.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { crashKeyPair } from '../helpers/crash-script.ts'
import { altered, type DiskImage } from '../helpers/disk-image.ts'
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
