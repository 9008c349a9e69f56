// How often something happened within about a minute: counted anew when a minute is over.

const MINUTE_MS = 60_000

export class RateCounter {
  #count = 0
  #since = Number.NEGATIVE_INFINITY

  /** It happened again: how often so far. */
  count(now: number): number {
    if (now - this.#since > MINUTE_MS) {
      this.#since = now
      this.#count = 0
    }
    return ++this.#count
  }
}
