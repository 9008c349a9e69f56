// The worked examples of the disk formats' headers, and what decoders refuse.
import { test } from 'brittle'
import { File } from '../../lib/storage/file.ts'
import { memoryStorage } from '../../lib/storage/memory-storage.ts'
import { NodeFile } from '../../lib/storage/node-file.ts'
import {
  bodyOf,
  checksumSeed,
  decodeIdentity,
  decodeSeal,
  encodeIdentity,
  encodeSeal,
  readEntry,
  sealEntry
} from '../../lib/storage/oplog-format.ts'
import { PageCache } from '../../lib/storage/page-cache.ts'
import { PresenceFile, sealedPage } from '../../lib/storage/presence-file.ts'
import { encodeSecret } from '../../lib/storage/secret-file.ts'
import { fromUtf8, toHex } from '../../lib/util/bytes.ts'

const filled = (byteLength: number, value: number): Uint8Array =>
  new Uint8Array(byteLength).fill(value)
const storeId = filled(16, 1)

function exampleEntry(): Uint8Array {
  const bytes = new Uint8Array(40)
  bodyOf(bytes, 0, 2).set(fromUtf8('hi'))
  const prefix = { seq: 1, salt: filled(8, 2), previousCrc: 0, syncedSeq: 0, flags: 4 }
  sealEntry(bytes, 0, 2, prefix, checksumSeed(storeId))
  return bytes
}

test('oplog entry', (t) => {
  const entry = exampleEntry()
  t.is(
    toHex(entry.subarray(0, 39)),
    '27000000e8912bff0100000000000000020202020202020200000000000000000000000004' + '6869'
  )
  const read = readEntry(entry, 0, 40, checksumSeed(storeId))
  t.alike([read?.seq, read?.flags, read?.byteLength], [1, 4, 39])
  for (let bit = 0; bit < 39 * 8; bit++) {
    const damaged = entry.slice()
    damaged[bit >>> 3]! ^= 1 << (bit & 7)
    if (readEntry(damaged, 0, 40, checksumSeed(storeId)) !== null)
      t.fail(`bit ${bit} goes unnoticed`)
  }
  t.is(readEntry(entry, 0, 38, checksumSeed(storeId)), null, 'beyond the end')
  t.is(readEntry(entry, 0, 40, checksumSeed(filled(16, 2))), null, 'of another log')
})

test('identity and seal', (t) => {
  const identity = encodeIdentity(storeId, filled(32, 3), 1024 * 1024)
  t.is(toHex(identity.subarray(0, 8)), '4c47574401000100')
  t.is(decodeIdentity(identity)?.halfBytes, 1024 * 1024)
  identity[40]! ^= 1
  t.is(decodeIdentity(identity), null)
  const seal = encodeSeal(77, checksumSeed(storeId))
  t.is(decodeSeal(seal, checksumSeed(storeId)), 77)
  t.is(decodeSeal(seal, 0), 0)
})

test('node record', async (t) => {
  const storage = memoryStorage()
  const file = await File.open('nodes', storage('nodes'))
  const damages: number[] = []
  const open = (): NodeFile => new NodeFile(file, new PageCache(1e6), (at) => damages.push(at))
  const nodes = open()
  nodes.put({ nodeIndex: 2, byteLength: 7, hash: filled(32, 0xab) })
  nodes.freeze()
  await nodes.flush()
  nodes.thaw()
  const record = await file.read(96, 48)
  t.is(toHex(record), `0700000000000000${'ab'.repeat(32)}df0756b300000000`)
  const again = open()
  t.alike(await again.getNodes([2, 0, 4]), [
    { nodeIndex: 2, byteLength: 7, hash: filled(32, 0xab) },
    null,
    null
  ])
  await file.write(100, filled(1, 1))
  t.is(open().peekNode(2), null)
  t.alike(damages, [96])
})

test('nodes: a cut drops what spans beyond it, before and after a checkpoint', async (t) => {
  const file = await File.open('nodes', memoryStorage()('nodes'))
  const nodes = new NodeFile(file, new PageCache(1e6), () => {})
  const flush = async (): Promise<void> => {
    nodes.freeze()
    await nodes.flush()
    nodes.thaw()
  }
  for (const round of [0, 1]) {
    for (let nodeIndex = 0; nodeIndex < 15; nodeIndex++) {
      nodes.put({ nodeIndex, byteLength: 1, hash: filled(32, nodeIndex + 1) })
    }
    if (round === 1) await flush()
    nodes.cut(3)
    const held = Array.from({ length: 15 }, (_, nodeIndex) => nodes.peekNode(nodeIndex) !== null)
    t.alike(
      held.flatMap((isHeld, nodeIndex) => (isHeld ? [nodeIndex] : [])),
      [0, 1, 2, 4]
    )
    await flush()
    t.is(nodes.peekNode(3), null)
    t.is(nodes.peekNode(6), null)
    t.is(nodes.peekNode(1)?.byteLength, 1)
  }
})

test('presence page', async (t) => {
  const bits = new Uint8Array(4096)
  bits.set([1, 2], 8)
  const page = sealedPage(bits, 0)
  t.is(toHex(page.subarray(0, 10)), '00000000e8ddd9320102')
  const file = await File.open('presence', memoryStorage()('presence'))
  await file.write(0, page)
  const damages: number[] = []
  const open = (): Promise<PresenceFile> =>
    PresenceFile.open(file, new PageCache(1e6), (at) => damages.push(at))
  const presence = await open()
  t.alike(
    [presence.has(0), presence.has(1), presence.has(9), presence.word(0)],
    [true, false, true, 513]
  )
  presence.setRange(32_700, 10, true)
  t.is(presence.findBlock(10, 40_000, true), 32_700)
  t.is(presence.findBlock(32_700, 40_000, false), 32_710)
  presence.cut(32_705)
  t.is(presence.findBlock(32_704, 40_000, false), 32_705)
  t.is(presence.findBlock(32_705, 40_000, true), -1)
  await file.write(4000, filled(1, 1))
  t.is((await open()).has(9), true, 'the bits of a damaged page are kept, reads will tell')
  t.alike(damages, [0])
})

test('secret', (t) => {
  const secret = encodeSecret({ publicKey: filled(32, 1), secretKey: filled(64, 2), place: 7n })
  t.is(toHex(secret.subarray(0, 8)), '4c47575301000000')
  t.is(toHex(secret.subarray(104)), '07000000000000006db1137d')
})
