// Pusher: blocks that a peer gets without asking, if it says that it wants that; each at most once, in the order in
// which they were given, as far as transport and rate limits have room. Owner of what waits to be pushed to one peer,
// and of how long the history is that it was proven. Spec replication.md section 13.
import type { Env } from '../../env.ts'
import { endOf, rootsOf, startOf } from '../../merkle/flat-tree.ts'
import type { ProvenBlock } from '../../merkle/proof.ts'
import { emptyRequest, type Proof, type ProofRequest } from '../../merkle/proof.ts'
import { background } from '../../util/background.ts'
import { Bitfield } from '../../util/bitfield.ts'
import {
  MAX_LIMIT_WAIT_MS,
  MAX_QUEUED_PUSHES,
  MAX_SENT_PAGES,
  UNSOLICITED_ID
} from '../constants.ts'
import type { Limits } from '../limits.ts'
import { proofBytes } from '../model/proof-bytes.ts'
import type { RemoteLog } from '../model/remote-log.ts'
import type { PeerSender } from '../peer-sender.ts'
import type { ReplicatedLog } from '../replicated-log.ts'

export interface PusherOptions {
  readonly log: ReplicatedLog
  readonly remote: RemoteLog
  readonly send: PeerSender
  readonly env: Env
  readonly limits: Limits
  /** Whether the user lets blocks go to this peer. */
  isOn(): boolean
  onUpload(block: ProvenBlock): void
}

export class Pusher {
  readonly #options: PusherOptions
  #queue: number[] = []
  /** What was pushed under the fork number `#fork`. */
  #pushed: Bitfield = new Bitfield(MAX_SENT_PAGES)
  #fork: number
  /** How long the history is that the peer was proven under it. */
  #provenLength = 0
  #working = false
  #resting: Disposable | null = null
  #closed = false

  constructor(options: PusherOptions) {
    this.#options = options
    this.#fork = options.log.fork
  }

  /** False: the peer does not want it, or is known to have it, or too much waits. */
  push(index: number): boolean {
    this.#followFork()
    if (this.#closed || !this.#isWelcome(index)) return false
    if (this.#queue.length >= MAX_QUEUED_PUSHES || this.#queue.includes(index)) return false
    this.#queue.push(index)
    this.work()
    return true
  }

  /** The peer was sent this: it is as long as that from then on. */
  proved({ start, length, additionalNodes }: NonNullable<Proof['upgrade']>): void {
    this.#followFork()
    const last = additionalNodes.at(-1)
    const end = last === undefined ? start + length : endOf(last.nodeIndex)
    this.#provenLength = Math.max(this.#provenLength, end)
  }

  /** There is room again, or the log moved on. */
  work(): void {
    if (this.#working || this.#queue.length === 0) return
    this.#working = true
    const done = (): void => {
      this.#working = false
    }
    background(this.#run().finally(done), () => {})
  }

  close(): void {
    this.#closed = true
    this.#queue = []
    this.#resting?.[Symbol.dispose]()
  }

  async #run(): Promise<void> {
    const { log, send } = this.#options
    while (!this.#closed && this.#resting === null && send.drained && !this.#isLimited()) {
      const [index] = this.#queue
      // Peers hear of what is published; what is not yet waits for that.
      if (index === undefined || index >= log.length) return
      this.#queue.shift()
      this.#followFork()
      if (this.#isWelcome(index)) await this.#push(index)
    }
  }

  async #push(index: number): Promise<void> {
    const { log } = this.#options
    this.#pushed.set(index, true)
    const request = await this.#requestFor(index)
    const proof = request === null ? null : await log.prove(request)
    if (proof === null || this.#closed || proof.fork !== log.fork) this.#pushed.set(index, false)
    else this.#send(proof)
  }

  #send(proof: Proof): void {
    const { send, limits, env, log, onUpload } = this.#options
    limits.take(proofBytes(proof), env.now())
    if (proof.upgrade !== null) this.proved(proof.upgrade)
    send.data({ id: UNSOLICITED_ID, proof })
    if (proof.block === null) return
    onUpload(proof.block)
    log.release(proof.block.value)
  }

  #isWelcome(index: number): boolean {
    const { log, remote, isOn } = this.#options
    if (!isOn() || !remote.allowPush || !remote.downloading || remote.distrusted) return false
    return remote.fork === log.fork && !remote.has(index) && !this.#pushed.has(index)
  }

  /** What would be asked by a peer at the length that it was proven; null: it cannot be proven from there. */
  async #requestFor(index: number): Promise<ProofRequest | null> {
    const { log, remote } = this.#options
    const { fork, length } = log
    const from = Math.max(remote.length, this.#provenLength)
    if (from > length) return null
    const manifest = remote.length === 0 && log.hasManifest
    const block = { index, nodes: levelsIn(from, index) }
    if (index < from) return { ...emptyRequest, fork, manifest, block }
    if (from > 0 && !(await log.canUpgradeFrom(from))) return null
    return {
      ...emptyRequest,
      fork,
      manifest,
      block,
      upgrade: { start: from, length: length - from }
    }
  }

  #followFork(): void {
    const { fork } = this.#options.log
    if (fork === this.#fork) return
    this.#fork = fork
    this.#provenLength = 0
    this.#pushed = new Bitfield(MAX_SENT_PAGES)
  }

  #isLimited(): boolean {
    const { limits, env } = this.#options
    const waitMs = limits.waitMs(env.now())
    if (waitMs === 0) return false
    this.#resting = env.setTimer(Math.min(waitMs, MAX_LIMIT_WAIT_MS), () => {
      this.#resting = null
      this.work()
    })
    return true
  }
}

/** How many levels a block lies below the full root over it at that length; 0 past it. */
function levelsIn(length: number, index: number): number {
  if (index >= length) return 0
  const root = rootsOf(length).find((each) => endOf(each) > index)
  return root === undefined ? 0 : Math.log2(endOf(root) - startOf(root))
}
