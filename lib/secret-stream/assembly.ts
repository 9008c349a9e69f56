// The memory of messages that are still arriving, over all connections of the process: near the cap the largest
// does not read on until there is room again (reliability.md section 16); what is under way comes on top. If all
// that hold something wait, nothing would ever be freed: then the largest is given up, which only a peer that sends
// much and finishes nothing reaches.
import { MAX_ASSEMBLY_BYTES } from './constants.ts'

/** From this part of the cap on: what sockets have read ahead of us is not seen here, and comes on top. */
const HOLD_SHARE = 1 / 2

/** One connection, as the cap sees it. */
export interface Assembler {
  /** It is not read for another reason, and so makes no room. */
  readonly isPaused: boolean
  hold(): void
  release(): void
  /** Ends the connection. It leaves the cap by itself. */
  giveUp(): void
}

export class Assembly {
  readonly #holdAtBytes: number
  #bytes: Map<Assembler, number> = new Map()
  #held: Set<Assembler> = new Set()
  #totalBytes = 0

  constructor(maxBytes: number) {
    this.#holdAtBytes = maxBytes * HOLD_SHARE
  }

  get totalBytes(): number {
    return this.#totalBytes
  }

  /** What one connection holds now. */
  set(one: Assembler, byteLength: number): void {
    this.#totalBytes += byteLength - (this.#bytes.get(one) ?? 0)
    if (byteLength > 0) this.#bytes.set(one, byteLength)
    else this.#forget(one)
    if (this.#totalBytes > this.#holdAtBytes) this.#limit()
    else this.#releaseAll()
  }

  #forget(one: Assembler): void {
    this.#bytes.delete(one)
    if (this.#held.delete(one)) one.release()
  }

  #limit(): void {
    const reading = this.#largest((one) => this.#reads(one))
    if (reading !== null) {
      this.#held.add(reading)
      reading.hold()
    }
    const anyReads = this.#largest((one) => this.#reads(one)) !== null
    if (!anyReads) this.#largest(() => true)?.giveUp()
  }

  #reads(one: Assembler): boolean {
    return !this.#held.has(one) && !one.isPaused
  }

  #releaseAll(): void {
    for (const one of [...this.#held]) {
      this.#held.delete(one)
      one.release()
    }
  }

  #largest(isMeant: (one: Assembler) => boolean): Assembler | null {
    let largest: Assembler | null = null
    let most = 0
    for (const [one, byteLength] of this.#bytes) {
      if (byteLength <= most || !isMeant(one)) continue
      largest = one
      most = byteLength
    }
    return largest
  }
}

/** The one of this process. */
export const assembly: Assembly = new Assembly(MAX_ASSEMBLY_BYTES)
