// BLAKE2b, plain and keyed, and SHA-512 for the Noise scalars. The tree's hashes all pass through hashInto
// (one) and hashMany (a level at a time): a hash that computes several inputs at once goes in here.
import sodium from 'sodium-native'

export const HASH_BYTES = 32
export const LONG_HASH_BYTES = 64
export const SHORT_HASH_BYTES = 16
/** Bodies up to here are copied behind their head and hashed in one part, which is faster than two. */
const SCRATCH_BODY_BYTES = 4096
const MAX_HEAD_BYTES = 128

const scratch = new Uint8Array(MAX_HEAD_BYTES + SCRATCH_BODY_BYTES)
/** Views of the scratch from its begin, by length: making one costs as much as hashing some hundred bytes. */
const scratchViews: (Uint8Array | undefined)[] = []

function scratchOf(byteLength: number): Uint8Array {
  let view = scratchViews[byteLength]
  if (view === undefined) {
    view = scratch.subarray(0, byteLength)
    scratchViews[byteLength] = view
  }
  return view
}

/** BLAKE2b-256, keyed if a key (16 to 64 bytes) is given. The result has a buffer of its own. */
export function hash(input: Uint8Array, key?: Uint8Array): Uint8Array {
  const output = new Uint8Array(HASH_BYTES)
  if (key === undefined) sodium.crypto_generichash(output, input)
  else sodium.crypto_generichash(output, input, key)
  return output
}

/** BLAKE2b-128, keyed (16 to 64 bytes), into 16 bytes that the caller brings. */
export function shortHashInto(output: Uint8Array, input: Uint8Array, key: Uint8Array): void {
  sodium.crypto_generichash(output, input, key)
}

/** BLAKE2b-256 over the parts in order, keyed if a key is given. */
export function hashParts(parts: readonly Uint8Array[], key?: Uint8Array): Uint8Array {
  const output = new Uint8Array(HASH_BYTES)
  if (key === undefined) sodium.crypto_generichash_batch(output, parts)
  else sodium.crypto_generichash_batch(output, parts, key)
  return output
}

/** BLAKE2b-256 into 32 bytes that the caller brings. */
export function hashInto(output: Uint8Array, input: Uint8Array): void {
  sodium.crypto_generichash(output, input)
}

/** BLAKE2b-256 of head ‖ body, for heads of at most 128 bytes. */
export function hashHeaded(output: Uint8Array, head: Uint8Array, body: Uint8Array): void {
  if (body.byteLength > SCRATCH_BODY_BYTES) {
    sodium.crypto_generichash_batch(output, [head, body])
    return
  }
  scratch.set(head)
  scratch.set(body, head.byteLength)
  sodium.crypto_generichash(output, scratchOf(head.byteLength + body.byteLength))
}

/**
 * Many independent hashes: output i (32 bytes) becomes BLAKE2b-256 of head i ‖ body i. The heads, all of
 * headBytes (at most 128), lie one after the other in `heads`; without bodies the heads are all there is.
 */
export function hashMany(
  outputs: readonly Uint8Array[],
  heads: Uint8Array,
  headBytes: number,
  bodies: readonly Uint8Array[] | null
): void {
  let start = 0
  for (let i = 0; i < outputs.length; i++) {
    const output = outputs[i]!
    const body = bodies === null ? undefined : bodies[i]
    if (body === undefined || body.byteLength > SCRATCH_BODY_BYTES) {
      const head = heads.subarray(start, start + headBytes)
      if (body === undefined) sodium.crypto_generichash(output, head)
      else sodium.crypto_generichash_batch(output, [head, body])
    } else {
      for (let at = 0; at < headBytes; at++) scratch[at] = heads[start + at]!
      scratch.set(body, headBytes)
      sodium.crypto_generichash(output, scratchOf(headBytes + body.byteLength))
    }
    start += headBytes
  }
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
