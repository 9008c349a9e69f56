// Downloader: answers of one peer → claim → accept → settle. Decides nothing about what is asked.
import type { Env } from '../../env.ts'
import { ProofError } from '../../errors.ts'
import { blockOf } from '../../merkle/flat-tree.ts'
import { background } from '../../util/background.ts'
import type { Data, NoData } from '../messages.ts'
import type { Exchange } from '../model/exchange.ts'
import type { RemoteLog } from '../model/remote-log.ts'
import type { Asked, NeedId, PeerId } from '../model/types.ts'
import type { ReplicatedLog } from '../replicated-log.ts'

export interface DownloaderOptions {
  readonly peer: PeerId
  readonly remote: RemoteLog
  readonly log: ReplicatedLog
  readonly exchange: Exchange
  readonly env: Env
  /** The log moved on, or a claim ended: there may be needs to meet and questions to ask. */
  onSettled(asked: Asked, data: Data | null, met: readonly NeedId[]): void
  /** A question is answered, one way or the other. */
  onAnswered(asked: Asked): void
  onFault(error: unknown): void
  /** The answer to a question about a higher fork. @throws ProofError, StorageError */
  onFork(asked: Asked, data: Data): Promise<void>
  /** An upgrade from this peer was taken: its history is ours up to there. */
  onUpgraded(length: number): void
}

interface Arrival {
  readonly asked: Asked
  readonly data: Data
  readonly byteLength: number
}

export class Downloader {
  readonly #options: DownloaderOptions
  /** Answers that build on earlier ones which are not in yet, in order. */
  #parked: Arrival[] = []
  #last: Promise<void> = Promise.resolve()

  constructor(options: DownloaderOptions) {
    this.#options = options
  }

  receive(data: Data): void {
    const { exchange, peer, env } = this.#options
    const byteLength = data.proof.block?.value.byteLength ?? 0
    const asked = exchange.arrived(peer, data.id, byteLength, env.now())
    if (asked === null) return
    this.#options.onAnswered(asked)
    const isOfFork = asked.request.fork > this.#options.log.fork
    if (!isAnswer(data, asked, isOfFork)) this.#refuse(asked, byteLength)
    else if (asked.assumes) this.#park({ asked, data, byteLength })
    else this.#take({ asked, data, byteLength })
    this.unpark()
  }

  /** The peer cannot answer: it is not asked for the same again until it announces it anew. */
  refused({ id }: NoData): void {
    const { exchange, peer, env } = this.#options
    const asked = exchange.arrived(peer, id, 0, env.now())
    if (asked !== null) {
      this.#options.onAnswered(asked)
      this.#refuse(asked, 0)
    }
    this.unpark()
  }

  /** Takes the answers that waited for earlier ones, as far as those are in, or given up. */
  unpark(): void {
    let first = this.#parked[0]
    while (first !== undefined && !this.#options.exchange.inflight.isAhead(first.asked)) {
      this.#parked.shift()
      this.#take(first)
      first = this.#parked[0]
    }
  }

  #park(arrival: Arrival): void {
    let at = this.#parked.length
    while (at > 0 && this.#parked[at - 1]!.asked.id > arrival.asked.id) at--
    this.#parked.splice(at, 0, arrival)
  }

  #take(arrival: Arrival): void {
    this.#last = this.#accept(arrival, this.#last)
    background(this.#last, this.#options.onFault)
  }

  async #accept(arrival: Arrival, earlier: Promise<void>): Promise<void> {
    const { log, onFault, onUpgraded } = this.#options
    const { asked, data, byteLength } = arrival
    let isStored = false
    try {
      isStored = await this.#store(arrival, earlier)
    } catch (error) {
      // Whatever it gives when it is asked again, it is not asked for this.
      if (error instanceof ProofError) this.#correct(asked)
      this.#settle(asked, null, byteLength)
      onFault(error)
      return
    }
    if (isStored && data.proof.upgrade !== null) {
      this.#options.remote.headProven()
      onUpgraded(log.length)
    }
    this.#settle(asked, isStored ? data : null, byteLength)
  }

  #settle(asked: Asked, data: Data | null, byteLength: number): void {
    const { exchange, remote, log, onSettled } = this.#options
    // It said that it knows who may sign, and did not tell: it is not asked for that again until its next sync.
    if (isForManifestAlone(asked) && !log.hasManifest) remote.hasManifest = false
    onSettled(asked, data, exchange.settle(asked, byteLength))
  }

  /**
   * Stores what an answer proves; false if it was made for another state of the log. One that builds on earlier answers may come before those are taken in, if
   * that needed the disk; then it is tried again after them. A peer whose answers do not even fit then does
   * not keep their order, and its questions are asked so that each answer stands alone.
   */
  async #store({ asked, data }: Arrival, earlier: Promise<void>): Promise<boolean> {
    const { log, remote, onFork } = this.#options
    if (asked.request.fork > log.fork) {
      await onFork(asked, data)
      return false
    }
    if (data.proof.fork !== log.fork) return false
    try {
      return (await log.accept(data.proof)) !== 'outdated'
    } catch (error) {
      if (!asked.assumes || !isMisfit(error)) throw error
    }
    await earlier
    try {
      return (await log.accept(data.proof)) !== 'outdated'
    } catch (error) {
      if (!isMisfit(error)) throw error
      remote.keepsOrder = false
      return false
    }
  }

  #refuse(asked: Asked, byteLength: number): void {
    this.#correct(asked)
    this.#settle(asked, null, byteLength)
  }

  /** The peer does not have, or cannot prove, what it was asked for, although it told so. */
  #correct(asked: Asked): void {
    const { exchange, remote, log, env } = this.#options
    const { block, hash, upgrade, fork } = asked.request
    const now = env.now()
    // What it told of since may be of another fork: then this says nothing about that.
    const isAbout = fork === remote.fork
    if (fork > log.fork) {
      exchange.forks.failed(now)
      if (isAbout) remote.headUnproven(now)
    } else if (isAbout) {
      if (block !== null) remote.lacks(block.index)
      else if (hash !== null) remote.lacks(blockOf(hash.nodeIndex))
      if (upgrade !== null) remote.headUnproven(now)
    }
  }
}

function isForManifestAlone({ request }: Asked): boolean {
  const { manifest, block, hash, seek, upgrade } = request
  return manifest && block === null && hash === null && seek === null && upgrade === null
}

/** The proof ends at a node that is not known here. */
function isMisfit(error: unknown): boolean {
  return error instanceof ProofError && error.code === 'BAD_MESSAGE'
}

/**
 * Whether the answer holds what was asked, and no upgrade that was not (spec replication.md section 10.1). Who does not
 * have it may at least send the manifest; of a fork that is not ours, that alone is worth nothing.
 */
function isAnswer({ proof }: Data, { request }: Asked, isOfFork: boolean): boolean {
  const { block, hash, seek, upgrade } = proof
  const nothingElse =
    block === null && hash === null && seek === null && upgrade === null && proof.manifest !== null
  if (nothingElse) return request.manifest && !isOfFork
  return (
    proof.fork === request.fork &&
    block?.index === request.block?.index &&
    (request.block !== null || hash?.nodeIndex === request.hash?.nodeIndex) &&
    (seek === null || seek.byteOffset === request.seek?.byteOffset) &&
    (upgrade === null) === (request.upgrade === null)
  )
}
