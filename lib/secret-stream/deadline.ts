// Something that must be done by a certain time: the handshake, then closing.
import type { Env } from '../env.ts'
import { AbortError } from '../errors.ts'

export class Deadline {
  #env: Env
  #onMissed: (error: AbortError) => void
  #timer: Disposable | null = null

  constructor(env: Env, onMissed: (error: AbortError) => void) {
    this.#env = env
    this.#onMissed = onMissed
  }

  /** Takes the place of the one before. */
  set(timeoutMs: number, what: string): void {
    this.clear()
    this.#timer = this.#env.setTimer(timeoutMs, () => {
      this.#onMissed(new AbortError('TIMEOUT', `${what} took longer than ${timeoutMs} ms`))
    })
  }

  clear(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = null
  }
}
