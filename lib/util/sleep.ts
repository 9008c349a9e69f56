// A wait in the time of the environment, for shells that look again later. It keeps no process alive.
import type { Env } from '../env.ts'

export function sleep(env: Env, ms: number): Promise<void> {
  return new Promise((resolve) => {
    env.setTimer(ms, resolve)
  })
}
