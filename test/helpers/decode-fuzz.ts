// T-FUZZ: one harness for all that takes bytes from outside. Each input gives a value within its limits, or an error
// of the kinds that the target names; nothing else, and never anything that costs more than its length.
// Inputs in equal parts: random bytes; valid ones with 1 to 8 mutations; length lies at every border between fields,
// which are found by watching the decoder's cursor; every truncation; trailing garbage; deep repetition; integers
// written longer than they need be.
import type { Assertions } from 'brittle'
import { LogwoodError } from '../../lib/errors.ts'
import { concat, toHex } from '../../lib/util/bytes.ts'
import type { Codec, CodecState } from '../../lib/util/codec.ts'
import { LONG, seedsFor, tellFigures } from './long.ts'
import { type SeededRandom, seededRandom } from './random.ts'

export interface DecodeTarget {
  readonly name: string
  /** A valid input. */
  sample(random: SeededRandom): Uint8Array
  decode(bytes: Uint8Array): unknown
  /** What is wrong with a value that came out; null: nothing. */
  check?(value: unknown): string | null
  /** Names of the error classes that may be thrown. */
  readonly errors: readonly string[]
  /** Where fields begin; by default every byte of the first 64. */
  fields?(bytes: Uint8Array): readonly number[]
  /** Inputs of the fast run, if other than usual: for decoders that do cryptography. */
  readonly inputs?: number
  /** A valid input may be refused, as its checksum or proof is about more than its shape. */
  readonly acceptsSamples?: boolean
}

export interface DecodeFigures {
  inputs: number
  accepted: number
  refused: number
  slowestMs: number
  slowest: string
}

/** Inputs per target: 20,000 in `npm test`. */
const FAST_INPUTS = 20_000
const LONG_INPUTS = 400_000
const REPEATED_BYTES = LONG ? [300, 4_096, 65_536, 1_048_576] : [300, 4_096, 16_384]

/** One target over its share of inputs; fails the test at the first wrong one. */
export function fuzzDecoder(t: Assertions, target: DecodeTarget, seed = 1): DecodeFigures {
  const random = seededRandom(seed)
  const figures: DecodeFigures = {
    inputs: 0,
    accepted: 0,
    refused: 0,
    slowestMs: 0,
    slowest: ''
  }
  const fast = target.inputs ?? FAST_INPUTS
  const count = seedsFor(fast, Math.round((fast / FAST_INPUTS) * LONG_INPUTS))
  const before = heapBytes()
  let given = 0
  while (figures.inputs < count) {
    // A Buffer's slice would be a view.
    const sample = new Uint8Array(target.sample(random))
    if (target.acceptsSamples !== false && !tryOne(t, target, sample, figures, 'a valid input')) {
      t.fail(`${target.name}, seed ${seed}: refuses ${shown(sample)}`)
      return figures
    }
    for (const [kind, bytes] of inputsOf(target, sample, random)) {
      given += bytes.byteLength
      if (tryOne(t, target, bytes, figures, kind) === null) return figures
    }
  }
  const grown = heapBytes() - before
  if (LONG && grown > 64 * 1024 * 1024)
    t.fail(`${target.name}: ${grown} bytes are still held after ${given} bytes of input`)
  if (LONG) assertLinear(t, target, random)
  tellFigures(t, `T-FUZZ ${target.name}`, {
    seed,
    inputs: figures.inputs,
    accepted: figures.accepted,
    refused: figures.refused,
    slowest: `${figures.slowestMs.toFixed(2)} ms (${figures.slowest})`
  })
  return figures
}

/** True: accepted; false: refused as it may be; null: wrong, and told. */
function tryOne(
  t: Assertions,
  target: DecodeTarget,
  bytes: Uint8Array,
  figures: DecodeFigures,
  kind: string
): boolean | null {
  figures.inputs++
  const start = performance.now()
  let fault: string | null = null
  let isAccepted = false
  try {
    const value = target.decode(bytes)
    isAccepted = value !== null
    fault = isAccepted ? (target.check?.(value) ?? null) : null
  } catch (error) {
    if (!isTyped(error, target.errors)) fault = `throws ${String(error)}`
  }
  const ms = performance.now() - start
  if (ms > figures.slowestMs) {
    figures.slowestMs = ms
    figures.slowest = `${kind}, ${bytes.byteLength} bytes`
  }
  if (isAccepted) figures.accepted++
  else figures.refused++
  if (fault === null) return isAccepted
  t.fail(`${target.name}: ${fault} (${kind}: ${shown(bytes)})`)
  return null
}

