// Ed25519 key pairs, for signing logs and for Noise.
import sodium from 'sodium-native'
import { ArgumentError } from '../errors.ts'

export const PUBLIC_KEY_BYTES = 32
export const SECRET_KEY_BYTES = 64
export const SEED_BYTES = 32

export interface KeyPair {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** 64 bytes: seed, then public key. */
  readonly secretKey: Uint8Array
}

/**
 * A fresh key pair, or the one that belongs to a 32-byte seed.
 * @throws ArgumentError INVALID_ARGUMENT if the seed is not 32 bytes
 */
export function createKeyPair(seed?: Uint8Array): KeyPair {
  const publicKey = new Uint8Array(PUBLIC_KEY_BYTES)
  const secretKey = new Uint8Array(SECRET_KEY_BYTES)
  if (seed === undefined) {
    sodium.crypto_sign_keypair(publicKey, secretKey)
  } else {
    if (seed.byteLength !== SEED_BYTES) {
      throw new ArgumentError(
        'INVALID_ARGUMENT',
        `A seed has ${SEED_BYTES} bytes, got ${seed.byteLength}`
      )
    }
    sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed)
  }
  return { publicKey, secretKey }
}
