// Meter: how much per second, as a moving average over some seconds. Pure: time is an argument.

/** After so long, something counts 1/e of what it did. */
const MEMORY_MS = 3_000

export class Meter {
  readonly #memoryMs: number
  #amount = 0
  #at = 0

  constructor(memoryMs: number = MEMORY_MS) {
    this.#memoryMs = memoryMs
  }

  add(amount: number, now: number): void {
    this.#amount = this.#left(now) + amount
    this.#at = now
  }

  perSecond(now: number): number {
    return (this.#left(now) * 1_000) / this.#memoryMs
  }

  #left(now: number): number {
    return this.#amount === 0 ? 0 : this.#amount * Math.exp((this.#at - now) / this.#memoryMs)
  }
}
