// T-FUZZ of what is read from a log's files: identity, seals, entries, secret, lock; and pages of nodes and presence,
// where damage is told and never turns into a value.
import { test } from 'brittle'
import { StorageError } from '../../lib/errors.ts'
import { parseOwner } from '../../lib/storage/directory-lock.ts'
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
  peekEntry,
  readEntry,
  sealEntry
} from '../../lib/storage/oplog-format.ts'
import { PageCache } from '../../lib/storage/page-cache.ts'
import { PresenceFile, sealedPage } from '../../lib/storage/presence-file.ts'
import { decodeSecret, encodeSecret } from '../../lib/storage/secret-file.ts'
import { fromUtf8, toUtf8 } from '../../lib/util/bytes.ts'
import { type DecodeTarget, fuzzDecoder, mutated, tellAll } from '../helpers/decode-fuzz.ts'
import { seedsFor, tellFigures } from '../helpers/long.ts'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'

const TIMEOUT = { timeout: 3_600_000 }
const storeId = new Uint8Array(16).fill(1)
const seed = checksumSeed(storeId)
const everyByte = (end: number) => (): readonly number[] => Array.from({ length: end }, (_, i) => i)

function entryOf(random: SeededRandom): Uint8Array {
  const bodyBytes = random.int(40)
  const bytes = new Uint8Array(37 + bodyBytes)
  bodyOf(bytes, 0, bodyBytes).set(random.bytes(bodyBytes))
  const seq = 2 + random.int(1_000)
  const prefix = {
    seq,
    salt: random.bytes(8),
    previousCrc: random.int(2 ** 32),
    syncedSeq: random.int(seq),
    flags: [0, 2, 4][random.int(3)]!
  }
  sealEntry(bytes, 0, bodyBytes, prefix, seed)
  return bytes
}

const targets: readonly DecodeTarget[] = [
  {
    name: 'identity',
    sample: (random) => encodeIdentity(random.bytes(16), random.bytes(32), random.int(2 ** 32)),
    decode: decodeIdentity,
    errors: []
  },
  {
    name: 'seal',
    sample: (random) => encodeSeal(1 + random.int(2 ** 40), seed),
    decode: (bytes) => decodeSeal(bytes, seed) || null,
    errors: [],
    fields: everyByte(12),
    check: (value) => (Number.isSafeInteger(value) ? null : `the seq ${String(value)} came out`)
  },
  {
    name: 'entry',
    sample: entryOf,
    decode: (bytes) => readEntry(bytes, 0, bytes.byteLength, seed),
    errors: [],
    fields: everyByte(37),
    check: (value) =>
      (value as { seq: number }).seq > Number.MAX_SAFE_INTEGER ? 'a seq too large came out' : null
  },
  {
    name: 'entry, not yet checked',
    sample: entryOf,
    decode: (bytes) => peekEntry(bytes, 0, bytes.byteLength),
    errors: [],
    fields: everyByte(37)
  },
  {
    name: 'secret',
    sample: (random) =>
      encodeSecret({
        publicKey: random.bytes(32),
        secretKey: random.bytes(64),
        place: BigInt(random.int(2 ** 32))
      }),
    decode: decodeSecret,
    errors: ['StorageError']
  },
  {
    name: 'lock',
    sample: (random) =>
      fromUtf8(
        `${JSON.stringify({ pid: random.int(70_000), started: '1', boot: 'b', host: 'h', token: 't' })}\n`
      ),
    decode: (bytes) => parseOwner(toUtf8(bytes)),
    errors: [],
    check(value) {
      const { pid, host, started, boot } = value as Record<string, unknown>
      const areTexts = [host, started, boot].every((part) => typeof part === 'string')
      return typeof pid === 'number' && areTexts ? null : 'a part of another type came out'
    }
  }
]

test('T-FUZZ formats of storage', TIMEOUT, (t) => {
  tellAll(
    t,
    'T-FUZZ storage',
    targets.map((each, i) => fuzzDecoder(t, each, i + 51))
  )
  t.pass()
})

test('T-FUZZ node pages: a record is right, or absent', TIMEOUT, async (t) => {
  const random = seededRandom(57)
  const file = await File.open('nodes', memoryStorage()('nodes'))
  const nodes = new NodeFile(file, new PageCache(1e6), () => {})
  const hashes = Array.from({ length: 40 }, () => random.bytes(32))
  hashes.forEach((hash, nodeIndex) => {
    nodes.put({ nodeIndex, byteLength: nodeIndex + 1, hash })
  })
  nodes.freeze()
  await nodes.flush()
  nodes.thaw()
  const sound = await file.read(0, file.byteLength)
  const figures = { inputs: seedsFor(3_000, 60_000), sound: 0, absent: 0 }
  for (let round = 0; round < figures.inputs; round++) {
    const bytes = round % 4 === 0 ? random.bytes(random.int(3_000)) : mutated(sound, sound, random)
    await file.truncate(0)
    await file.write(0, bytes)
    const read = new NodeFile(file, new PageCache(1e6), () => {})
    for (const [i, node] of (await read.getNodes(hashes.map((_, at) => at))).entries()) {
      if (node === null) figures.absent++
      else figures.sound++
      const isRight =
        node === null ||
        (node.byteLength === i + 1 && node.hash.every((byte, at) => byte === hashes[i]![at]))
      if (!isRight) t.fail(`round ${round}: node ${i} is wrong`)
    }
  }
  tellFigures(t, 'T-FUZZ node pages', figures)
  t.ok(figures.sound > 0 && figures.absent > 0)
})

test('T-FUZZ presence pages: bits of their own place only, damage is told', TIMEOUT, async (t) => {
  const random = seededRandom(58)
  const bits = new Uint8Array(4_096)
  bits.set(random.bytes(200), 8)
  const sound = sealedPage(bits, 0)
  const file = await File.open('presence', memoryStorage()('presence'))
  const figures = { inputs: seedsFor(1_500, 30_000), sound: 0, damaged: 0 }
  for (let round = 0; round < figures.inputs; round++) {
    const bytes = round % 3 === 0 ? random.bytes(random.int(4_200)) : mutated(sound, sound, random)
    await file.truncate(0)
    await file.write(0, bytes)
    let damaged = false
    try {
      const presence = await PresenceFile.open(file, new PageCache(1e6), () => {
        damaged = true
      })
      presence.has(3)
      presence.findBlock(0, 100_000, true)
    } catch (error) {
      if (!(error instanceof StorageError)) t.fail(`round ${round}: ${String(error)}`)
    }
    const isSame =
      bytes.byteLength === sound.byteLength && bytes.every((byte, i) => byte === sound[i])
    const isEmpty = bytes.every((byte) => byte === 0)
    if (damaged) figures.damaged++
    else if (isSame || isEmpty) figures.sound++
    else if (!isPadded(bytes, sound)) t.fail(`round ${round}: damage went unnoticed`)
  }
  tellFigures(t, 'T-FUZZ presence pages', figures)
  t.ok(figures.damaged > 0)
})

/** A page that is the sound one but for zeros at its end, or followed by other pages, is the sound one. */
function isPadded(bytes: Uint8Array, sound: Uint8Array): boolean {
  return sound.every((byte, i) => (bytes[i] ?? 0) === byte)
}
