// CRC-32 (zlib's polynomial), chained: it is against accidents; against malice only hashes and signatures count.
import { crc32 } from 'node:zlib'

/** The checksum of the bytes, going on from that of what came before. */
export function checksum(bytes: Uint8Array, before = 0): number {
  return crc32(bytes, before)
}
