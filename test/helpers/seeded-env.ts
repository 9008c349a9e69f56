// The real clock with seeded chance, and a few draws that tests of storage use.
import { type Env, systemEnv } from '../../lib/env.ts'
import type { SeededRandom } from './random.ts'

export function seededEnv(random: SeededRandom): Env {
  return {
    ...systemEnv,
    random: () => random.next(),
    randomBytes: (byteLength) => random.bytes(byteLength)
  }
}

export function pick<T>(random: SeededRandom, values: readonly T[]): T {
  return values[random.int(values.length)]!
}
