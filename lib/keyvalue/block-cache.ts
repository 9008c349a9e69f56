// BlockCache: raw blocks by number, up to a number of bytes. Two generations: what was asked for since the last turn, and
// what was asked for in the turn before; older blocks go. No list is kept in order, so a hit costs one look-up.

/** What a block takes beside its bytes: its array, and its place in a map. */
const OVERHEAD_BYTES = 200

export class BlockCache {
  readonly #generationBytes: number
  #young: Map<number, Uint8Array> = new Map()
  #old: Map<number, Uint8Array> = new Map()
  #youngBytes = 0

  constructor(maxBytes: number) {
    this.#generationBytes = maxBytes / 2
  }

  get(seq: number): Uint8Array | undefined {
    const block = this.#young.get(seq)
    if (block !== undefined) return block
    const old = this.#old.get(seq)
    if (old !== undefined) this.set(seq, old)
    return old
  }

  /** Keeps a block; its bytes must not be changed any more. */
  set(seq: number, block: Uint8Array): void {
    this.#young.set(seq, block)
    this.#youngBytes += block.byteLength + OVERHEAD_BYTES
    if (this.#youngBytes <= this.#generationBytes) return
    this.#old = this.#young
    this.#young = new Map()
    this.#youngBytes = 0
  }

  /** Forgets blocks from a number on. */
  cut(length: number): void {
    for (const generation of [this.#young, this.#old]) {
      for (const seq of generation.keys()) if (seq >= length) generation.delete(seq)
    }
  }
}
