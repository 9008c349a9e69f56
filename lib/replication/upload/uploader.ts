// Uploader: one peer's questions, answered in the order in which they came while the transport has room.
// Owner of that queue. Every question gets exactly one answer, data or noData, unless it is cancelled.
// Whose turn it is among the peers says service.ts; what all logs of a connection may cost, connection-load.ts.
import type { Env } from '../../env.ts'
import { ProofError } from '../../errors.ts'
import type { ProvenBlock } from '../../merkle/proof.ts'
import { emptyRequest, type Proof } from '../../merkle/proof.ts'
import { Bitfield } from '../../util/bitfield.ts'
import { LazyMap } from '../../util/lazy.ts'
import { RateCounter } from '../../util/rate-counter.ts'
import {
  ANSWER_COST_BYTES,
  ASSUMED_BLOCK_BYTES,
  MAX_ANSWER_BYTES,
  MAX_ANSWERS_UNDER_WAY,
  MAX_BELATED_QUESTIONS,
  MAX_INVALID_PER_MINUTE,
  MAX_LIMIT_WAIT_MS,
  MAX_QUEUED_REQUESTS,
  MAX_SENT_PAGES,
  REPEAT_FACTOR,
  SLOW_ANSWER_MS
} from '../constants.ts'
import type { Limits } from '../limits.ts'
import { INVALID_REQUEST, NOT_AVAILABLE, type Request } from '../messages.ts'
import { proofBytes } from '../model/proof-bytes.ts'
import type { PeerSender } from '../peer-sender.ts'
import type { ReplicatedLog } from '../replicated-log.ts'
import type { ConnectionLoad } from './connection-load.ts'
import { type Served, Service } from './service.ts'

interface Slot {
  readonly request: Request
  cancelled: boolean
  /** Set when the answer is made: says it. */
  answer: (() => void) | null
}

export interface UploaderOptions {
  readonly log: ReplicatedLog
  readonly send: PeerSender
  readonly env: Env
  readonly load: ConnectionLoad
  readonly limits: Limits
  /** More questions wait than we keep: stop, or go on, reading from this connection. */
  onFull(full: boolean): void
  /** A proof of our head went out. */
  onUpgrade(upgrade: NonNullable<Proof['upgrade']>): void
  /** A block went out. */
  onUpload(block: ProvenBlock): void
}

export class Uploader implements Served {
  readonly #options: UploaderOptions
  readonly #service: Service
  readonly #invalid: RateCounter = new RateCounter()
  /** Blocks that the peer was sent before. */
  readonly #sent: Bitfield = new Bitfield(MAX_SENT_PAGES)
  #waiting: LazyMap<number, Request> = new LazyMap()
  #urgent: LazyMap<number, Request> = new LazyMap()
  #slots: Slot[] = []
  /** Of the largest of the last blocks sent. */
  #recentBytes = 0
  #full = false
  /** Questions that may still be answered. */
  #left = Number.POSITIVE_INFINITY
  #closed = false
  #resting: Disposable | null = null
  #limited: Disposable | null = null

  constructor(options: UploaderOptions) {
    this.#options = options
    this.#service = Service.of(options.log)
  }

  get queued(): number {
    return this.#waiting.size + this.#urgent.size
  }

