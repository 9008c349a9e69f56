// The bytes of a bundle: logs, or ranges of them, in one file that proves itself. Whoever has only the file can check
// every block in it against the key of its log; who has the key from elsewhere knows that it is that log.
//
//   magic "LGWB" | format u16 | lowest reader u16 | records | end record, and nothing behind it
// record: type u8 | body length u32, at most 16 MiB | body | CRC u32 over all before, going on from that of the record
//   before (of the first: from that of the 8 bytes before it)
//   1 log      32 key | uint fork | uint length | list of nodes | buffer signature | buffer manifest (empty: none)
//              the nodes are those of an upgrade from 0 to the length; all records up to the next log belong to it
//   2 block    uint index | list of nodes | the block's bytes; the nodes lead up to one that came before
//   3 missing  uint start | uint end: blocks that were asked for and are not here
//   4 key pair 16 salt | 24 nonce | uint ops limit | uint memory limit in bytes | box: XChaCha20-Poly1305 of public key
//              32 and secret key 64, under Argon2id of a passphrase, bound to the log's key
//   255 end    u64 number of records before | 32 hash: BLAKE2b-256 of (hash so far | record), from 32 zeros on
// Integers are little-endian; uint, list, buffer and node are those of the wire.
//
// Example, a bundle without logs: magic, format 1, reader 1, then the end record of 40 bytes: no records, zeros
//   4c475742 0100 0100 | ff 28000000 0000000000000000 00…00 | CRC
import { type Node, nodeCodec } from '../merkle/node.ts'
import {
  buffer,
  type Codec,
  encode,
  fixed,
  fixed32,
  list,
  optionalBuffer,
  raw,
  struct,
  uint
} from '../util/codec.ts'

export const BUNDLE_MAGIC: Uint8Array = new Uint8Array([0x4c, 0x47, 0x57, 0x42])
export const BUNDLE_FORMAT = 1
export const BUNDLE_MIN_READER = 1
export const PREAMBLE_BYTES = 8
export const RECORD_HEAD_BYTES = 5
export const RECORD_CRC_BYTES = 4
/** Holds the longest block with its nodes. */
export const MAX_RECORD_BYTES: number = 16 * 1024 * 1024

export const TYPE_LOG = 1
export const TYPE_BLOCK = 2
export const TYPE_MISSING = 3
export const TYPE_KEY_PAIR = 4
export const TYPE_END = 255

/** What one proof may hold (merkle/constants.ts). */
const nodes = list(nodeCodec, 256)

export interface LogRecord {
  readonly key: Uint8Array
  readonly fork: number
  readonly length: number
  readonly nodes: readonly Node[]
  readonly signature: Uint8Array
  readonly manifest: Uint8Array | null
}

export interface BlockRecord {
  readonly index: number
  readonly nodes: readonly Node[]
  readonly value: Uint8Array
}

export interface MissingRecord {
  readonly start: number
  readonly end: number
}

export interface KeyPairRecord {
  readonly salt: Uint8Array
  readonly nonce: Uint8Array
  readonly opsLimit: number
  readonly memLimitBytes: number
  readonly box: Uint8Array
}

export const logRecord: Codec<LogRecord> = struct({
  key: fixed32,
  fork: uint,
  length: uint,
  nodes,
  signature: buffer,
  manifest: optionalBuffer
})

export const blockRecord: Codec<BlockRecord> = struct({ index: uint, nodes, value: raw })

export const missingRecord: Codec<MissingRecord> = struct({ start: uint, end: uint })

export const keyPairRecord: Codec<KeyPairRecord> = struct({
  salt: fixed(16),
  nonce: fixed(24),
  opsLimit: uint,
  memLimitBytes: uint,
  box: raw
})

export function encodeBody<T>(codec: Codec<T>, value: T): Uint8Array {
  return encode(codec, value)
}
