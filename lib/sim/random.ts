// Seeded chance: the same seed gives the same numbers everywhere (xorshift, Marsaglia 2003). Not for secrets.

export interface SeededRandom {
  /** A number in [0, 1). */
  next(): number
  /** An integer in [0, max). */
  int(max: number): number
  bytes(byteLength: number): Uint8Array
  /** One of them; there must be one. */
  pick<T>(values: readonly T[]): T
}

export function seededRandom(seed: number): SeededRandom {
  // A state of 0 would stay 0.
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 0x100000000
  }
  for (let i = 0; i < 8; i++) next()
  const int = (max: number): number => Math.floor(next() * max)
  return {
    next,
    int,
    bytes: (byteLength) => Uint8Array.from({ length: byteLength }, () => int(256)),
    pick: (values) => values[int(values.length)]!
  }
}
