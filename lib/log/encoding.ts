// How values become blocks: by a name, or by any codec of the shape that compact-encoding has.
import { ArgumentError, StorageError } from '../errors.ts'
import { fromUtf8, toUtf8 } from '../util/bytes.ts'
import { type Codec, decode, encode } from '../util/codec.ts'

export type EncodingName = 'binary' | 'utf-8' | 'json'

/** A value to bytes and back. */
export interface Encoding<T> {
  readonly name: EncodingName | 'codec'
  encode(value: T): Uint8Array
  decode(block: Uint8Array): T
}

const binary: Encoding<Uint8Array> = {
  name: 'binary',
  encode(value) {
    if (!(value instanceof Uint8Array)) {
      throw new ArgumentError(
        'INVALID_ARGUMENT',
        `A block must be a Uint8Array, got ${typeof value}; open the log with an encoding for other values`
      )
    }
    return value
  },
  decode: (block) => block
}

const text: Encoding<string> = {
  name: 'utf-8',
  encode(value) {
    if (typeof value !== 'string') {
      throw new ArgumentError('INVALID_ARGUMENT', `A block must be a string, got ${typeof value}`)
    }
    return fromUtf8(value)
  },
  decode: (block) => toUtf8(block)
}

const json: Encoding<unknown> = {
  name: 'json',
  encode(value) {
    const written = JSON.stringify(value)
    if (written === undefined) {
      throw new ArgumentError('INVALID_ARGUMENT', `A ${typeof value} cannot be written as JSON`)
    }
    return fromUtf8(written)
  },
  decode: (block) => JSON.parse(toUtf8(block)) as unknown
}

/** @throws ArgumentError INVALID_ARGUMENT if it is neither a known name nor a codec */
export function encodingOf<T>(given: EncodingName | Codec<T> | undefined): Encoding<T> {
  if (given === undefined || given === 'binary') return binary as unknown as Encoding<T>
  if (given === 'utf-8') return text as unknown as Encoding<T>
  if (given === 'json') return json as unknown as Encoding<T>
  if (typeof given === 'object' && typeof given.decode === 'function') {
    return {
      name: 'codec',
      encode: (value) => encode(given, value),
      decode: (block) => decode(given, block)
    }
  }
  throw new ArgumentError('INVALID_ARGUMENT', `Unknown encoding ${String(given)}`)
}

/** @throws StorageError CORRUPT if the block is sound but not a value of this encoding */
export function decodeBlock<T>(encoding: Encoding<T>, index: number, block: Uint8Array): T {
  try {
    return encoding.decode(block)
  } catch (error) {
    throw new StorageError(
      'CORRUPT',
      `Block ${index} is not a value in the encoding ${encoding.name}`,
      error
    )
  }
}
