// ConnectionLoad: what all logs of one connection have to answer to its other end, together. Too many questions, and
// the connection is not read until some are answered; too many answers under way, and the next ones wait.
// And how often its other end lied, on whichever of its logs and channels.
import { RateCounter } from '../../util/rate-counter.ts'
import { MAX_ANSWERS_UNDER_WAY, MAX_QUEUED_REQUESTS_PER_CONNECTION } from '../constants.ts'

/** What of a connection is needed: the multiplexer. */
export interface Pausable {
  pause(reason: unknown): void
  resume(reason: unknown): void
}

/** Has something to answer. */
interface Waiter {
  work(): void
}

const loads: WeakMap<Pausable, ConnectionLoad> = new WeakMap()

export class ConnectionLoad {
  /** False proofs that came over the connection. */
  readonly falseProofs: RateCounter = new RateCounter()
  #connection: Pausable
  #queued = 0
  #underWay = 0
  #isFull = false
  /** Who waits for room. */
  readonly #waiting: Set<Waiter> = new Set()

  private constructor(connection: Pausable) {
    this.#connection = connection
  }

  /** The one of a connection. */
  static of(connection: Pausable): ConnectionLoad {
    let load = loads.get(connection)
    if (load === undefined) {
      load = new ConnectionLoad(connection)
      loads.set(connection, load)
    }
    return load
  }

  get queued(): number {
    return this.#queued
  }

  get underWay(): number {
    return this.#underWay
  }

  get hasRoom(): boolean {
    return this.#underWay < MAX_ANSWERS_UNDER_WAY
  }

  /** Questions of one log came, or were taken out. */
  queue(change: number): void {
    this.#queued += change
    const isFull = this.#queued >= MAX_QUEUED_REQUESTS_PER_CONNECTION
    if (isFull === this.#isFull) return
    this.#isFull = isFull
    if (isFull) this.#connection.pause(this)
    else this.#connection.resume(this)
  }

  begin(): void {
    this.#underWay++
  }

  end(): void {
    this.#underWay--
    for (const waiter of this.#waiting) {
      if (!this.hasRoom) return
      this.#waiting.delete(waiter)
      waiter.work()
    }
  }

  /** Its work is called, once, when an answer of any log of this connection makes room for another. */
  wait(waiter: Waiter): void {
    this.#waiting.add(waiter)
  }

  leave(waiter: Waiter): void {
    this.#waiting.delete(waiter)
  }
}
