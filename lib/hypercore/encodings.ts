// How values become blocks: by a name, a codec of compact-encoding's shape, or an abstract encoding. Bytes are never
// encoded, and without an encoding strings are UTF-8.
import { emptyBytes, fromUtf8, toBuffer } from '../util/bytes.ts'
import { type Codec, type CodecState, codecFrom, decode } from '../util/codec.ts'
import { HypercoreError } from './errors.ts'

/** Whatever compact-encoding makes a codec of; unknown names mean binary. */
export type ValueEncoding = string | object

export function encodingFrom(encoding: ValueEncoding | null | undefined): Codec<unknown> | null {
  return encoding ? (codecFrom(encoding) as Codec<unknown>) : null
}

/** The value's bytes behind so many that are left free. @throws whatever the codec throws */
export function encodeValue(
  codec: Codec<unknown> | null,
  value: unknown,
  paddingBytes: number
): Uint8Array {
  const bytes = value instanceof Uint8Array ? value : codec === null ? textBytes(value) : null
  if (bytes !== null && paddingBytes === 0) return bytes
  const state: CodecState = { start: paddingBytes, end: paddingBytes, buffer: emptyBytes }
  if (bytes !== null) state.end += bytes.byteLength
  else codec?.preencode(state, value)
  state.buffer = toBuffer(new Uint8Array(state.end))
  if (bytes !== null) state.buffer.set(bytes, paddingBytes)
  else codec?.encode(state, value)
  return state.buffer
}

/** @throws HypercoreError DECODING_ERROR */
export function decodeValue(
  codec: Codec<unknown> | null,
  block: Uint8Array,
  discoveryKey: Uint8Array | null
): unknown {
  if (codec === null) return block
  try {
    return decode(codec, block)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new HypercoreError('DECODING_ERROR', why, { discoveryKey, cause })
  }
}

function textBytes(value: unknown): Uint8Array {
  if (typeof value === 'string') return fromUtf8(value)
  throw new HypercoreError('BAD_ARGUMENT', `A ${typeof value} needs a valueEncoding`)
}
