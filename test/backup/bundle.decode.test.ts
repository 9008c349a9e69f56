// Hostile bundles: bytes flipped, cut, doubled, exchanged, and records that are framed well but lie. Each ends in an
// error that has a code, or in the same logs as the sound one; nothing throws anything else, hangs, or makes memory
// for what is only claimed.
import { test } from 'brittle'
import { RecordWriter, readRecords } from '../../lib/backup/bundle-records.ts'
import { verifyBundle } from '../../lib/backup/restore.ts'
import { LogwoodError } from '../../lib/errors.ts'
import { seedsFor, tellFigures } from '../helpers/long.ts'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'
import { inPieces, makeBundle } from './bundles.ts'

/** 'accepted' or the error's code. @throws what is none of ours */
async function outcome(bytes: Uint8Array): Promise<string> {
  try {
    await verifyBundle(inPieces(bytes, 1 + bytes.byteLength))
    return 'accepted'
  } catch (error) {
    if (error instanceof LogwoodError) return error.code
    throw error
  }
}

function mutated(sound: Uint8Array, random: SeededRandom): Uint8Array {
  const bytes = new Uint8Array(sound)
  const at = random.int(bytes.byteLength)
  const kind = random.int(5)
  if (kind === 0) return bytes.subarray(0, at)
  if (kind === 1) bytes[at]! ^= 1 << random.int(8)
  else if (kind === 2) bytes.set(random.bytes(16).subarray(0, bytes.byteLength - at), at)
  else if (kind === 3) bytes.copyWithin(at, random.int(bytes.byteLength), bytes.byteLength)
  else {
    const longer = new Uint8Array(bytes.byteLength + 1 + random.int(20))
    longer.set(bytes)
    return longer
  }
  return bytes
}

test('mutated bytes: never another log', { timeout: 600_000 }, async (t) => {
  const sound = await makeBundle(6)
  const rounds = seedsFor(20_000, 200_000)
  const tally: Record<string, number> = {}
  for (let seed = 1; seed <= rounds; seed++) {
    const bytes = mutated(sound, seededRandom(seed))
    const isSame = Buffer.compare(bytes, sound) === 0
    const result = await outcome(bytes)
    tally[result] = (tally[result] ?? 0) + 1
    if (result === 'accepted' && !isSame) t.fail(`seed ${seed} was accepted`)
  }
  tellFigures(t, 'T-FUZZ bundle bytes', { inputs: rounds, ...tally })
  t.is(await outcome(sound), 'accepted')
})

test('well framed records that lie', { timeout: 600_000 }, async (t) => {
  const records: { type: number; body: Uint8Array }[] = []
  for await (const { type, body } of readRecords(inPieces(await makeBundle(12)))) {
    records.push({ type, body: new Uint8Array(body) })
  }
  const other: typeof records = []
  for await (const { type, body } of readRecords(inPieces(await makeBundle(12, 9)))) {
    other.push({ type, body: new Uint8Array(body) })
  }
  const rounds = seedsFor(3000, 50_000)
  const tally: Record<string, number> = {}
  for (let seed = 1; seed <= rounds; seed++) {
    const random = seededRandom(seed)
    const list: typeof records = records.map(({ type, body }) => ({
      type,
      body: new Uint8Array(body)
    }))
    const at = random.int(list.length)
    const kind = random.int(5)
    if (kind === 0) list.splice(at, 1)
    else if (kind === 1) list[at] = other[random.int(other.length)]!
    else if (kind === 2) list[at]!.type = [1, 2, 3, 4, 7][random.int(5)]!
    else if (kind === 3) {
      const { body } = list[at]!
      body[random.int(body.byteLength)]! ^= 1 << random.int(8)
    } else list.splice(random.int(list.length), 0, { type: 4, body: random.bytes(120) })
    const writer = new RecordWriter()
    const parts = [writer.preamble()]
    for (const { type, body } of list) parts.push(writer.record(type, body))
    parts.push(writer.end())
    const result = await outcome(Buffer.concat(parts))
    tally[result] = (tally[result] ?? 0) + 1
  }
  tellFigures(t, 'T-FUZZ bundle records', { inputs: rounds, ...tally })
  t.ok(
    (tally['BAD_HASH'] ?? 0) + (tally['BAD_SIGNATURE'] ?? 0) > 0,
    'lies are told by hash and signature'
  )
})

test('a length is believed only when the bytes are there', async (t) => {
  const bytes = new Uint8Array(13)
  bytes.set([0x4c, 0x47, 0x57, 0x42, 1, 0, 1, 0, 2, 0, 0, 0, 1])
  t.is(await outcome(bytes), 'CORRUPT', '16 MiB')
  bytes.set([1, 0, 0, 1], 9)
  t.is(await outcome(bytes), 'CORRUPT', '16 MiB and one')
})

test('an end that does not fit what came before', async (t) => {
  const sound = await makeBundle(3)
  for (const isCounted of [false, true]) {
    const writer = new RecordWriter()
    const parts = [writer.preamble()]
    let count = 0
    for await (const { type, body } of readRecords(inPieces(sound))) {
      parts.push(writer.record(type, body))
      count++
    }
    const end = new Uint8Array(40)
    end[0] = isCounted ? count : 0
    parts.push(writer.record(255, end))
    t.is(await outcome(Buffer.concat(parts)), 'CORRUPT')
  }
})
