// A seeded generator for tests: same seed, same run. Tests print the seed they used.
import type { Env } from '../../lib/env.ts'
import { systemEnv } from '../../lib/env.ts'

export class Random {
  readonly seed: number
  #state: number

  constructor(seed: number) {
    this.seed = seed
    this.#state = seed >>> 0
  }

  /** In [0, 1). (mulberry32) */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 0x100000000
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below)
  }

  bytes(byteLength: number): Uint8Array {
    return Uint8Array.from({ length: byteLength }, () => this.below(256))
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!
  }
}

/** The real clock with seeded chance. */
export function seededEnv(random: Random): Env {
  return {
    ...systemEnv,
    random: () => random.next(),
    randomBytes: (byteLength) => random.bytes(byteLength)
  }
}
