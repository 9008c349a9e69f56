// TokenBucket: so many bytes per second on average. What is taken is known only afterwards, so it may run into debt,
// which is paid off before anything more is let through. Pure: time is an argument.

/** What may be saved up, in milliseconds of the rate. */
const BURST_MS = 1_000

export class TokenBucket {
  #bytesPerSecond: number
  #level: number
  #at: number | null = null

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond
    this.#level = (bytesPerSecond * BURST_MS) / 1_000
  }

  get bytesPerSecond(): number {
    return this.#bytesPerSecond
  }

  /** From now on; what was saved up beyond the new burst is lost, a debt stays. */
  setRate(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond
    this.#level = Math.min(this.#level, (bytesPerSecond * BURST_MS) / 1_000)
  }

  /** Bytes that went through; less than nothing: bytes that did not after all. */
  take(bytes: number, now: number): void {
    this.#fill(now)
    this.#level -= bytes
  }

  /** How long until something may go through; 0: now. */
  waitMs(now: number): number {
    this.#fill(now)
    if (this.#level > 0) return 0
    return Math.max(1, Math.ceil((-this.#level * 1_000) / this.#bytesPerSecond))
  }

  /** Whether it is as it was in the beginning: all is saved up. */
  isFull(now: number): boolean {
    this.#fill(now)
    return this.#level >= (this.#bytesPerSecond * BURST_MS) / 1_000
  }

  #fill(now: number): void {
    const passed = now - (this.#at ?? now)
    this.#at = now
    const most = (this.#bytesPerSecond * BURST_MS) / 1_000
    this.#level = Math.min(most, this.#level + (this.#bytesPerSecond * passed) / 1_000)
  }
}
