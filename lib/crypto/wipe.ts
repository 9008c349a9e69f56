// Secrets: compared in constant time, wiped after use.
import sodium from 'sodium-native'

export function wipe(secret: Uint8Array): void {
  sodium.sodium_memzero(secret)
}

/** Constant time for equal lengths; different lengths are simply unequal. */
export function equalSecrets(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && sodium.sodium_memcmp(a, b)
}
