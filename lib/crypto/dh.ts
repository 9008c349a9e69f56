// Diffie-Hellman on the Edwards curve with Ed25519 keys (spec channel.md section 1.3). Not X25519.
import sodium from 'sodium-native'
import { sha512 } from './hash.ts'
import type { KeyPair } from './key-pair.ts'
import { wipe } from './wipe.ts'

/**
 * The shared 32-byte point of our key pair and the remote's public key; null if the remote key is not a
 * canonical point of the prime-order subgroup, or the result is the identity.
 */
export function diffieHellman(local: KeyPair, remotePublicKey: Uint8Array): Uint8Array | null {
  const digest = sha512(local.secretKey.subarray(0, 32))
  const scalar = digest.subarray(0, 32)
  scalar[0]! &= 0xf8
  scalar[31]! = (scalar[31]! & 0x7f) | 0x40
  const output = new Uint8Array(32)
  try {
    sodium.crypto_scalarmult_ed25519_noclamp(output, scalar, remotePublicKey)
    return output
  } catch {
    return null
  } finally {
    wipe(digest)
  }
}
