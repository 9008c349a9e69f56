// DescriptorPool: how many descriptors the files of a store may have together. A file opens its own when it needs it, and
// gives it up when others need the place.
//
// Invariant: there never are more descriptors than `maxOpen`. What keeps one over a turn of the event loop (a long read
// or write, a sync, that of a directory, too) first enters, and all but one may be inside: so one can always give way.
// Owner: StoreFiles. Design: reliability.md section 14.

import { ClockRing, type RingElement } from '../util/clock-ring.ts'

/** A file with a descriptor. */
export interface Holder extends RingElement {
  /** Closes its descriptor, and says so, if it is not in use; may refuse if it need not sync now. */
  giveWay(mustSync: boolean): boolean
  close(callback: (error: Error | null) => void): void
}

/** One in use, and one that can give way. */
export const MIN_OPEN_FILES = 2

export class DescriptorPool {
  readonly maxOpen: number
  readonly #open: ClockRing<Holder> = new ClockRing()
  /** Descriptors of others than the pool's files: of directories, and of holes that are being made. */
  #lent = 0
  #inside = 0
  readonly #waiting: (() => void)[] = []

  /** @param maxOpen MIN_OPEN_FILES at least */
  constructor(maxOpen: number) {
    this.maxOpen = maxOpen
  }

  get openCount(): number {
    return this.#open.size + this.#lent
  }

  /** Runs it now, or when others have left; up to leave it may keep one descriptor from being closed. */
  enter(run: () => void): void {
    if (this.#inside >= this.maxOpen - 1) {
      this.#waiting.push(run)
      return
    }
    this.#inside++
    run()
  }

  leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#inside--
    else queueMicrotask(next)
  }

  /** For one who is inside, and opens a descriptor that is no file's of the pool; or some, one after the other. */
  lend(): void {
    this.makeRoom()
    this.#lent++
  }

  takeBack(): void {
    this.#lent--
  }

  /** For whoever is about to open one; what the sync of the file that gives way fails with, is that file's to tell. */
  makeRoom(): void {
    const files = this.#open.size
    let looks = 2 * files
    while (this.openCount >= this.maxOpen && looks-- > 0) {
      const next = this.#open.atHand()
      if (next === undefined) return
      if (!next.giveWay(looks < files)) this.#open.skip()
    }
  }

  /** Whatever is open is closed. */
  close(): void {
    for (const file of [...this.#open]) file.close(() => {})
  }

  opened(file: Holder): void {
    this.#open.add(file)
  }

  closed(file: Holder): void {
    this.#open.remove(file)
  }
}
