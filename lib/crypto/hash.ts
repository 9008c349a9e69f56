// BLAKE2b, plain and keyed, and SHA-512 for the Noise scalars.
import sodium from 'sodium-native'

export const HASH_BYTES = 32
export const LONG_HASH_BYTES = 64

/** BLAKE2b-256, keyed if a key (16 to 64 bytes) is given. The result has a buffer of its own. */
export function hash(input: Uint8Array, key?: Uint8Array): Uint8Array {
  const output = new Uint8Array(HASH_BYTES)
  if (key === undefined) sodium.crypto_generichash(output, input)
  else sodium.crypto_generichash(output, input, key)
  return output
}

/** BLAKE2b-256 over the parts in order, keyed if a key is given. */
export function hashParts(parts: readonly Uint8Array[], key?: Uint8Array): Uint8Array {
  const output = new Uint8Array(HASH_BYTES)
  if (key === undefined) sodium.crypto_generichash_batch(output, parts)
  else sodium.crypto_generichash_batch(output, parts, key)
  return output
}

/** BLAKE2b-512 over the parts in order, unkeyed: the hash of the Noise handshake. */
export function longHashParts(parts: readonly Uint8Array[]): Uint8Array {
  const output = new Uint8Array(LONG_HASH_BYTES)
  sodium.crypto_generichash_batch(output, parts)
  return output
}

export function sha512(input: Uint8Array): Uint8Array {
  const output = new Uint8Array(64)
  sodium.crypto_hash_sha512(output, input)
  return output
}