  /** For the service. */
  get isReady(): boolean {
    const { load, send } = this.#options
    if (this.#closed || this.#resting !== null || this.#left <= 0 || this.queued === 0) return false
    // Asking is as good as waiting: work is called when there is room.
    if (this.#isLimited()) return false
    if (!load.hasRoom) load.wait(this)
    return load.hasRoom && this.#slots.length < this.#maxUnderWay() && send.drained
  }

  enqueue(request: Request): void {
    if (this.#closed) return
    this.cancel(request.id)
    const queue = request.priority > 0 ? this.#urgent : this.#waiting
    queue.set(request.id, request)
    this.#options.load.queue(1)
    this.#tellFull()
    this.work()
  }

  cancel(id: number): void {
    if (this.#waiting.delete(id) || this.#urgent.delete(id)) {
      this.#options.load.queue(-1)
      this.#tellFull()
      return
    }
    for (const slot of this.#slots) if (slot.request.id === id) slot.cancelled = true
  }

  /**
   * Off: what was asked before the peer could know is answered, what comes after that waits, unanswered: refusals
   * would make stock peers shun us for good, or ask on and on.
   */
  setOn(on: boolean): void {
    if (on) this.#left = Number.POSITIVE_INFINITY
    else this.#left = Math.min(this.#left, this.queued + MAX_BELATED_QUESTIONS)
    this.work()
  }

  /** Nothing is answered: the peer was never told otherwise. */
  hold(): void {
    this.#left = 0
  }

  /** Something may have made room for more answers. */
  work(): void {
    if (this.queued > 0) this.#service.wake(this)
  }

  /** For the service, if isReady. */
  async begin(): Promise<number> {
    const slot: Slot = { request: this.#next(), cancelled: false, answer: null }
    this.#slots.push(slot)
    this.#options.load.begin()
    this.#tellFull()
    const byteLength = await this.#make(slot)
    if (!this.#closed) this.#flush()
    return byteLength
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#resting?.[Symbol.dispose]()
    this.#limited?.[Symbol.dispose]()
    this.#options.load.leave(this)
    this.#service.leave(this)
    this.#options.load.queue(-this.queued)
    this.#waiting.clear()
    this.#urgent.clear()
    for (const _ of this.#slots.splice(0)) this.#options.load.end()
  }

  /** The oldest question, urgent ones first. */
  #next(): Request {
    const queue = this.#urgent.size > 0 ? this.#urgent : this.#waiting
    const [request] = queue.values()
    if (request === undefined) throw new Error('only a peer that is ready has a question')
    queue.delete(request.id)
    this.#left--
    this.#options.load.queue(-1)
    return request
  }

  #maxUnderWay(): number {
    const { length, byteLength } = this.#options.log
    const average = length === 0 ? ASSUMED_BLOCK_BYTES : byteLength / length
    const assumed = Math.max(average, this.#recentBytes)
    return Math.max(1, Math.min(MAX_ANSWERS_UNDER_WAY, Math.floor(MAX_ANSWER_BYTES / assumed)))
  }

  /** Too much went out lately: what waits is looked at again when that is over. */
  #isLimited(): boolean {
    const { limits, env } = this.#options
    if (this.#limited !== null) return true
    const waitMs = limits.waitMs(env.now())
    if (waitMs === 0) return false
    this.#limited = env.setTimer(Math.min(waitMs, MAX_LIMIT_WAIT_MS), () => {
      this.#limited = null
      this.work()
    })
    return true
  }

  /** Resolves with what the answer cost. */
  async #make(slot: Slot): Promise<number> {
    const { log } = this.#options
    const { request } = slot
    try {
      const proof = await log.prove(request.proof)
      if (proof !== null) slot.answer = () => this.#sendProof(request.id, proof)
      else slot.answer = await this.#unavailable(request)
      return this.#costOf(proof)
    } catch (error) {
      const reason = error instanceof ProofError ? INVALID_REQUEST : NOT_AVAILABLE
      if (reason === INVALID_REQUEST) this.#countInvalid()
      slot.answer = () => this.#options.send.noData({ id: request.id, reason })
      return 0
    }
  }

  #costOf(proof: Proof | null): number {
    if (proof === null) return 0
    const bytes = proofBytes(proof)
    this.#options.limits.take(bytes, this.#options.env.now())
    const { block } = proof
    if (block === null) return bytes
    this.#recentBytes = Math.max(block.value.byteLength, this.#recentBytes * RECENT_DECAY)
    if (!this.#sent.has(block.index)) {
      this.#sent.set(block.index, true)
      return bytes
    }
    return bytes + (bytes + ANSWER_COST_BYTES) * (REPEAT_FACTOR - 1)
  }

  /** The manifest is known even where the block is not. */
  async #unavailable(request: Request): Promise<() => void> {
    const { log, send } = this.#options
    if (request.proof.manifest && log.hasManifest) {
      const proof = await log.prove({ ...emptyRequest, fork: log.fork, manifest: true })
      if (proof !== null) return () => this.#sendProof(request.id, proof)
    }
    const { block, fork } = request.proof
    const index = block?.index ?? -1
    const lacked = index >= 0 && !log.has(index)
    return () => {
      send.noData({ id: request.id, reason: NOT_AVAILABLE })
      // It came meanwhile, and was told of before this: the peer would think that we lack it.
      const isHere = index >= 0 && log.has(index)
      if (isHere && (lacked || fork !== log.fork)) {
        send.range({ drop: false, start: index, length: 1 })
      }
    }
  }

  #sendProof(id: number, proof: Proof): void {
    const { send, log, onUpload, onUpgrade } = this.#options
    send.data({ id, proof })
    if (proof.upgrade !== null) onUpgrade(proof.upgrade)
    if (proof.block === null) return
    onUpload(proof.block)
    log.release(proof.block.value)
  }

  /** Says the answers that are made, in order. */
  #flush(): void {
    let first = this.#slots[0]
    while (first !== undefined && (first.cancelled || first.answer !== null)) {
      this.#slots.shift()
      this.#options.load.end()
      if (!first.cancelled) first.answer?.()
      first = this.#slots[0]
    }
    this.work()
  }

  #countInvalid(): void {
    const isTooOften = this.#invalid.count(this.#options.env.now()) > MAX_INVALID_PER_MINUTE
    if (!isTooOften || this.#resting !== null || this.#closed) return
    this.#resting = this.#options.env.setTimer(SLOW_ANSWER_MS, () => {
      this.#resting = null
      this.work()
    })
  }

  #tellFull(): void {
    const full = this.queued >= MAX_QUEUED_REQUESTS
    if (full === this.#full) return
    this.#full = full
    this.#options.onFull(full)
  }
}

/** How much of a block's length still counts with the next. */
const RECENT_DECAY = 7 / 8
