// The bytes of the oplog: identity, seals, entries. Bodies of entries are the core's matter (core/change-format.ts).
// Design: reliability.md section 4.3; the sizes below are fixed by the format.
//
//   0      identity, 512 B, written once                       512: the same again
//   1,024  seal, 512 B                                         1,536: seal, used in turn
//   4,096  half 0, halfBytes long                              4,096 + halfBytes: half 1
//
// identity: magic "LGWD" | format u16 | lowest reader u16 | store id 16 | log key 32 | halfBytes u32 | zeros
//           | at 508: CRC u32 over bytes 0 to 507
// seal:     last synced seq u64 | CRC u32 over the seq, from the store id's checksum on | zeros
// entry, at a multiple of 8 within its half:
//   length u32 (prefix and body) | CRC u32 over length and all from seq on, from the store id's checksum on
//   | seq u64 | salt 8 | CRC of the previous entry u32 | synced seq u64 | flags u8 | body
//   flags: 2 bytes outside, 4 header (1 is kept free for groups of several entries)
// A length of zero ends a half. The salt is drawn anew for each half, so that what an earlier use of the place
// left behind never links up.
//
// Example: store id 16 × 01, seq 1, salt 8 × 02, previous 0, synced 0, flags 4, body 6869 ("hi"):
//   27000000 e8912bff 0100000000000000 0202020202020202 00000000 0000000000000000 04 6869
import { copyOf, equalBytes, viewOf } from '../util/bytes.ts'
import { readUint64, writeUint64 } from '../util/codec.ts'
import { checksum } from './checksum.ts'
import {
  ENTRY_ALIGNMENT,
  ENTRY_HEADER_BYTES,
  FORMAT_VERSION,
  MIN_READER_VERSION,
  SALT_BYTES,
  SECTOR_BYTES
} from './constants.ts'

export const FLAG_OUTSIDE = 2
export const FLAG_HEADER = 4
const KNOWN_FLAGS: number = FLAG_OUTSIDE | FLAG_HEADER

const MAGIC = new Uint8Array([0x4c, 0x47, 0x57, 0x44])
const IDENTITY_CRC_OFFSET = 508
const BODY_OFFSET = ENTRY_HEADER_BYTES

export interface Identity {
  readonly format: number
  readonly minReader: number
  /** 16 random bytes. */
  readonly storeId: Uint8Array
  /** The log key, 32 bytes. */
  readonly key: Uint8Array
  readonly halfBytes: number
}

export interface EntryPrefix {
  readonly seq: number
  /** 8 bytes. */
  readonly salt: Uint8Array
  readonly previousCrc: number
  /** Highest seq known to be synced when the entry was written. */
  readonly syncedSeq: number
  readonly flags: number
}

export interface Entry extends EntryPrefix {
  readonly crc: number
  /** Where it begins in the file. */
  readonly byteOffset: number
  /** With prefix, without padding. */
  readonly byteLength: number
  /** Views of what was read: the whole entry, and its body. */
  readonly bytes: Uint8Array
  readonly body: Uint8Array
}

export function encodeIdentity(
  storeId: Uint8Array,
  key: Uint8Array,
  halfBytes: number
): Uint8Array {
  const sector = new Uint8Array(SECTOR_BYTES)
  const view = viewOf(sector)
  sector.set(MAGIC, 0)
  view.setUint16(4, FORMAT_VERSION, true)
  view.setUint16(6, MIN_READER_VERSION, true)
  sector.set(storeId, 8)
  sector.set(key, 24)
  view.setUint32(56, halfBytes, true)
  view.setUint32(IDENTITY_CRC_OFFSET, checksum(sector.subarray(0, IDENTITY_CRC_OFFSET)), true)
  return sector
}

/** null if the checksum or the magic does not fit. */
export function decodeIdentity(sector: Uint8Array): Identity | null {
  if (sector.byteLength < SECTOR_BYTES) return null
  const view = viewOf(sector)
  const crc = checksum(sector.subarray(0, IDENTITY_CRC_OFFSET))
  if (view.getUint32(IDENTITY_CRC_OFFSET, true) !== crc) return null
  if (!equalBytes(sector.subarray(0, 4), MAGIC)) return null
  return {
    format: view.getUint16(4, true),
    minReader: view.getUint16(6, true),
    storeId: copyOf(sector.subarray(8, 24)),
    key: copyOf(sector.subarray(24, 56)),
    halfBytes: view.getUint32(56, true)
  }
}

