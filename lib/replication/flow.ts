// Flow: what passes between us and one peer on one log: how fast, and within which limits. Owner of the meters. What
// is asked for is charged as it is asked, by the log's average, and put right when it comes, or is given up.
import type { Env } from '../env.ts'
import type { Proof } from '../merkle/proof.ts'
import type { Limits } from './limits.ts'
import { Meter } from './model/meter.ts'
import { averageBytes } from './model/pace.ts'
import { proofBytes } from './model/proof-bytes.ts'
import type { Asked } from './model/types.ts'
import type { ReplicatedLog } from './replicated-log.ts'

export class Flow {
  readonly #log: ReplicatedLog
  readonly #env: Env
  readonly #limits: Limits
  #down: Meter | null = null
  #up: Meter | null = null

  constructor(log: ReplicatedLog, env: Env, downloadLimits: Limits) {
    this.#log = log
    this.#env = env
    this.#limits = downloadLimits
  }

  /** How long until the peer may be asked again without too much coming in; 0: now. */
  waitMs(now: number): number {
    return this.#limits.waitMs(now)
  }

  /** Of blocks and proofs, lately. */
  bytesPerSecond(now: number): { down: number; up: number } {
    return {
      down: this.#down?.perSecond(now) ?? 0,
      up: this.#up?.perSecond(now) ?? 0
    }
  }

  sent(proof: Proof): void {
    this.#up ??= new Meter()
    this.#up.add(proofBytes(proof), this.#env.now())
  }

  arrived(proof: Proof): void {
    const [bytes, now] = [proofBytes(proof), this.#env.now()]
    this.#down ??= new Meter()
    this.#down.add(bytes, now)
    this.#limits.take(bytes, now)
  }

  asked({ request }: Asked): void {
    if (request.block !== null) this.#limits.take(averageBytes(this.#log), this.#env.now())
  }

  /** What it asked for has come, and counts as it came; or is not to come any more. */
  ended({ request }: Asked): void {
    if (request.block !== null) this.#limits.take(-averageBytes(this.#log), this.#env.now())
  }
}
