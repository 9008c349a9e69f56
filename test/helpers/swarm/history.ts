// What the writer of a swarm signed, as the test knows it: the blocks of each fork, and the heads that there ever were.
// A block is known by its serial number; its bytes follow from that.
import { seededRandom } from '../../../lib/sim/random.ts'

export interface Head {
  readonly fork: number
  readonly length: number
}

export class History {
  readonly #maxBlockBytes: number
  /** Serial numbers of the blocks of each fork, as far as it ever went. */
  readonly #forks: Map<number, readonly number[]> = new Map([[0, []]])
  readonly #heads: Set<string> = new Set(['0:0'])
  #head: Head = { fork: 0, length: 0 }
  /** What is being written: after a crash it may have been, or not. */
  #pending: { readonly head: Head; readonly serials: readonly number[] } | null = null
  #serial = 0

  constructor(maxBlockBytes: number) {
    this.#maxBlockBytes = maxBlockBytes
  }

  get head(): Head {
    return this.#head
  }

  /** The values of an append that begins now. */
  append(count: number): Uint8Array[] {
    const added = Array.from({ length: count }, () => this.#serial++)
    const serials = [...this.#present, ...added]
    this.#pending = { head: { fork: this.#head.fork, length: serials.length }, serials }
    return added.map((serial) => this.contentOf(serial))
  }

  /** The length to cut to, from now on. */
  truncate(share: number): number {
    const length = Math.floor(share * this.#head.length)
    const serials = this.#present.slice(0, length)
    this.#pending = { head: { fork: this.#head.fork + 1, length }, serials }
    return length
  }

  /** The writer says that this is its head: false if it is neither what was, nor what is being written. */
  isNow(head: Head): boolean {
    const pending = this.#pending
    if (pending !== null && isSame(pending.head, head)) {
      this.#head = pending.head
      this.#forks.set(head.fork, pending.serials)
      this.#heads.add(nameOf(head))
      this.#pending = null
    }
    return isSame(this.#head, head)
  }

  /** What was being written will not come any more. */
  forget(): void {
    this.#pending = null
  }

  wasSigned(head: Head): boolean {
    return this.#heads.has(nameOf(head))
  }

  /** The block's bytes in a fork; null: there is none. */
  block(fork: number, index: number): Uint8Array | null {
    const serial = this.#forks.get(fork)?.[index]
    return serial === undefined ? null : this.contentOf(serial)
  }

  /** Whether these were the bytes at that index in some fork. */
  wasBlock(index: number, bytes: Uint8Array): boolean {
    return [...this.#forks.keys()].some((fork) => {
      const block = this.block(fork, index)
      return block !== null && Buffer.compare(block, bytes) === 0
    })
  }

  /** Whether the byte was at that place in some fork. */
  wasPlace(offset: number, place: { index: number; byteOffset: number }): boolean {
    return [...this.#forks.values()].some((serials) => {
      if (place.index > serials.length) return false
      const before = serials.slice(0, place.index)
      const start = before.reduce((sum, serial) => sum + this.contentOf(serial).byteLength, 0)
      return start + place.byteOffset === offset
    })
  }

  contentOf(serial: number): Uint8Array {
    const random = seededRandom(serial + 1)
    return random.bytes(1 + random.int(this.#maxBlockBytes))
  }

  get #present(): readonly number[] {
    const { fork, length } = this.#head
    return (this.#forks.get(fork) ?? []).slice(0, length)
  }
}

function nameOf({ fork, length }: Head): string {
  return `${fork}:${length}`
}

function isSame(a: Head, b: Head): boolean {
  return a.fork === b.fork && a.length === b.length
}
