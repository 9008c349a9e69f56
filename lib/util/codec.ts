// Values to bytes and back, in the primitive encodings of spec channel.md section 4 (log.md section 1).
// The one user of compact-encoding. Decoders bound every count and length before they allocate.
import * as compact from 'compact-encoding'
import { LogwoodError, ProtocolError } from '../errors.ts'

/** A cursor over bytes: reading and writing happen at `start`, never at or past `end`. */
export interface CodecState {
  start: number
  end: number
  buffer: Uint8Array
}

/**
 * How a value is written. `preencode` adds the encoded length to `state.end`, `encode` writes at
 * `state.start` and advances it, `decode` reads there. Any codec of the npm package compact-encoding fits.
 */
export interface Codec<T> {
  preencode(state: CodecState, value: T): void
  encode(state: CodecState, value: T): void
  decode(state: CodecState): T
}

/** The codec for a name, a codec, or an encoding with plain encode and decode; unknown names mean bytes as they are. */
export function codecFrom(encoding: string | object): Codec<unknown> {
  return compact.from(encoding as never) as unknown as Codec<unknown>
}

/** At most this many items in a list whose codec names no limit of its own. */
const MAX_LIST_ITEMS = 4096

/** A variable-length unsigned integer, at most 2^53 - 1. */
export const uint: Codec<number> = compact.uint as unknown as Codec<number>
/** Length-prefixed bytes. Decodes to a view of the input. */
export const buffer: Codec<Uint8Array> = {
  preencode(state, value) {
    uint.preencode(state, value.byteLength)
    state.end += value.byteLength
  },
  encode(state, value) {
    uint.encode(state, value.byteLength)
    state.buffer.set(value, state.start)
    state.start += value.byteLength
  },
  decode: (state) => takeBytes(state, uint.decode(state))
}
/** Length-prefixed bytes where length 0 means null. */
export const optionalBuffer: Codec<Uint8Array | null> = {
  preencode(state, value) {
    if (value === null) state.end++
    else buffer.preencode(state, value)
  },
  encode(state, value) {
    if (value === null) state.buffer[state.start++] = 0
    else buffer.encode(state, value)
  },
  decode(state) {
    const value = buffer.decode(state)
    return value.byteLength === 0 ? null : value
  }
}
/** Exactly 32 bytes. Decodes to a view of the input. */
export const fixed32: Codec<Uint8Array> = fixed(32)
/** Exactly 64 bytes. Decodes to a view of the input. */
export const fixed64: Codec<Uint8Array> = fixed(64)
/** 8 bytes little-endian, at most 2^53 - 1. */
export const uint64: Codec<number> = compact.uint64 as unknown as Codec<number>
/** 4 bytes little-endian. The caller guarantees the range. */
export const uint32: Codec<number> = compact.uint32 as unknown as Codec<number>
/** All bytes that are left. */
export const raw: Codec<Uint8Array> = {
  preencode(state, value) {
    state.end += value.byteLength
  },
  encode(state, value) {
    state.buffer.set(value, state.start)
    state.start += value.byteLength
  },
  decode: (state) => takeBytes(state, state.end - state.start)
}
export const utf8: Codec<string> = compact.utf8 as unknown as Codec<string>
export const json: Codec<unknown> = compact.json as unknown as Codec<unknown>

/** Exactly byteLength bytes. Encoding another length throws ProtocolError BAD_MESSAGE. */
export function fixed(byteLength: number): Codec<Uint8Array> {
  return {
    preencode(state, value) {
      if (value.byteLength !== byteLength) {
        throw new ProtocolError(
          'BAD_MESSAGE',
          `Expected ${byteLength} bytes, got ${value.byteLength}`
        )
      }
      state.end += byteLength
    },
    encode(state, value) {
      state.buffer.set(value, state.start)
      state.start += byteLength
    },
    decode: (state) => takeBytes(state, byteLength)
  }
}

/** Length-prefixed UTF-8 of at most maxByteLength bytes; a longer one does not decode. */
export function boundedString(maxByteLength: number): Codec<string> {
  return {
    preencode: utf8.preencode,
    encode: utf8.encode,
    decode(state) {
      const start = state.start
      const byteLength = uint.decode(state)
      if (byteLength > maxByteLength) {
        throw new ProtocolError(
          'LIMIT_EXCEEDED',
          `String of ${byteLength} bytes at byte ${start}, at most ${maxByteLength} are allowed`
        )
      }
      state.start = start
      return utf8.decode(state)
    }
  }
}