function isTyped(error: unknown, names: readonly string[]): boolean {
  if (!(error instanceof Error) || !names.includes(error.constructor.name)) return false
  // Errors outside of the library's hierarchy are the command line's, which have no code.
  return !(error instanceof LogwoodError) || typeof error.code === 'string'
}

function shown(bytes: Uint8Array): string {
  const hex = toHex(bytes.subarray(0, 200))
  return bytes.byteLength > 200 ? `${hex}… of ${bytes.byteLength} bytes` : hex
}

function heapBytes(): number {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Each kind has about the same share, whatever a sample's length. */
const PER_KIND = 24

function* inputsOf(
  target: DecodeTarget,
  sample: Uint8Array,
  random: SeededRandom
): Generator<[kind: string, bytes: Uint8Array]> {
  const fields = target.fields?.(sample) ?? firstBytes(sample)
  for (let i = 0; i < PER_KIND; i++) {
    const max = random.int(8) === 0 ? 4_096 : 100
    yield ['random bytes', random.bytes(random.int(max))]
    yield ['mutations', mutated(sample, target.sample(random), random)]
    yield ['a length lie', lie(sample, fields, random)]
    yield ['a truncation', sample.slice(0, cutAt(sample, i, random))]
    yield ['trailing garbage', concat([sample, random.bytes(1 + random.int(64))])]
    yield ['a longer integer', longer(sample, fields, random)]
    // Rarer for its length, and with more bytes than all the others.
    if (i === 0) yield ['repetition', repetition(sample, random)]
  }
}

function firstBytes(bytes: Uint8Array): readonly number[] {
  return Array.from({ length: Math.min(bytes.byteLength, 64) }, (_, i) => i)
}

/** Short samples are cut at every byte, long ones anywhere. */
function cutAt(sample: Uint8Array, i: number, random: SeededRandom): number {
  return sample.byteLength <= PER_KIND ? i % (sample.byteLength + 1) : random.int(sample.byteLength)
}

export function mutated(sample: Uint8Array, other: Uint8Array, random: SeededRandom): Uint8Array {
  let bytes: Uint8Array = new Uint8Array(sample)
  const times = 1 + random.int(8)
  for (let i = 0; i < times; i++) bytes = mutateOnce(bytes, other, random)
  return bytes
}

function mutateOnce(bytes: Uint8Array, other: Uint8Array, random: SeededRandom): Uint8Array {
  const at = random.int(bytes.byteLength + 1)
  const end = Math.min(bytes.byteLength, at + 1 + random.int(8))
  switch (random.int(6)) {
    case 0:
      if (at < bytes.byteLength) bytes[at]! ^= 1 << random.int(8)
      return bytes
    case 1:
      if (at < bytes.byteLength) bytes[at] = random.int(256)
      return bytes
    case 2:
      return concat([bytes.subarray(0, at), random.bytes(1 + random.int(8)), bytes.subarray(at)])
    case 3:
      return concat([bytes.subarray(0, at), bytes.subarray(end)])
    case 4:
      return concat([bytes.subarray(0, end), bytes.subarray(at)])
    default:
      return concat([bytes.subarray(0, at), other.subarray(random.int(other.byteLength + 1))])
  }
}

/** Varints and fixed fields that say the wrong number. */
function lie(sample: Uint8Array, fields: readonly number[], random: SeededRandom): Uint8Array {
  const at = fields[random.int(fields.length)] ?? 0
  const lies = LIES[random.int(LIES.length)]!
  const isInPlace = random.int(2) === 0
  const actual = sample[at] ?? 0
  const near = new Uint8Array([(actual + (random.int(2) === 0 ? 1 : 255)) & 255])
  const value = random.int(6) === 0 ? near : lies
  return concat([
    sample.subarray(0, at),
    value,
    sample.subarray(isInPlace ? at + value.byteLength : at + widthOf(actual))
  ])
}

function widthOf(first: number): number {
  return first < 253 ? 1 : first === 253 ? 3 : first === 254 ? 5 : 9
}

function varint(width: 1 | 3 | 5 | 9, value: bigint): Uint8Array {
  const bytes = new Uint8Array(width)
  let at = 0
  if (width > 1) bytes[at++] = width === 3 ? 253 : width === 5 ? 254 : 255
  for (let rest = value; at < width; rest >>= 8n) bytes[at++] = Number(rest & 255n)
  return bytes
}

/** 0, 1, the largest of each width, and the borders of what a number or a signed integer holds; as u32 and u64 too. */
const LIES: readonly Uint8Array[] = [
  varint(1, 0n),
  varint(1, 1n),
  varint(1, 252n),
  varint(3, 0xffffn),
  varint(5, 0x7fffffffn),
  varint(5, 0x80000000n),
  varint(5, 0x80000001n),
  varint(5, 0xffffffffn),
  varint(9, 2n ** 40n),
  varint(9, 2n ** 53n - 1n),
  varint(9, 2n ** 53n),
  varint(9, 2n ** 53n + 1n),
  varint(9, 2n ** 64n - 1n),
  new Uint8Array([255, 255, 255, 255]),
  new Uint8Array([255, 255, 255, 127]),
  new Uint8Array(8).fill(255)
]

function longer(sample: Uint8Array, fields: readonly number[], random: SeededRandom): Uint8Array {
  const at = fields[random.int(fields.length)] ?? 0
  const value = sample[at] ?? 0
  if (value > 252) return sample.slice()
  const width = ([3, 5, 9] as const)[random.int(3)]!
  return concat([sample.subarray(0, at), varint(width, BigInt(value)), sample.subarray(at + 1)])
}

/** A pattern of up to 8 bytes, alone or behind a valid beginning, over and over. */
function repetition(sample: Uint8Array, random: SeededRandom): Uint8Array {
  const length = REPEATED_BYTES[random.int(REPEATED_BYTES.length)]!
  const pattern =
    random.int(2) === 0 ? random.bytes(1 + random.int(8)) : SMALL_PATTERNS[random.int(6)]!
  const bytes = new Uint8Array(length)
  bytes.set(
    sample.subarray(0, random.int(2) === 0 ? 0 : random.int(sample.byteLength)).subarray(0, length)
  )
  for (let i = random.int(2) === 0 ? 0 : Math.min(sample.byteLength, length); i < length; i++) {
    bytes[i] = pattern[i % pattern.byteLength]!
  }
  return bytes
}

const SMALL_PATTERNS: readonly Uint8Array[] = [
  new Uint8Array([0]),
  new Uint8Array([1]),
  new Uint8Array([0, 0, 0, 2]),
  new Uint8Array([255]),
  new Uint8Array([1, 0]),
  new Uint8Array([0, 1])
]

/** Time at 64 KiB is at most 64 times that at 4 KiB: linear is 16, quadratic 256. The best of some is taken. */
function assertLinear(t: Assertions, target: DecodeTarget, random: SeededRandom): void {
  for (const pattern of [...SMALL_PATTERNS, random.bytes(5)]) {
    const head = target.sample(random).subarray(0, 16)
    const short = bestMs(target, repeated(head, pattern, 4_096))
    const long = bestMs(target, repeated(head, pattern, 65_536))
    if (long > 64 * Math.max(short, 0.02)) {
      t.fail(`${target.name}: 4 KiB of ${toHex(pattern)} take ${short} ms, 64 KiB ${long} ms`)
    }
  }
}

function repeated(head: Uint8Array, pattern: Uint8Array, byteLength: number): Uint8Array {
  const bytes = Uint8Array.from({ length: byteLength }, (_, i) => pattern[i % pattern.byteLength]!)
  bytes.set(head)
  return bytes
}

function bestMs(target: DecodeTarget, bytes: Uint8Array): number {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < 20; i++) {
    const start = performance.now()
    try {
      target.decode(bytes)
    } catch {
      // Only its time counts here.
    }
    best = Math.min(best, performance.now() - start)
  }
  return best
}

/** Where the fields of an input begin, from where the decoder's cursor stood. */
export function fieldsOf(codec: Codec<unknown>): (bytes: Uint8Array) => readonly number[] {
  return (bytes) => {
    const borders = new Set<number>([0])
    let at = 0
    const state: CodecState = {
      get start() {
        return at
      },
      set start(value) {
        at = value
        if (value < bytes.byteLength) borders.add(value)
      },
      end: bytes.byteLength,
      buffer: bytes
    }
    try {
      codec.decode(state)
    } catch {
      // The borders up to there are known.
    }
    return [...borders]
  }
}

/** All of them together, in one line. */
export function tellAll(t: Assertions, suite: string, all: readonly DecodeFigures[]): void {
  const sum = (of: (figures: DecodeFigures) => number): number =>
    all.reduce((total, figures) => total + of(figures), 0)
  tellFigures(t, suite, {
    targets: all.length,
    inputs: sum(({ inputs }) => inputs),
    accepted: sum(({ accepted }) => accepted),
    refused: sum(({ refused }) => refused)
  })
}
