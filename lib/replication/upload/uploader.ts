// Uploader: one peer's questions, answered in the order in which they came while the transport has room.
// Owner of that queue. Every question gets exactly one answer, data or noData, unless it is cancelled.
import type { Env } from '../../env.ts'
import { ProofError } from '../../errors.ts'
import { emptyRequest, type Proof, type ProvenBlock } from '../../merkle/proof.ts'
import { background } from '../../util/background.ts'
import {
  ASSUMED_BLOCK_BYTES,
  MAX_ANSWER_BYTES,
  MAX_ANSWERS_UNDER_WAY,
  MAX_INVALID_PER_MINUTE,
  MAX_QUEUED_REQUESTS,
  SLOW_ANSWER_MS
} from '../constants.ts'
import { INVALID_REQUEST, NOT_AVAILABLE, type Request } from '../messages.ts'
import type { PeerSender } from '../peer-sender.ts'
import type { ReplicatedLog } from '../replicated-log.ts'

const MINUTE_MS = 60_000

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
  /** More questions wait than we keep: stop, or go on, reading from this connection. */
  onFull(full: boolean): void
  /** A proof of our head went out. */
  onUpgrade(): void
  /** A block went out. */
  onUpload(block: ProvenBlock): void
}

export class Uploader {
  readonly #options: UploaderOptions
  #waiting: Map<number, Request> = new Map()
  #urgent: Map<number, Request> = new Map()
  #slots: Slot[] = []
  #full = false
  #closed = false
  #resting: Disposable | null = null
  #invalid = 0
  #minuteStart = 0

  constructor(options: UploaderOptions) {
    this.#options = options
  }

  get queued(): number {
    return this.#waiting.size + this.#urgent.size
  }

  enqueue(request: Request): void {
    if (this.#closed) return
    this.cancel(request.id)
    const queue = request.priority > 0 ? this.#urgent : this.#waiting
    queue.set(request.id, request)
    this.#tellFull()
    this.work()
  }

  cancel(id: number): void {
    if (this.#waiting.delete(id) || this.#urgent.delete(id)) {
      this.#tellFull()
      return
    }
    for (const slot of this.#slots) if (slot.request.id === id) slot.cancelled = true
  }

  /** Starts as many answers as the transport and the limits allow. */
  work(): void {
    const { send } = this.#options
    while (
      !this.#closed &&
      this.#resting === null &&
      send.drained &&
      this.#slots.length < this.#maxUnderWay()
    ) {
      const request = this.#next()
      if (request === null) break
      const slot: Slot = { request, cancelled: false, answer: null }
      this.#slots.push(slot)
      background(this.#make(slot), () => {})
    }
    this.#tellFull()
  }

  close(): void {
    this.#closed = true
    this.#resting?.[Symbol.dispose]()
    this.#waiting.clear()
    this.#urgent.clear()
    this.#slots = []
  }

  #next(): Request | null {
    for (const queue of [this.#urgent, this.#waiting]) {
      for (const [id, request] of queue) {
        queue.delete(id)
        return request
      }
    }
    return null
  }

  #maxUnderWay(): number {
    const { length, byteLength } = this.#options.log
    const average = length === 0 ? ASSUMED_BLOCK_BYTES : byteLength / length
    return Math.max(1, Math.min(MAX_ANSWERS_UNDER_WAY, Math.floor(MAX_ANSWER_BYTES / average)))
  }

  async #make(slot: Slot): Promise<void> {
    const { log } = this.#options
    const { request } = slot
    try {
      const proof = await log.prove(request.proof)
      if (proof !== null) slot.answer = () => this.#sendProof(request.id, proof)
      else slot.answer = await this.#unavailable(request)
    } catch (error) {
      const reason = error instanceof ProofError ? INVALID_REQUEST : NOT_AVAILABLE
      if (reason === INVALID_REQUEST) this.#countInvalid()
      slot.answer = () => this.#options.send.noData({ id: request.id, reason })
    }
    this.#flush()
  }

  /** The manifest is known even where the block is not. */
  async #unavailable(request: Request): Promise<() => void> {
    const { log, send } = this.#options
    if (request.proof.manifest && log.hasManifest) {
      const proof = await log.prove({ ...emptyRequest, fork: log.fork, manifest: true })
      if (proof !== null) return () => this.#sendProof(request.id, proof)
    }
    return () => send.noData({ id: request.id, reason: NOT_AVAILABLE })
  }

  #sendProof(id: number, proof: Proof): void {
    const { send, log, onUpload, onUpgrade } = this.#options
    send.data({ id, proof })
    if (proof.upgrade !== null) onUpgrade()
    if (proof.block === null) return
    onUpload(proof.block)
    log.release(proof.block.value)
  }

  /** Says the answers that are made, in order. */
  #flush(): void {
    let first = this.#slots[0]
    while (first !== undefined && (first.cancelled || first.answer !== null)) {
      this.#slots.shift()
      if (!first.cancelled) first.answer?.()
      first = this.#slots[0]
    }
    this.work()
  }

  #countInvalid(): void {
    const { env } = this.#options
    const now = env.now()
    if (now - this.#minuteStart > MINUTE_MS) {
      this.#minuteStart = now
      this.#invalid = 0
    }
    this.#invalid++
    if (this.#invalid <= MAX_INVALID_PER_MINUTE || this.#resting !== null) return
    this.#resting = env.setTimer(SLOW_ANSWER_MS, () => {
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
