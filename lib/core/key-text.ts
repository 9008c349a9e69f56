// Log keys as text, for people to pass on (spec log.md section 4): z-base-32, most significant bit first, 52
// characters for 32 bytes, whose last four bits are 0. Hex is read too, and what surrounds a key in a link.
//
// Example: 32 bytes of 0 = "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
import { ArgumentError } from '../errors.ts'
import { fromHex } from '../util/bytes.ts'

const ALPHABET = 'ybndrfg8ejkmcpqxot1uwisza345h769'
const KEY_BYTES = 32
const TEXT_LENGTH = 52
const HEX_LENGTH = 64
const LINK_PREFIX = 'pear://'

/**
 * 52 characters of z-base-32.
 * @throws ArgumentError INVALID_ARGUMENT if the key is not 32 bytes
 */
export function keyToText(key: Uint8Array): string {
  if (key.byteLength !== KEY_BYTES) {
    throw new ArgumentError(
      'INVALID_ARGUMENT',
      `A key has ${KEY_BYTES} bytes, got ${key.byteLength}`
    )
  }
  let text = ''
  let bits = 0
  let bitCount = 0
  for (const byte of key) {
    bits = (bits << 8) | byte
    bitCount += 8
    while (bitCount >= 5) {
      bitCount -= 5
      text += ALPHABET[(bits >>> bitCount) & 31]
    }
    bits &= (1 << bitCount) - 1
  }
  return text + ALPHABET[(bits << (5 - bitCount)) & 31]
}

/**
 * The key in z-base-32 or hex; a leading "pear://" and anything from the next "/" on are dropped.
 * @throws ArgumentError INVALID_ARGUMENT
 */
export function keyFromText(text: string): Uint8Array {
  const start = text.startsWith(LINK_PREFIX) ? LINK_PREFIX.length : 0
  const slash = text.indexOf('/', start)
  const word = text.slice(start, slash === -1 ? text.length : slash)
  const key = word.length === HEX_LENGTH ? fromHex(word) : fromZBase32(word)
  if (key === null) {
    throw new ArgumentError(
      'INVALID_ARGUMENT',
      'The text is no key: 52 characters z-base-32 or 64 hex'
    )
  }
  return key
}

function fromZBase32(word: string): Uint8Array | null {
  if (word.length !== TEXT_LENGTH) return null
  const key = new Uint8Array(KEY_BYTES)
  let at = 0
  let bits = 0
  let bitCount = 0
  for (const character of word) {
    const value = ALPHABET.indexOf(character)
    if (value === -1) return null
    bits = (bits << 5) | value
    bitCount += 5
    if (bitCount >= 8) {
      bitCount -= 8
      key[at++] = bits >>> bitCount
      bits &= (1 << bitCount) - 1
    }
  }
  return bits === 0 ? key : null
}
