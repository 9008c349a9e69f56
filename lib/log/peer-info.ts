// PeerInfo: what users may know of a peer, as it is at the moment of asking.
import type { Peer } from '../replication/peer.ts'

export interface PeerInfo {
  /** Of the other end of the connection; null where the stream below does not tell. */
  readonly remotePublicKey: Uint8Array | null
  /** As it told us. */
  readonly fork: number
  readonly length: number
  /** It holds all blocks below. */
  readonly contiguousLength: number
  /** It sent something false and is not asked any more. */
  readonly distrusted: boolean
}

export function peerInfo({ remote, remotePublicKey }: Peer): PeerInfo {
  return {
    remotePublicKey,
    fork: remote.fork,
    length: remote.length,
    contiguousLength: Math.min(remote.contiguousLength, remote.length),
    distrusted: remote.distrusted
  }
}
