// ChaCha20-Poly1305 (IETF, 96-bit nonce), as the Noise handshake uses it.
import sodium from 'sodium-native'

export const AEAD_TAG_BYTES = 16

/** Ciphertext with its 16-byte tag. The key has 32 bytes, the nonce 12. */
export function aeadEncrypt(
  key: Uint8Array,
  nonce: Uint8Array,
  associatedData: Uint8Array,
  plaintext: Uint8Array
): Uint8Array {
  const output = new Uint8Array(plaintext.byteLength + AEAD_TAG_BYTES)
  sodium.crypto_aead_chacha20poly1305_ietf_encrypt(
    output,
    plaintext,
    associatedData,
    null,
    nonce,
    key
  )
  return output
}

/** The plaintext, or null if the tag does not fit. */
export function aeadDecrypt(
  key: Uint8Array,
  nonce: Uint8Array,
  associatedData: Uint8Array,
  ciphertext: Uint8Array
): Uint8Array | null {
  if (ciphertext.byteLength < AEAD_TAG_BYTES) return null
  const output = new Uint8Array(ciphertext.byteLength - AEAD_TAG_BYTES)
  try {
    sodium.crypto_aead_chacha20poly1305_ietf_decrypt(
      output,
      null,
      ciphertext,
      associatedData,
      nonce,
      key
    )
    return output
  } catch {
    return null
  }
}
