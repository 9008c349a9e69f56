// The injectable world: clock, timers, chance. Nothing else in lib/ may read a clock or draw a random
// number (keys and nonces in crypto/ excepted), so that a whole swarm can run in virtual time from a seed.
import { randomBytes } from 'node:crypto'

export interface Env {
  /** Milliseconds since an arbitrary start; never runs backwards. */
  now(): number
  /** A number in [0, 1). */
  random(): number
  randomBytes(byteLength: number): Uint8Array
  /** Runs once after delayMs unless disposed. Keeps the process alive only if asked to. */
  setTimer(delayMs: number, run: () => void, options?: { readonly keepsAlive: boolean }): Disposable
}

export const systemEnv: Env = {
  now: () => performance.now(),
  random: () => Math.random(),
  randomBytes: (byteLength) => randomBytes(byteLength),
  setTimer(delayMs, run, options) {
    const timer = setTimeout(run, delayMs)
    if (options?.keepsAlive !== true) timer.unref()
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  }
}
