// Downloader: answers of one peer → claim → accept → settle. Decides nothing about what is asked.
import type { Env } from '../../env.ts'
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
  onFault(error: unknown): void
}

export class Downloader {
  readonly #options: DownloaderOptions

  constructor(options: DownloaderOptions) {
    this.#options = options
  }

  receive(data: Data): void {
    const { exchange, peer, env, onFault } = this.#options
    const byteLength = data.proof.block?.value.byteLength ?? 0
    const asked = exchange.arrived(peer, data.id, byteLength, env.now())
    if (asked === null) return
    if (!isAnswer(data, asked)) {
      this.#refuse(asked, byteLength)
      return
    }
    background(this.#accept(asked, data, byteLength), onFault)
  }

  /** The peer cannot answer: it is not asked for the same again until it announces it anew. */
  refused({ id }: NoData): void {
    const { exchange, peer, env } = this.#options
    const asked = exchange.arrived(peer, id, 0, env.now())
    if (asked !== null) this.#refuse(asked, 0)
  }

  async #accept(asked: Asked, data: Data, byteLength: number): Promise<void> {
    const { log, exchange, onSettled, onFault } = this.#options
    let met: NeedId[] = []
    try {
      if (data.proof.fork === log.fork) await log.accept(data.proof)
    } catch (error) {
      met = exchange.settle(asked, byteLength)
      onSettled(asked, null, met)
      onFault(error)
      return
    }
    met = exchange.settle(asked, byteLength)
    onSettled(asked, data, met)
  }

  #refuse(asked: Asked, byteLength: number): void {
    const { exchange, remote, onSettled } = this.#options
    const { block, hash, upgrade } = asked.request
    if (block !== null) remote.lacks(block.index)
    else if (hash !== null) remote.lacks(hash.nodeIndex / 2)
    if (upgrade !== null) remote.canUpgrade = false
    onSettled(asked, null, exchange.settle(asked, byteLength))
  }
}

/** Whether the answer holds what was asked, and no upgrade that was not (spec replication.md section 10.1). */
function isAnswer({ proof }: Data, { request }: Asked): boolean {
  const { block, hash, seek, upgrade } = proof
  const nothingElse =
    block === null && hash === null && seek === null && upgrade === null && proof.manifest !== null
  if (nothingElse) return request.manifest
  return (
    proof.fork === request.fork &&
    block?.index === request.block?.index &&
    (request.block !== null || hash?.nodeIndex === request.hash?.nodeIndex) &&
    (seek === null || seek.byteOffset === request.seek?.byteOffset) &&
    (upgrade === null) === (request.upgrade === null)
  )
}
