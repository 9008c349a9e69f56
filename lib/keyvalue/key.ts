// Keys: 1 to 64 components of bytes, and how users write them (spec hamt.md section 3).
import { ArgumentError } from '../errors.ts'
import { concat, equalBytes, fromUtf8, toUtf8 } from '../util/bytes.ts'
import { type Codec, decode, encode } from '../util/codec.ts'
import { MAX_COMPONENTS, MAX_KEY_BYTES, MAX_ORDERED_KEY_BYTES } from './constants.ts'

export type Key = readonly Uint8Array[]

/** How a user's key becomes components, and back. */
export interface KeyEncoding<K> {
  encode(key: K): Key
  decode(key: Key): K
}

/**
 * `utf-8`: text, whose components are parted by slashes. `binary`: one component of bytes. `list`: components of text, which
 * may hold slashes and be empty.
 */
export type KeyEncodingName = 'utf-8' | 'binary' | 'list'

const SLASH = '/'

const text: KeyEncoding<string> = {
  encode(key) {
    if (typeof key !== 'string') invalid(`a key must be a string, got ${typeof key}`)
    if (!key.includes(SLASH) && key !== '') return [fromUtf8(key)]
    const parts = key.split(SLASH)
    if (parts.includes('')) {
      invalid(`"${key}" has an empty component: no slash at an end, no two in a row, not nothing`)
    }
    return parts.map(fromUtf8)
  },
  decode: (key) => key.map(toUtf8).join(SLASH)
}

const binary: KeyEncoding<Uint8Array> = {
  encode(key) {
    if (!(key instanceof Uint8Array)) invalid(`a key must be a Uint8Array, got ${typeof key}`)
    return [key]
  },
  decode: (key) => (key.length === 1 ? key[0]! : concat(key))
}

const list: KeyEncoding<readonly string[]> = {
  encode(key) {
    if (!Array.isArray(key) || key.some((part) => typeof part !== 'string')) {
      invalid('a key must be an array of strings')
    }
    return key.map(fromUtf8)
  },
  decode: (key) => key.map(toUtf8)
}

/** @throws ArgumentError INVALID_ARGUMENT if it is neither a known name nor a codec */
export function keyEncodingOf<K>(
  given: KeyEncodingName | KeyEncoding<K> | Codec<K> | undefined
): KeyEncoding<K> {
  if (given === undefined || given === 'utf-8') return text as unknown as KeyEncoding<K>
  if (given === 'binary') return binary as unknown as KeyEncoding<K>
  if (given === 'list') return list as unknown as KeyEncoding<K>
  if (typeof given === 'object' && given !== null && typeof given.decode === 'function') {
    if (!('preencode' in given)) return given
    return { encode: (key) => [encode(given, key)], decode: (key) => decode(given, key[0]!) }
  }
  throw new ArgumentError('INVALID_ARGUMENT', `Unknown key encoding ${String(given)}`)
}

/** @throws ArgumentError KEY_INVALID */
export function checkKey(key: Key, isOrdered: boolean): void {
  if (key.length < 1 || key.length > MAX_COMPONENTS) {
    invalid(`a key has 1 to ${MAX_COMPONENTS} components, got ${key.length}`)
  }
  if (isOrdered && key.length !== 1) {
    invalid(`a key of an ordered store has one component, got ${key.length}`)
  }
  const limit = isOrdered ? MAX_ORDERED_KEY_BYTES : MAX_KEY_BYTES
  let byteLength = 0
  for (const component of key) byteLength += component.byteLength
  if (byteLength > limit) invalid(`a key has at most ${limit} bytes, got ${byteLength}`)
}

export function equalKeys(a: Key, b: Key): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) {
    if (!equalBytes(a[i]!, b[i]!)) return false
  }
  return true
}

function invalid(problem: string): never {
  throw new ArgumentError('KEY_INVALID', problem.replace(/^a/, 'A'))
}
