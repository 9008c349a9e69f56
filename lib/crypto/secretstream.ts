// libsodium's secretstream (XChaCha20-Poly1305): one direction of an encrypted connection, in order.
import sodium from 'sodium-native'
import { wipe } from './wipe.ts'

export const SECRETSTREAM_HEADER_BYTES = 24
/** How much longer a sealed message is than its plaintext. */
export const SECRETSTREAM_OVERHEAD_BYTES = 17

const STATE_BYTES = 52
const TAG_MESSAGE = 0

export class Sealer {
  readonly header: Uint8Array = new Uint8Array(SECRETSTREAM_HEADER_BYTES)
  #state: Uint8Array = new Uint8Array(STATE_BYTES)

  /** A given header reproduces the state that once drew it: for tests against vectors only. */
  constructor(key: Uint8Array, header?: Uint8Array) {
    if (header === undefined) {
      sodium.crypto_secretstream_xchacha20poly1305_init_push(this.#state, this.header, key)
    } else {
      this.header.set(header)
      sodium.crypto_secretstream_xchacha20poly1305_init_pull(this.#state, header, key)
    }
  }

  /** Writes plaintext.byteLength + 17 bytes to output. In place works: see secret-stream/framing.ts. */
  seal(output: Uint8Array, plaintext: Uint8Array): void {
    sodium.crypto_secretstream_xchacha20poly1305_push(
      this.#state,
      output,
      plaintext,
      null,
      TAG_MESSAGE
    )
  }

  /** Wipes the state; the sealer cannot be used afterwards. */
  clear(): void {
    wipe(this.#state)
  }
}

export class Opener {
  #state: Uint8Array = new Uint8Array(STATE_BYTES)
  #tag: Uint8Array = new Uint8Array(1)

  constructor(key: Uint8Array, header: Uint8Array) {
    sodium.crypto_secretstream_xchacha20poly1305_init_pull(this.#state, header, key)
  }

  /**
   * Writes ciphertext.byteLength - 17 bytes to output; false if the message is not authentic. In place works:
   * the output may be the ciphertext's own bytes from the second on.
   */
  open(output: Uint8Array, ciphertext: Uint8Array): boolean {
    try {
      sodium.crypto_secretstream_xchacha20poly1305_pull(
        this.#state,
        output,
        this.#tag,
        ciphertext,
        null
      )
      return true
    } catch {
      return false
    }
  }

  /** Wipes the state; the opener cannot be used afterwards. */
  clear(): void {
    wipe(this.#state)
  }
}
