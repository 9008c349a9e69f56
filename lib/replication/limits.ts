// Limits: the rate limits that hold for one peer of a log in one direction: the log's, and its own. Owner of nothing:
// several logs may share a limit.
import type { RateLimit } from './rate-limit.ts'

export class Limits {
  readonly #limits: readonly RateLimit[]

  constructor(limits: readonly (RateLimit | null)[]) {
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
