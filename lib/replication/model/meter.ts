// Meter: bytes per second, as a moving average over some seconds. Pure: time is an argument.

/** After so long, something counts 1/e of what it did. */
const MEMORY_MS = 3_000

export class Meter {
  #bytes = 0
  #at = 0

  add(bytes: number, now: number): void {
    this.#bytes = this.#left(now) + bytes
    this.#at = now
  }

  bytesPerSecond(now: number): number {
    return (this.#left(now) * 1_000) / MEMORY_MS
  }

  #left(now: number): number {
    return this.#bytes === 0 ? 0 : this.#bytes * Math.exp((this.#at - now) / MEMORY_MS)
  }
}
