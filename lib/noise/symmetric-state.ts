// SymmetricState of the Noise specification (section 5.2): the running hash, the chaining key and the cipher.
// Never changes bytes that it was given.
import { LONG_HASH_BYTES, longHashParts } from '../crypto/hash.ts'
import { wipe } from '../crypto/wipe.ts'
import { copyOf, emptyBytes, fromUtf8 } from '../util/bytes.ts'
import { CipherState } from './cipher-state.ts'
import { CIPHER_KEY_BYTES } from './constants.ts'
import { hkdf } from './key-derivation.ts'

export class SymmetricState {
  readonly cipher: CipherState = new CipherState()
  #chainingKey: Uint8Array
  #hash: Uint8Array = new Uint8Array(LONG_HASH_BYTES)

  constructor(protocolName: string) {
    this.#hash.set(fromUtf8(protocolName))
    this.#chainingKey = copyOf(this.#hash)
  }

  /** The hash over all that both sides have seen so far. Public: never a secret. */
  get handshakeHash(): Uint8Array {
    return this.#hash
  }

  get chainingKey(): Uint8Array {
    return this.#chainingKey
  }

  mixHash(data: Uint8Array): void {
    this.#hash = longHashParts([this.#hash, data])
  }

  mixKey(inputKeyMaterial: Uint8Array): void {
    const [chainingKey, key] = hkdf(this.#chainingKey, inputKeyMaterial)
    wipe(this.#chainingKey)
    this.#chainingKey = chainingKey
    this.cipher.initializeKey(key.subarray(0, CIPHER_KEY_BYTES))
    wipe(key)
  }

  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const ciphertext = this.cipher.encryptWithAd(this.#hash, plaintext)
    this.mixHash(ciphertext)
    return ciphertext
  }

  /** The plaintext, or null if the bytes are not authentic. */
  decryptAndHash(ciphertext: Uint8Array): Uint8Array | null {
    const plaintext = this.cipher.decryptWithAd(this.#hash, ciphertext)
    if (plaintext !== null) this.mixHash(ciphertext)
    return plaintext
  }

  /** The two transport keys, 32 bytes each: first the one the initiator sends with. Ends this state. */
  split(): [Uint8Array, Uint8Array] {
    const [first, second] = hkdf(this.#chainingKey, emptyBytes)
    const keys: [Uint8Array, Uint8Array] = [
      copyOf(first.subarray(0, CIPHER_KEY_BYTES)),
      copyOf(second.subarray(0, CIPHER_KEY_BYTES))
    ]
    wipe(first)
    wipe(second)
    this.clear()
    return keys
  }

  clear(): void {
    this.cipher.clear()
    wipe(this.#chainingKey)
  }
}
