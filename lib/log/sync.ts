// Where a log stands towards its peers, for its user: status, the moment of having caught up, and why a block is not
// here.

import type { Obstacle } from '../replication/model/explain.ts'
import type { Peer } from '../replication/peer.ts'
import { checkBytes, checkInteger, checkOptions } from '../util/options.ts'
import type { OpenedLog } from './opened-log.ts'

export interface SyncedOptions {
  /** Only the peer with this public key counts, once it is connected; by default all who are, and at least one. */
  with?: Uint8Array
  /** First block that has to be here; 0 by default. */
  start?: number
  /** One past the last: then only these blocks count, whoever is connected. By default as far as those know who count. */
  end?: number
  signal?: AbortSignal
}

/** Why a block is not here: the first thing that has to change before it can come. */
export type BlockExplanation =
  /** here: it is. not-wanted: no call waits for it, no download covers it. */
  | { readonly reason: 'here' | 'not-wanted' | 'no-peers' | 'frozen' | 'disk' }
  /** Asked of this peer, or come from it and not stored yet, since so many milliseconds. */
  | {
      readonly reason: 'in-flight' | 'verifying'
      readonly peer: Uint8Array | null
      readonly forMs: number
    }
  /** What keeps the peer that is nearest to deliver it. */
  | { readonly reason: Obstacle; readonly peer: Uint8Array | null }

/** @throws ArgumentError; as Replicator.synced */
export function whenSynced({ replicator }: OpenedLog, options: SyncedOptions): Promise<void> {
  checkOptions(options, ['with', 'start', 'end', 'signal'], 'synced')
  const { with: peer = null, start = 0, end = null, signal } = options
  if (peer !== null) checkBytes(peer, 'synced: with', 32)
  checkInteger(start, 0, 'synced: start')
  if (end !== null) checkInteger(end, start, 'synced: end')
  return replicator.synced({ peer, start, end }, signal)
}

/** @throws ArgumentError */
export function explainBlock({ replicator }: OpenedLog, index: number): BlockExplanation {
  checkInteger(index, 0, 'explain: index')
  const told = replicator.insight.explain(index)
  if (!('peer' in told)) return told
  const key = keyOf(replicator.peers, told.peer)
  return 'forMs' in told ? { ...told, peer: key } : { ...told, peer: key }
}

function keyOf(peers: Iterable<Peer>, id: number | null): Uint8Array | null {
  for (const peer of peers) if (peer.id === id) return peer.remotePublicKey
  return null
}
