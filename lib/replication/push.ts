// Push: blocks to and from one peer that nobody asked for. Both parts are made when first needed: most peers have none.
import type { Proof } from '../merkle/proof.ts'
import { Pushed, type PushedOptions } from './download/pushed.ts'
import { Pusher, type PusherOptions } from './upload/pusher.ts'

export interface PushOptions extends Omit<PusherOptions, 'limits'>, PushedOptions {
  /** Those of all that goes to this peer. */
  limits(): PusherOptions['limits']
}

export class Push {
  readonly #options: PushOptions
  #pusher: Pusher | null = null
  #pushed: Pushed | null = null

  constructor(options: PushOptions) {
    this.#options = options
  }

  /** False: the peer does not want it, or is known to have it, or too much waits. */
  send(index: number): boolean {
    return this.#options.remote.allowPush && this.#sender().push(index)
  }

  /** An answer brought the peer's history that far. */
  proved(upgrade: NonNullable<Proof['upgrade']>): void {
    if (this.#options.remote.allowPush) this.#sender().proved(upgrade)
  }

  /** There is room again, or the log moved on. */
  work(): void {
    this.#pusher?.work()
  }

  receive(proof: Proof): void {
    this.#pushed ??= new Pushed(this.#options)
    this.#pushed.receive(proof)
  }

  close(): void {
    this.#pusher?.close()
  }

  #sender(): Pusher {
    const { limits, ...options } = this.#options
    this.#pusher ??= new Pusher({ ...options, limits: limits() })
    return this.#pusher
  }
}
