// CRC-32 (zlib's polynomial), chained: it is against accidents; against malice only hashes and signatures count.
// Two ways to the same number: zlib for long runs of bytes, and tables for the 48 bytes of a record, for which a
// call into zlib costs more than the sum itself (bench: append-100b-batch-1000).
import { crc32 } from 'node:zlib'

const POLYNOMIAL = 0xedb88320

/** tables[k][b]: what byte b adds when k more bytes of its word follow. */
const tables: readonly Int32Array[] = makeTables()
const [last, third, second, first] = tables as [Int32Array, Int32Array, Int32Array, Int32Array]

/** The checksum of the bytes, going on from that of what came before. */
export function checksum(bytes: Uint8Array, before = 0): number {
  return crc32(bytes, before)
}

/** The same for bytes [start, end) of a few dozen, a multiple of 4 in number. */
export function shortChecksum(bytes: Uint8Array, start: number, end: number, before = 0): number {
  let crc = ~before
  for (let at = start; at < end; at += 4) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc =
      first[crc & 255]! ^
      second[(crc >>> 8) & 255]! ^
      third[(crc >>> 16) & 255]! ^
      last[crc >>> 24]!
  }
  return ~crc >>> 0
}

function makeTables(): Int32Array[] {
  const made = Array.from({ length: 4 }, () => new Int32Array(256))
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    made[0]![byte] = crc
  }
  for (let table = 1; table < 4; table++) {
    for (let byte = 0; byte < 256; byte++) {
      const before = made[table - 1]![byte]!
      made[table]![byte] = (before >>> 8) ^ made[0]![before & 255]!
    }
  }
  return made
}
