// The functions of sodium-native 5.1 that Logwood uses; the package ships no types.
declare module 'sodium-native' {
  interface Sodium {
    crypto_generichash(output: Uint8Array, input: Uint8Array, key?: Uint8Array): void
    crypto_generichash_batch(
      output: Uint8Array,
      inputs: readonly Uint8Array[],
      key?: Uint8Array
    ): void
    crypto_hash_sha512(output: Uint8Array, input: Uint8Array): void
    crypto_sign_keypair(publicKey: Uint8Array, secretKey: Uint8Array): void
    crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void
    crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void
    crypto_sign_verify_detached(
      signature: Uint8Array,
      message: Uint8Array,
      publicKey: Uint8Array
    ): boolean
    crypto_scalarmult_ed25519_noclamp(
      output: Uint8Array,
      scalar: Uint8Array,
      point: Uint8Array
    ): void
    crypto_aead_chacha20poly1305_ietf_encrypt(
      output: Uint8Array,
      message: Uint8Array,
      associatedData: Uint8Array | null,
      secretNonce: null,
      nonce: Uint8Array,
      key: Uint8Array
    ): number
    crypto_aead_chacha20poly1305_ietf_decrypt(
      output: Uint8Array,
      secretNonce: null,
      ciphertext: Uint8Array,
      associatedData: Uint8Array | null,
      nonce: Uint8Array,
      key: Uint8Array
    ): number
    crypto_aead_xchacha20poly1305_ietf_encrypt(
      output: Uint8Array,
      message: Uint8Array,
      associatedData: Uint8Array | null,
      secretNonce: null,
      nonce: Uint8Array,
      key: Uint8Array
    ): number
    crypto_aead_xchacha20poly1305_ietf_decrypt(
      output: Uint8Array,
      secretNonce: null,
      ciphertext: Uint8Array,
      associatedData: Uint8Array | null,
      nonce: Uint8Array,
      key: Uint8Array
    ): number
    readonly crypto_pwhash_ALG_ARGON2ID13: number
    crypto_pwhash(
      output: Uint8Array,
      passphrase: Uint8Array,
      salt: Uint8Array,
      opsLimit: number,
      memLimitBytes: number,
      algorithm: number
    ): void
    crypto_secretstream_xchacha20poly1305_init_push(
      state: Uint8Array,
      header: Uint8Array,
      key: Uint8Array
    ): void
    crypto_secretstream_xchacha20poly1305_init_pull(
      state: Uint8Array,
      header: Uint8Array,
      key: Uint8Array
    ): void
    crypto_secretstream_xchacha20poly1305_push(
      state: Uint8Array,
      output: Uint8Array,
      message: Uint8Array,
      associatedData: Uint8Array | null,
      tag: number
    ): number
    crypto_secretstream_xchacha20poly1305_pull(
      state: Uint8Array,
      output: Uint8Array,
      tag: Uint8Array,
      ciphertext: Uint8Array,
      associatedData: Uint8Array | null
    ): number
    crypto_secretbox_easy(
      output: Uint8Array,
      message: Uint8Array,
      nonce: Uint8Array,
      key: Uint8Array
    ): void
    crypto_secretbox_open_easy(
      output: Uint8Array,
      ciphertext: Uint8Array,
      nonce: Uint8Array,
      key: Uint8Array
    ): boolean
    crypto_stream_xor(
      output: Uint8Array,
      input: Uint8Array,
      nonce: Uint8Array,
      key: Uint8Array
    ): void
    randombytes_buf(output: Uint8Array): void
    sodium_memcmp(a: Uint8Array, b: Uint8Array): boolean
    sodium_memzero(bytes: Uint8Array): void
  }
  const sodium: Sodium
  // biome-ignore lint/style/noDefaultExport: the package is CommonJS
  export default sodium
}
