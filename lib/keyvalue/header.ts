// The header, block 0: what every reader has to know first (spec hamt.md section 5.2).
//
//   00 4c574b56 01 00 01 09×32 00      kind 0, "LWKV", major 1, minor 0, hashed paths, the seed, no metadata
import { FormatError } from '../errors.ts'
import { copyOf, emptyBytes } from '../util/bytes.ts'
import { ByteReader } from './byte-reader.ts'
import { MAJOR, MINOR, SEED_BYTES } from './constants.ts'
import { HASHED, ORDERED } from './path.ts'
import { skipFields } from './tagged-fields.ts'
import { encodeVarint, varintBytes } from './varint.ts'

const MAGIC = [0x00, 0x4c, 0x57, 0x4b, 0x56]
const FIXED_BYTES = MAGIC.length + 3 + SEED_BYTES

export interface Header {
  readonly pathFunction: typeof HASHED | typeof ORDERED
  /** 32 bytes; zero for ordered paths. */
  readonly seed: Uint8Array
  /** The application's own. */
  readonly metadata: Uint8Array
}

export function encodeHeader({ pathFunction, seed, metadata = emptyBytes }: Header): Uint8Array {
  const bytes = new Uint8Array(FIXED_BYTES + varintBytes(metadata.byteLength) + metadata.byteLength)
  bytes.set([...MAGIC, MAJOR, MINOR, pathFunction])
  bytes.set(seed, MAGIC.length + 3)
  bytes.set(metadata, encodeVarint(bytes, FIXED_BYTES, metadata.byteLength))
  return bytes
}

/** @throws FormatError MALFORMED if this is no key-value store, UNSUPPORTED if it is one of a later kind */
export function readHeader(bytes: Uint8Array): Header {
  const reader = new ByteReader(bytes, 0)
  for (const expected of MAGIC) {
    if (reader.byte() !== expected) reader.fail('this log is no key-value store')
  }
  const major = reader.byte()
  if (major !== MAJOR) unsupported(`its format is ${major}, known here is ${MAJOR}`)
  reader.byte()
  const pathFunction = reader.byte()
  if (pathFunction !== HASHED && pathFunction !== ORDERED) {
    unsupported(`its paths are made by function ${pathFunction}`)
  }
  const seed = copyOf(reader.take(SEED_BYTES))
  const metadata = copyOf(reader.take(reader.varint()))
  skipFields(reader, reader.end - reader.at)
  return { pathFunction, seed, metadata }
}

function unsupported(problem: string): never {
  throw new FormatError('UNSUPPORTED', 0, problem)
}
