// Patience: why and when a command stops waiting: nothing came for too long, the user interrupts, or what it
// waits for cannot come any more. The first reason counts.
import { AbortError, type LogwoodError } from '../index.ts'

export class Patience implements Disposable {
  readonly #controller: AbortController = new AbortController()
  readonly #waitMs: number
  readonly #user: AbortSignal
  readonly #onInterrupt: () => void
  #timer: NodeJS.Timeout | null = null

  constructor(waitMs: number, user: AbortSignal) {
    this.#waitMs = waitMs
    this.#user = user
    this.#onInterrupt = () => this.end(new AbortError('ABORTED', 'Interrupted'))
    user.addEventListener('abort', this.#onInterrupt, { once: true })
    if (user.aborted) this.#onInterrupt()
    this.renew()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Something came: the wait begins again. */
  renew(): void {
    if (this.#timer !== null) {
      this.#timer.refresh()
      return
    }
    this.#timer = setTimeout(() => {
      const seconds = this.#waitMs / 1000
      this.end(new AbortError('TIMEOUT', `Nothing came from the peer for ${seconds} seconds`))
    }, this.#waitMs)
  }

  /** There is nothing to wait for any more. */
  end(reason: LogwoodError): void {
    this.#controller.abort(reason)
  }

  /** The outcome of a call with the signal; once patience has ended, its reason instead of what that led to. */
  async until<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await call(this.signal)
    } catch (error) {
      throw this.signal.aborted ? this.signal.reason : error
    }
  }

  [Symbol.dispose](): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#user.removeEventListener('abort', this.#onInterrupt)
  }
}
