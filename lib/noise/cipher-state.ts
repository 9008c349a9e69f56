// CipherState of the Noise specification (section 5.1): one key and the count of messages under it.
// Owns its copy of the key. A nonce is never used twice: the count ends before it could wrap, which a handshake,
// with a handful of messages per key, does not get near.
import { aeadDecrypt, aeadEncrypt } from '../crypto/aead.ts'
import { wipe } from '../crypto/wipe.ts'
import { assert } from '../util/assert.ts'
import { copyOf } from '../util/bytes.ts'
import { writeUint64 } from '../util/codec.ts'

const NONCE_BYTES = 12
/** The counter fills the nonce from here on; what is before stays zero. */
const COUNTER_OFFSET = 4
/** Below the largest 64-bit number, which the specification reserves. */
const MAX_COUNTER: number = Number.MAX_SAFE_INTEGER

export class CipherState {
  #key: Uint8Array | null = null
  #counter = 0

  get hasKey(): boolean {
    return this.#key !== null
  }

  /** The number of the next message. */
  get counter(): number {
    return this.#counter
  }

  /** The counter begins at 0 but in tests. */
  initializeKey(key: Uint8Array, counter = 0): void {
    this.clear()
    this.#key = copyOf(key)
    this.#counter = counter
  }

  /** Without a key the bytes come back as they are. */
  encryptWithAd(associatedData: Uint8Array, plaintext: Uint8Array): Uint8Array {
    if (this.#key === null) return plaintext
    return aeadEncrypt(this.#key, this.#nextNonce(), associatedData, plaintext)
  }

  /** The plaintext, or null if the bytes are not authentic. Without a key they come back as they are. */
  decryptWithAd(associatedData: Uint8Array, ciphertext: Uint8Array): Uint8Array | null {
    if (this.#key === null) return ciphertext
    return aeadDecrypt(this.#key, this.#nextNonce(), associatedData, ciphertext)
  }

  clear(): void {
    if (this.#key !== null) wipe(this.#key)
    this.#key = null
  }

  #nextNonce(): Uint8Array {
    assert(this.#counter < MAX_COUNTER, 'No nonce is left for this key')
    const nonce = new Uint8Array(NONCE_BYTES)
    writeUint64(nonce, COUNTER_OFFSET, this.#counter++)
    return nonce
  }
}
