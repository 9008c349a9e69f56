// Limits: the rate limits that hold for one peer of a log in one direction: the log's, its own, and those of the store.
// Owner of nothing: several logs may share a limit.

/** What bounds a flow of bytes. */
export interface Limit {
  /** So many went through; less than nothing: did not after all. */
  take(bytes: number, now: number): void
  /** How long until something more may go through; 0: now. */
  waitMs(now: number): number
}

export class Limits implements Limit {
  readonly #limits: readonly Limit[]

  constructor(limits: readonly (Limit | null)[]) {
    this.#limits = limits.filter((limit) => limit !== null)
  }

  take(bytes: number, now: number): void {
    for (const limit of this.#limits) limit.take(bytes, now)
  }

  /** How long until all of them let something through; 0: now. */
  waitMs(now: number): number {
    let waitMs = 0
    for (const limit of this.#limits) waitMs = Math.max(waitMs, limit.waitMs(now))
    return waitMs
  }
}
