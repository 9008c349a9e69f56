// Pushed: blocks that a peer sends without being asked, taken as answers are: verified first, one after the other.
// What is here already costs nothing; what does not fit what we know is dropped, for the sender may have known an
// older state of ours, but not on and on. Spec replication.md section 13.
import type { Env } from '../../env.ts'
import { ProofError } from '../../errors.ts'
import type { Proof } from '../../merkle/proof.ts'
import { background } from '../../util/background.ts'
import { RateCounter } from '../../util/rate-counter.ts'
import {
  MAX_MISFIT_PUSHES_PER_MINUTE,
  MAX_PUSHED_BYTES,
  MAX_PUSHED_UNDER_WAY
} from '../constants.ts'
import { proofBytes } from '../model/proof-bytes.ts'
import type { RemoteLog } from '../model/remote-log.ts'
import type { ReplicatedLog } from '../replicated-log.ts'

export interface PushedOptions {
  readonly log: ReplicatedLog
  readonly remote: RemoteLog
  readonly env: Env
  /** Something new was stored. */
  onStored(proof: Proof): void
  onFault(error: unknown): void
}

/** The log moves on once for each upgrade that is in flight, which is one. */
const MAX_ATTEMPTS = 3

export class Pushed {
  readonly #options: PushedOptions
  readonly #misfits: RateCounter = new RateCounter()
  #last: Promise<void> = Promise.resolve()
  #underWay = 0
  #bytes = 0

  constructor(options: PushedOptions) {
    this.#options = options
  }

  /** Past the bounds it is dropped: what we lack is asked for anyway. */
  receive(proof: Proof): void {
    const bytes = proofBytes(proof)
    if (this.#underWay >= MAX_PUSHED_UNDER_WAY || this.#bytes + bytes > MAX_PUSHED_BYTES) return
    this.#underWay++
    this.#bytes += bytes
    this.#last = this.#last.then(() => this.#take(proof, bytes))
    background(this.#last, this.#options.onFault)
  }

  async #take(proof: Proof, bytes: number): Promise<void> {
    try {
      await this.#accept(proof)
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#underWay--
      this.#bytes -= bytes
    }
  }

  async #accept(proof: Proof): Promise<void> {
    const { log, remote, onStored } = this.#options
    const { block, upgrade } = proof
    if (proof.fork !== log.fork || log.frozen || remote.distrusted) return
    if (block !== null && upgrade === null && log.has(block.index)) return
    // An upgrade that we asked for may come in between: what the push brings beside its head is still good then.
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const accepted = await log.accept(proof)
      if (accepted === 'stored') onStored(proof)
      if (accepted !== 'outdated') return
    }
  }

  #failed(error: unknown): void {
    const { env, onFault } = this.#options
    const isMisfit = error instanceof ProofError && error.code === 'BAD_MESSAGE'
    if (isMisfit && this.#misfits.count(env.now()) <= MAX_MISFIT_PUSHES_PER_MINUTE) return
    onFault(error)
  }
}
