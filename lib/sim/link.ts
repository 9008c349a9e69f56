// SimLink: two ends of a reliable byte stream, as TCP gives them, over a line with latency, jitter, bandwidth and loss.
// Loss and reordering below show as delay: a lost packet comes a retransmission later, and all behind it waits.
// A line that is held (a partition) delivers nothing until it is let go. Owner: SimNetwork.
import type { Env } from '../env.ts'
import type { SeededRandom } from './random.ts'
import { SimSocket } from './socket.ts'

export interface LineOptions {
  /** One way, in milliseconds. */
  readonly latencyMs?: number
  /** Up to so much more, drawn per packet. */
  readonly jitterMs?: number
  /** Infinity by default. */
  readonly bytesPerSecond?: number
  /** Share of packets that are lost and sent again. */
  readonly loss?: number
  /** Longest piece that arrives at once, in bytes. */
  readonly pieceBytes?: number
}

/** What a lost packet is late by, in round trips and at least in milliseconds: a retransmission's time-out. */
const RETRANSMIT_ROUND_TRIPS = 2
const MIN_RETRANSMIT_MS = 200
const DEFAULT_PIECE_BYTES = 16_384

export class SimLink {
  readonly first: SimSocket
  readonly second: SimSocket
  readonly #held: (() => void)[] = []
  #isHeld = false

  constructor(env: Env, random: SeededRandom, options: LineOptions = {}) {
    const lines = [new Line(env, random, options), new Line(env, random, options)] as const
    this.first = new SimSocket((event, byteLength) => this.#carry(lines[0], byteLength, event))
    this.second = new SimSocket((event, byteLength) => this.#carry(lines[1], byteLength, event))
    this.first.pieceBytes = options.pieceBytes ?? DEFAULT_PIECE_BYTES
    this.second.pieceBytes = options.pieceBytes ?? DEFAULT_PIECE_BYTES
    this.first.other = this.second
    this.second.other = this.first
  }

  get isClosed(): boolean {
    return this.first.isClosed && this.second.isClosed
  }

  /** Nothing arrives until it is let go. */
  hold(): void {
    this.#isHeld = true
  }

  letGo(): void {
    this.#isHeld = false
    for (const deliver of this.#held.splice(0)) deliver()
  }

  /** Both ends see the connection reset, at once; what was under way is lost. */
  cut(): void {
    this.#held.length = 0
    const error = new Error('The connection was reset')
    this.first.reset(error)
    this.second.reset(error)
  }

  #carry(line: Line, byteLength: number, event: () => void): void {
    line.carry(byteLength, () => {
      if (this.#isHeld) this.#held.push(event)
      else event()
    })
  }
}

/** One direction: when what is sent now arrives. */
class Line {
  readonly #env: Env
  readonly #random: SeededRandom
  readonly #options: LineOptions
  #freeAt = 0
  #lastArrival = 0
  /** What is under way, in order: whenever something arrives, it is the first of these. */
  readonly #underWay: (() => void)[] = []

  constructor(env: Env, random: SeededRandom, options: LineOptions) {
    this.#env = env
    this.#random = random
    this.#options = options
  }

  carry(byteLength: number, arrive: () => void): void {
    const { latencyMs = 0, jitterMs = 0, loss = 0 } = this.#options
    const { bytesPerSecond = Number.POSITIVE_INFINITY } = this.#options
    const now = this.#env.now()
    this.#freeAt = Math.max(this.#freeAt, now) + (byteLength / bytesPerSecond) * 1000
    let at = this.#freeAt + latencyMs + this.#random.next() * jitterMs
    while (loss > 0 && this.#random.next() < loss) {
      at += Math.max(MIN_RETRANSMIT_MS, 2 * latencyMs * RETRANSMIT_ROUND_TRIPS)
    }
    this.#lastArrival = Math.max(this.#lastArrival, at)
    this.#underWay.push(arrive)
    this.#env.setTimer(this.#lastArrival - now, () => this.#underWay.shift()?.())
  }
}
