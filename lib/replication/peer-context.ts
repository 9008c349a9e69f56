// PeerContext: what a peer may use of its log's replicator, and has to tell it.
import type { Env } from '../env.ts'
import type { Proof, ProvenBlock } from '../merkle/proof.ts'
import type { Extensions } from './extensions.ts'
import type { Data } from './messages.ts'
import type { Exchange } from './model/exchange.ts'
import type { Asked, NeedId } from './model/types.ts'
import type { Peer } from './peer.ts'
import type { ReplicatedLog } from './replicated-log.ts'
import type { Permits } from './switches.ts'
import type { LimitSource } from './traffic.ts'
import type { SyncFlags } from './upload/advertiser.ts'

export interface PeerContext {
  readonly log: ReplicatedLog
  readonly exchange: Exchange
  readonly extensions: Extensions
  readonly env: Env
  /** Somebody here wants the log to be downloaded. */
  isWanted(): boolean
  /** At this moment, not only a while ago. */
  isPressing(): boolean
  /** What to tell the peer with that public key if its user lets so much flow. */
  flagsFor(permits: Permits, peer: Uint8Array | null): SyncFlags
  /** The peer may be asked something new. */
  onDirty(peer: Peer): void
  onSettled(peer: Peer, asked: Asked, data: Data | null, met: readonly NeedId[]): void
  /** Something that was not asked for was stored. */
  onPushed(peer: Peer, proof: Proof): void
  onUpload(peer: Peer, block: ProvenBlock): void
  onFault(peer: Peer, error: unknown): void
  onFull(peer: Peer, full: boolean): void
  /** The rate limits of a new peer. */
  readonly limits: LimitSource
  /** Neither side wants anything of the other. */
  onIdle(peer: Peer): void
  /** It holds more, or fewer, blocks from the begin on. */
  onProgress(peer: Peer): void
  /** The peer told of its head. */
  onHeads(): void
  /** The answer to a question about a higher fork. */
  onFork(asked: Asked, data: Data): Promise<void>
}