/** A count, then the items. A count above maxItems, or one that the bytes cannot hold, does not decode. */
export function list<T>(item: Codec<T>, maxItems: number = MAX_LIST_ITEMS): Codec<readonly T[]> {
  return {
    preencode(state, values) {
      uint.preencode(state, values.length)
      for (const value of values) item.preencode(state, value)
    },
    encode(state, values) {
      uint.encode(state, values.length)
      for (const value of values) item.encode(state, value)
    },
    decode(state) {
      const start = state.start
      const count = uint.decode(state)
      if (count > maxItems || count > state.end - state.start) {
        throw new ProtocolError('LIMIT_EXCEEDED', `List of ${count} items at byte ${start}`)
      }
      const values: T[] = []
      for (let i = 0; i < count; i++) values.push(item.decode(state))
      return values
    }
  }
}

/** The value's bytes in a buffer of their own. */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const state: CodecState = { start: 0, end: 0, buffer: unsized }
  codec.preencode(state, value)
  state.buffer = new Uint8Array(state.end)
  codec.encode(state, value)
  return state.buffer
}

/**
 * The value at the beginning of the bytes; what is left over is ignored, as all decoders of this wire do.
 * @throws ProtocolError BAD_MESSAGE or LIMIT_EXCEEDED; nothing else, whatever the bytes are
 */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  return decodeAt(codec, { start: 0, end: bytes.byteLength, buffer: bytes })
}

/** Like decode, from a cursor, which is left behind the value. */
export function decodeAt<T>(codec: Codec<T>, state: CodecState): T {
  const start = state.start
  try {
    return codec.decode(state)
  } catch (error) {
    if (error instanceof LogwoodError) throw error
    throw new ProtocolError('BAD_MESSAGE', `Cannot decode the bytes from byte ${start} on`, error)
  }
}

function takeBytes(state: CodecState, byteLength: number): Uint8Array {
  const start = state.start
  if (byteLength > state.end - start) {
    throw new ProtocolError(
      'BAD_MESSAGE',
      `${byteLength} bytes expected at byte ${start}, out of bounds`
    )
  }
  state.start = start + byteLength
  return state.buffer.subarray(start, state.start)
}

/** Writes a little-endian u64 (at most 2^53 - 1) into fixed layouts. */
export function writeUint64(bytes: Uint8Array, offset: number, value: number): void {
  const high = Math.floor(value / 0x100000000)
  bytes[offset] = value
  bytes[offset + 1] = value >>> 8
  bytes[offset + 2] = value >>> 16
  bytes[offset + 3] = value >>> 24
  bytes[offset + 4] = high
  bytes[offset + 5] = high >>> 8
  bytes[offset + 6] = high >>> 16
  bytes[offset + 7] = high >>> 24
}

/** Reads a little-endian u32. The caller knows that four bytes are there. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset]! |
      (bytes[offset + 1]! << 8) |
      (bytes[offset + 2]! << 16) |
      (bytes[offset + 3]! << 24)) >>>
    0
  )
}

/** Reads a little-endian u64; a value above 2^53 - 1 comes out as Infinity, which no check accepts. */
export function readUint64(bytes: Uint8Array, offset: number): number {
  const high = readUint32(bytes, offset + 4)
  if (high > 0x1fffff) return Number.POSITIVE_INFINITY
  return high * 0x100000000 + readUint32(bytes, offset)
}

const unsized = new Uint8Array(0)

/** An object's fields, in the order in which they are listed here. */
export function struct<T extends object>(
  fields: { readonly [K in keyof T]: Codec<T[K]> }
): Codec<T> {
  const names = Object.keys(fields) as (keyof T)[]
  return {
    preencode(state, value) {
      for (const name of names) fields[name].preencode(state, value[name])
    },
    encode(state, value) {
      for (const name of names) fields[name].encode(state, value[name])
    },
    decode(state) {
      const value: Partial<T> = {}
      for (const name of names) value[name] = fields[name].decode(state)
      return value as T
    }
  }
}
