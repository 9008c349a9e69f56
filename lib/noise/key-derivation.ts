// HMAC (RFC 2104) and HKDF over BLAKE2b-512 (spec channel.md section 1.4). Not BLAKE2b's keyed mode.
import { longHashParts } from '../crypto/hash.ts'
import { wipe } from '../crypto/wipe.ts'
import { HASH_BLOCK_BYTES } from './constants.ts'

const INNER_PAD = 0x36
const OUTER_PAD = 0x5c
const FIRST = new Uint8Array([1])
const SECOND = new Uint8Array([2])

/** 64 bytes that only a holder of the key can compute. */
export function hmac(key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const shortKey = key.byteLength > HASH_BLOCK_BYTES ? longHashParts([key]) : key
  const inner = new Uint8Array(HASH_BLOCK_BYTES).fill(INNER_PAD)
  const outer = new Uint8Array(HASH_BLOCK_BYTES).fill(OUTER_PAD)
  for (const [i, byte] of shortKey.entries()) {
    inner[i]! ^= byte
    outer[i]! ^= byte
  }
  const mac = longHashParts([outer, longHashParts([inner, ...parts])])
  wipe(inner)
  wipe(outer)
  return mac
}

/** Two independent outputs of 64 bytes each. */
export function hkdf(
  chainingKey: Uint8Array,
  inputKeyMaterial: Uint8Array
): [Uint8Array, Uint8Array] {
  const temporaryKey = hmac(chainingKey, [inputKeyMaterial])
  const first = hmac(temporaryKey, [FIRST])
  const second = hmac(temporaryKey, [first, SECOND])
  wipe(temporaryKey)
  return [first, second]
}
