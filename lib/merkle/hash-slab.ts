// HashSlab: room for the hashes of one batch or proof, 32 bytes each, cut from few buffers. The buffers
// belong to the slab's hashes alone, so keeping a node never keeps a receive buffer.
import { HASH_BYTES } from '../crypto/hash.ts'
import { SLAB_HASHES } from './constants.ts'

export class HashSlab {
  #bytes: Uint8Array
  #start = 0

  /** Room for so many hashes in one piece; further ones come from further pieces. */
  constructor(count: number) {
    this.#bytes = new Uint8Array(Math.min(count, SLAB_HASHES) * HASH_BYTES)
  }

  /** 32 bytes that nobody else has. */
  take(): Uint8Array {
    if (this.#start === this.#bytes.byteLength) {
      this.#bytes = new Uint8Array(SLAB_HASHES * HASH_BYTES)
      this.#start = 0
    }
    const start = this.#start
    this.#start = start + HASH_BYTES
    return this.#bytes.subarray(start, start + HASH_BYTES)
  }
}
