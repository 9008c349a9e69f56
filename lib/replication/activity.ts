// Activity: whether somebody here wants a log to be downloaded: an active session, a call that waits, a question under
// way; and for a while after the last of them, so that a log that is used now and then is not closed and opened anew
// each time (spec replication.md section 15). Owner of the linger timer, which runs only then.
import type { Env } from '../env.ts'

export interface ActivityOptions {
  readonly env: Env
  /** How long it goes on after nobody wants it any more, in milliseconds. */
  readonly lingerMs: number
  /** A call waits, or a question is under way. */
  isBusy(): boolean
  onChange(): void
}

export class Activity {
  readonly #options: ActivityOptions
  #holders = 0
  #isOn = false
  #timer: Disposable | null = null
  #closed = false

  constructor(options: ActivityOptions) {
    this.#options = options
  }

  get isOn(): boolean {
    return this.#isOn
  }

  /** Somebody wants it at this moment, not only a while ago. */
  get isPressing(): boolean {
    return this.#holders > 0 || this.#options.isBusy()
  }

  /** Somebody wants the log until release. */
  hold(): void {
    this.#holders++
    this.look()
  }

  release(): void {
    this.#holders--
    this.look()
  }

  /** A reason may have come, or gone. */
  look(): void {
    if (this.#closed) return
    if (this.isPressing) {
      // What the other side closed meanwhile was not opened again.
      if (this.#stopTimer()) this.#options.onChange()
      this.#turn(true)
    } else if (this.#isOn) this.#linger()
  }

  /** As if somebody had wanted it up to now: for a log that was just opened and knows nothing yet. */
  begin(): void {
    this.#turn(true)
    this.look()
  }

  close(): void {
    this.#closed = true
    this.#stopTimer()
  }

  #linger(): void {
    const { env, lingerMs } = this.#options
    if (lingerMs === 0) this.#turn(false)
    else {
      this.#timer ??= env.setTimer(lingerMs, () => {
        this.#timer = null
        this.#turn(false)
      })
    }
  }

  #turn(on: boolean): void {
    if (this.#isOn === on) return
    this.#isOn = on
    this.#options.onChange()
  }

  /** Whether it ran. */
  #stopTimer(): boolean {
    if (this.#timer === null) return false
    this.#timer[Symbol.dispose]()
    this.#timer = null
    return true
  }
}
