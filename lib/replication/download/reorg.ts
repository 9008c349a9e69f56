// Reorg: follows a higher fork: head → common ancestor → adopted, one answer at a time. The history that we have
// stays whole until head and ancestor of the new one are verified. Owner of the search that is under way.
// Spec log.md section 11.1; reliability.md R9.
import type { Env } from '../../env.ts'
import { ProtocolError } from '../../errors.ts'
import type { Data } from '../messages.ts'
import type { Exchange } from '../model/exchange.ts'
import type { Asked } from '../model/types.ts'
import type { ForkSearch, ReplicatedLog } from '../replicated-log.ts'

/** What is about to happen to the log's history. */
export interface ReorgPlan {
  readonly fork: number
  readonly length: number
  /** Blocks below stay. */
  readonly ancestor: number
  /** Blocks that go. */
  readonly depth: number
}

export interface ReorgOptions {
  readonly log: ReplicatedLog
  readonly exchange: Exchange
  readonly env: Env
  /** Whether the log may be cut so deeply. */
  mayFollow(plan: ReorgPlan): boolean | Promise<boolean>
}

export class Reorg {
  readonly #options: ReorgOptions
  #search: ForkSearch | null = null

  constructor(options: ReorgOptions) {
    this.#options = options
  }

  /**
   * Takes the answer to a question about a higher fork.
   * @throws ProofError if it is false; StorageError
   */
  async take(asked: Asked, data: Data): Promise<void> {
    const { exchange, env } = this.#options
    const { forks } = exchange
    forks.busy = true
    try {
      await this.#step(asked, data)
    } catch (error) {
      this.#search = null
      forks.failed(env.now())
      throw error
    } finally {
      forks.busy = false
    }
  }

  async #step(asked: Asked, data: Data): Promise<void> {
    const { log, exchange } = this.#options
    const { forks } = exchange
    if (asked.request.fork <= log.fork) {
      this.#end()
      return
    }
    if (asked.request.upgrade !== null) this.#search = await log.follow(data.proof)
    else await this.#feed(asked, data)
    const search = this.#search
    if (search === null || search.fork <= log.fork) {
      this.#end()
      return
    }
    forks.search = { fork: search.fork, needs: search.needs }
    if (search.needs === null) await this.#moveTo(search)
  }

  /** @throws ProtocolError BAD_MESSAGE: an answer to something else */
  async #feed(asked: Asked, data: Data): Promise<void> {
    const search = this.#search
    if (search === null || search.fork !== asked.request.fork) return
    if (data.proof.fork !== search.fork) {
      throw new ProtocolError('BAD_MESSAGE', 'The answer is about another fork')
    }
    await search.feed(data.proof)
  }

  async #moveTo(search: ForkSearch): Promise<void> {
    const { log, exchange, env, mayFollow } = this.#options
    const { fork, length } = search
    const ancestor = search.ancestor ?? 0
    const plan = { fork, length, ancestor, depth: Math.max(0, log.length - ancestor) }
    if (await mayFollow(plan)) {
      if ((await log.moveTo(search)) === 'stored') exchange.forks.applied(env.now())
    } else exchange.forks.refuse(fork)
    this.#end()
  }

  #end(): void {
    this.#search = null
    this.#options.exchange.forks.search = null
  }
}
