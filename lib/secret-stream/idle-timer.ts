// Notices that nothing has happened for a while. Touching it costs a clock reading, not a timer.
import type { Env } from '../env.ts'

export class IdleTimer {
  #env: Env
  #idleMs: number
  #onIdle: () => void
  #lastTouch: number
  #timer: Disposable | null = null

  /** Calls onIdle after idleMs without a touch, again and again until stopped. 0: never. */
  constructor(env: Env, idleMs: number, onIdle: () => void) {
    this.#env = env
    this.#idleMs = idleMs
    this.#onIdle = onIdle
    this.#lastTouch = env.now()
    if (idleMs > 0) this.#arm(idleMs)
  }

  touch(): void {
    this.#lastTouch = this.#env.now()
  }

  stop(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = null
  }

  #arm(delayMs: number): void {
    this.#timer = this.#env.setTimer(delayMs, () => this.#check())
  }

  #check(): void {
    const leftMs = this.#lastTouch + this.#idleMs - this.#env.now()
    if (leftMs > 0) {
      this.#arm(leftMs)
      return
    }
    this.touch()
    this.#arm(this.#idleMs)
    this.#onIdle()
  }
}
