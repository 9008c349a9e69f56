// Insight: where a log stands towards its peers, told when somebody asks. Looks, and changes nothing.
import type { Env } from '../env.ts'
import type { LazyMap } from '../util/lazy.ts'
import { countHeld, countOffered, countShared } from './model/counting.ts'
import type { Exchange } from './model/exchange.ts'
import type { Explanation, Obstacle } from './model/explain.ts'
import type { PeerId } from './model/types.ts'
import type { Peer } from './peer.ts'
import type { ReplicatedLog } from './replicated-log.ts'

/** One peer, as it told us, and what flows. */
export interface PeerStatus {
  /** Of the other end of the connection; null where the stream below does not tell. */
  readonly remotePublicKey: Uint8Array | null
  readonly fork: number
  readonly length: number
  /** Blocks that it says it holds. */
  readonly have: number
  /** Those of them that are not here; 0 while the forks differ. */
  readonly want: number
  /** Blocks that are here and that it has not said it holds. */
  readonly missing: number
  /** What it was asked for and has not sent: blocks, and about how many bytes that is, by the average of the log. */
  readonly inFlight: { readonly blocks: number; readonly bytes: number }
  /** Of blocks and their proofs, averaged over some seconds. */
  readonly bytesPerSecond: { readonly down: number; readonly up: number }
  /** How long its quickest answers take; null: none has come. */
  readonly roundTripMs: number | null
  /** It gives blocks away. */
  readonly uploading: boolean
  /** It wants blocks. */
  readonly downloading: boolean
  /** It sent something false and is not asked for a while. */
  readonly distrusted: boolean
  /** Why it is not asked for anything now; null: nothing keeps us but that there is nothing to ask. */
  readonly waitingBecause: Obstacle | 'frozen' | 'disk' | null
}

export interface SyncStatus {
  readonly length: number
  /** Blocks that are here, and that are not. */
  readonly held: number
  readonly missing: number
  readonly peers: readonly PeerStatus[]
}

export interface InsightOptions {
  readonly log: ReplicatedLog
  readonly env: Env
  readonly exchange: Exchange
  readonly peers: LazyMap<PeerId, Peer>
}

export class Insight {
  readonly #options: InsightOptions

  constructor(options: InsightOptions) {
    this.#options = options
  }

  /** Counts all of the log, once and once more per peer. */
  status(): SyncStatus {
    const { log, peers } = this.#options
    const { length } = log
    const held = countHeld(log, 0, length)
    const told = [...peers.values()].map((peer) => this.#statusOf(peer, held))
    return { length, held, missing: length - held, peers: told }
  }

  explain(index: number): Explanation {
    const { exchange, env } = this.#options
    return exchange.explain(index, env.now())
  }

  #statusOf(peer: Peer, held: number): PeerStatus {
    const { log, exchange, env } = this.#options
    const { id, remote, remotePublicKey } = peer
    const { fork, length, uploading, downloading, distrusted } = remote
    const isSameFork = fork === log.fork
    const have = countOffered(remote, 0, length)
    const shared = isSameFork ? countShared(log, remote, 0, Math.min(length, log.length)) : 0
    return {
      remotePublicKey,
      fork,
      length,
      have,
      want: isSameFork ? have - shared : 0,
      missing: isSameFork ? held - shared : 0,
      inFlight: { blocks: exchange.inflight.askedOf(id), bytes: exchange.expectedBytes(id) },
      bytesPerSecond: peer.flow.bytesPerSecond(env.now()),
      roundTripMs: exchange.inflight.roundTripMs(id),
      uploading,
      downloading,
      distrusted,
      waitingBecause: exchange.obstacle(id)
    }
  }
}
