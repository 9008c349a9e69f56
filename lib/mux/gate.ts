// Why a connection is not being read: it is read again when the last reason is gone. And the budget of opens that
// lead to nothing, because nobody takes them or the remote closes them again at once: one of the reasons.
import type { Env } from '../env.ts'
import { VAIN_OPENS_BURST, VAIN_OPENS_PER_SECOND } from './constants.ts'
import type { MessageStream } from './message-stream.ts'

export class Gate {
  #stream: MessageStream
  #reasons: Set<unknown> = new Set()

  constructor(stream: MessageStream) {
    this.#stream = stream
  }

  pause(reason: unknown): void {
    if (this.#reasons.size === 0) this.#stream.pause()
    this.#reasons.add(reason)
  }

  resume(reason: unknown): void {
    if (this.#reasons.delete(reason) && this.#reasons.size === 0) this.#stream.resume()
  }
}

/** So many at once, then so many in a second; who takes more waits, and with it the connection. */
export class VainOpens {
  #env: Env
  #gate: Gate
  #burst: number = VAIN_OPENS_BURST
  #left: number = VAIN_OPENS_BURST
  #countedAt: number
  #timer: Disposable | null = null

  constructor(env: Env, gate: Gate) {
    this.#env = env
    this.#gate = gate
    this.#countedAt = env.now()
  }

  /** More of them are no offence here. */
  widen(burst: number): void {
    this.#left += Math.max(0, burst - this.#burst)
    this.#burst = Math.max(burst, this.#burst)
  }

  count(): void {
    this.#refill()
    this.#left--
    if (this.#left >= 0 || this.#timer !== null) return
    this.#gate.pause(this)
    this.#wait()
  }

  stop(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = null
  }

  #wait(): void {
    const waitMs = (-this.#left / VAIN_OPENS_PER_SECOND) * 1000
    this.#timer = this.#env.setTimer(waitMs, () => {
      this.#timer = null
      this.#refill()
      // More may have come out of the frame at hand, or the timer may be early.
      if (this.#left < 0) this.#wait()
      else this.#gate.resume(this)
    })
  }

  #refill(): void {
    const now = this.#env.now()
    const gained = ((now - this.#countedAt) / 1000) * VAIN_OPENS_PER_SECOND
    this.#left = Math.min(this.#burst, this.#left + gained)
    this.#countedAt = now
  }
}
