// An Env whose clock moves only when a test says so.
import type { Env } from '../../lib/env.ts'

export class ManualEnv implements Env {
  #now = 0
  #timers: Set<{ at: number; run: () => void }> = new Set()

  now(): number {
    return this.#now
  }

  random(): number {
    return 0.5
  }

  randomBytes(byteLength: number): Uint8Array {
    return new Uint8Array(byteLength)
  }

  setTimer(delayMs: number, run: () => void): Disposable {
    const timer = { at: this.#now + delayMs, run }
    this.#timers.add(timer)
    return { [Symbol.dispose]: () => this.#timers.delete(timer) }
  }

  get timerCount(): number {
    return this.#timers.size
  }

  /** Runs what is due on the way, in order of time. */
  advance(ms: number): void {
    const end = this.#now + ms
    while (true) {
      let next: { at: number; run: () => void } | null = null
      for (const timer of this.#timers) {
        if (timer.at <= end && (next === null || timer.at < next.at)) next = timer
      }
      if (next === null) break
      this.#timers.delete(next)
      this.#now = next.at
      next.run()
    }
    this.#now = end
  }
}