/** What the checksums of a log's seals and entries begin with, so that those of another log do not pass. */
export function checksumSeed(storeId: Uint8Array): number {
  return checksum(storeId)
}

export function encodeSeal(seq: number, seed: number): Uint8Array {
  const sector = new Uint8Array(SECTOR_BYTES)
  writeUint64(sector, 0, seq)
  viewOf(sector).setUint32(8, checksum(sector.subarray(0, 8), seed), true)
  return sector
}

/** The sealed seq; 0 if there is none or it does not pass. */
export function decodeSeal(sector: Uint8Array, seed: number): number {
  if (sector.byteLength < 12) return 0
  const crc = checksum(sector.subarray(0, 8), seed)
  const seq = readUint64(sector, 0)
  return viewOf(sector).getUint32(8, true) === crc && Number.isSafeInteger(seq) ? seq : 0
}

/** Bytes that an entry takes in its half. */
export function entrySpace(bodyBytes: number): number {
  const byteLength = ENTRY_HEADER_BYTES + bodyBytes
  return Math.ceil(byteLength / ENTRY_ALIGNMENT) * ENTRY_ALIGNMENT
}

/** Where the body of an entry goes that begins at the offset. */
export function bodyOf(group: Uint8Array, offset: number, bodyBytes: number): Uint8Array {
  return group.subarray(offset + BODY_OFFSET, offset + BODY_OFFSET + bodyBytes)
}

/** Completes an entry around its body, which is in place. Returns its checksum. */
export function sealEntry(
  group: Uint8Array,
  offset: number,
  bodyBytes: number,
  prefix: EntryPrefix,
  seed: number
): number {
  const byteLength = ENTRY_HEADER_BYTES + bodyBytes
  const entry = group.subarray(offset, offset + byteLength)
  const view = viewOf(entry)
  view.setUint32(0, byteLength, true)
  view.setUint32(8, prefix.seq % 0x100000000, true)
  view.setUint32(12, Math.floor(prefix.seq / 0x100000000), true)
  entry.set(prefix.salt, 16)
  view.setUint32(24, prefix.previousCrc, true)
  view.setUint32(28, prefix.syncedSeq % 0x100000000, true)
  view.setUint32(32, Math.floor(prefix.syncedSeq / 0x100000000), true)
  entry[36] = prefix.flags
  const crc = entryChecksum(entry, seed)
  view.setUint32(4, crc, true)
  return crc
}

/** The entry at an offset of the file's bytes, if its own checksum passes and it ends before `end`. */
export function readEntry(
  bytes: Uint8Array,
  byteOffset: number,
  end: number,
  seed: number
): Entry | null {
  const prefix = peekEntry(bytes, byteOffset, end)
  if (prefix === null) return null
  const entry = bytes.subarray(byteOffset, byteOffset + prefix.byteLength)
  const crc = viewOf(entry).getUint32(4, true)
  if (entryChecksum(entry, seed) !== crc) return null
  return {
    ...prefix,
    salt: copyOf(prefix.salt),
    crc,
    byteOffset,
    bytes: entry,
    body: entry.subarray(BODY_OFFSET)
  }
}

/** What an entry there would say, unchecked; null if it cannot be one. */
export function peekEntry(
  bytes: Uint8Array,
  byteOffset: number,
  end: number
): (EntryPrefix & { readonly byteLength: number }) | null {
  if (byteOffset + ENTRY_HEADER_BYTES > end) return null
  const entry = bytes.subarray(byteOffset, byteOffset + ENTRY_HEADER_BYTES)
  const view = viewOf(entry)
  const byteLength = view.getUint32(0, true)
  const flags = entry[36]!
  if (byteLength < ENTRY_HEADER_BYTES || byteOffset + byteLength > end) return null
  const seq = readUint64(entry, 8)
  const syncedSeq = readUint64(entry, 28)
  if (!Number.isSafeInteger(seq) || syncedSeq >= seq || (flags & ~KNOWN_FLAGS) !== 0) return null
  return {
    seq,
    salt: entry.subarray(16, 16 + SALT_BYTES),
    previousCrc: view.getUint32(24, true),
    syncedSeq,
    flags,
    byteLength
  }
}

function entryChecksum(entry: Uint8Array, seed: number): number {
  return checksum(entry.subarray(8), checksum(entry.subarray(0, 4), seed))
}
