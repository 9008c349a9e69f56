// XSalsa20: a key stream laid over bytes, without a tag. What it protects has to be authenticated elsewhere (for
// blocks: by the log's tree), and a nonce must never meet two different messages under one key.
import sodium from 'sodium-native'

export const STREAM_NONCE_BYTES = 24

/** The same call encrypts and decrypts. Key 32 bytes, nonce 24; output as long as the input, or the input itself. */
export function xorStream(
  output: Uint8Array,
  input: Uint8Array,
  nonce: Uint8Array,
  key: Uint8Array
): void {
  sodium.crypto_stream_xor(output, input, nonce, key)
}
