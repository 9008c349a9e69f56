// Comparison: whether a peer's history is ours, asked where nothing else would show it: when it is level with us by
// a way that we did not see, and after a false proof. Under request id 0 the peer proves its history from 0 on; what
// comes is judged by the log, which keeps a conflict and freezes. A frozen log shows its peers both histories.
// Owner of what was compared with one peer, and when. Spec replication.md section 10.3; reliability.md R8.
import type { Env } from '../../env.ts'
import { emptyRequest, type Proof } from '../../merkle/proof.ts'
import { background } from '../../util/background.ts'
import { COMPARE_AFTER_MS, MAX_JUDGED_PER_MINUTE, UNSOLICITED_ID } from '../constants.ts'
import { relation } from '../model/relation.ts'
import type { RemoteLog } from '../model/remote-log.ts'
import type { PeerSender } from '../peer-sender.ts'
import type { ReplicatedLog } from '../replicated-log.ts'

const MINUTE_MS = 60_000

export interface ComparisonOptions {
  readonly log: ReplicatedLog
  readonly remote: RemoteLog
  readonly send: PeerSender
  readonly env: Env
  onFault(error: unknown): void
}

export class Comparison {
  readonly #options: ComparisonOptions
  /** Up to here, under that fork number, the peer's history is known to be ours. */
  #agreed = { fork: -1, length: 0 }
  #askedAt = Number.NEGATIVE_INFINITY
  #shownFork = -1
  #judged = 0
  #minuteStart = 0
  #timer: Disposable | null = null
  #closed = false

  constructor(options: ComparisonOptions) {
    this.#options = options
  }

  /** An upgrade to that length came from this peer and was taken, or went to it, who says if it does not fit. */
  agreed(length: number): void {
    const { log } = this.#options
    const { fork } = log
    this.#agreed = { fork, length: Math.max(length, this.#agreedLength) }
    if (length >= log.length) this.#stopTimer()
  }

  /** The peer's head or ours moved. */
  look(): void {
    const { log, remote } = this.#options
    if (this.#closed || !remote.synced) return
    if (log.frozen) this.#show()
    else if (relation(log, remote) === 'level' && log.length > this.#agreedLength) this.#ask()
  }

  /** It sent what does not fit our history: perhaps it has another, as well signed. */
  suspect(): void {
    if (!this.#closed && !this.#options.log.frozen) this.#ask()
  }

  /** A proof from 0 on, under id 0, asked for or not. */
  receive(proof: Proof): void {
    if (this.#closed || !this.#mayJudge()) return
    background(this.#judge(proof), (error) => this.#options.onFault(error))
  }

  close(): void {
    this.#closed = true
    this.#stopTimer()
  }

  #stopTimer(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = null
  }

  get #agreedLength(): number {
    return this.#agreed.fork === this.#options.log.fork ? this.#agreed.length : 0
  }

  #ask(): void {
    const { log, remote, send, env } = this.#options
    const length = Math.min(log.length, remote.length)
    if (length === 0 || remote.fork !== log.fork || this.#timer !== null) return
    const restMs = this.#askedAt + COMPARE_AFTER_MS - env.now()
    if (restMs > 0) {
      this.#timer = env.setTimer(restMs, () => {
        this.#timer = null
        this.look()
      })
      return
    }
    this.#askedAt = env.now()
    const proof = { ...emptyRequest, fork: log.fork, upgrade: { start: 0, length } }
    send.request({ id: UNSOLICITED_ID, proof, priority: 0 })
  }

  async #judge(proof: Proof): Promise<void> {
    const found = await this.#options.log.judge(proof)
    if (found === 'same' && proof.upgrade !== null) this.agreed(proof.upgrade.length)
  }

  /** Each costs a signature check. */
  #mayJudge(): boolean {
    const now = this.#options.env.now()
    if (now - this.#minuteStart > MINUTE_MS) {
      this.#minuteStart = now
      this.#judged = 0
    }
    return this.#judged++ < MAX_JUDGED_PER_MINUTE
  }

  /** Both histories, so that it convinces whichever of them the peer holds. Only who has that length can compare. */
  #show(): void {
    const { log, remote, send } = this.#options
    const { evidence } = log
    if (evidence === null || remote.fork !== log.fork || remote.length < evidence.length) return
    if (this.#shownFork === log.fork) return
    this.#shownFork = log.fork
    for (const proof of evidence.proofs) send.data({ id: UNSOLICITED_ID, proof })
  }
}
