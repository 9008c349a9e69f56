// PeerInfo: what users may know of a peer, as it is at the moment of asking.
import type { Peer } from '../replication/peer.ts'

/** One object per peer for as long as it is connected. */
export interface PeerInfo {
  /** Of the other end of the connection; null where the stream below does not tell. */
  readonly remotePublicKey: Uint8Array | null
  /** Ours, on that connection. */
  readonly publicKey: Uint8Array | null
  /** As it told us. */
  readonly fork: number
  readonly length: number
  /** It holds all blocks below. */
  readonly contiguousLength: number
  /** It sent something false and is not asked for a while. */
  readonly distrusted: boolean
}

const infos: WeakMap<Peer, PeerInfo> = new WeakMap()

export function peerInfo(peer: Peer): PeerInfo {
  let info = infos.get(peer)
  if (info === undefined) {
    info = new LivePeerInfo(peer)
    infos.set(peer, info)
  }
  return info
}

/** Whom it is about; null if it is none of ours. */
export function peerOf(info: PeerInfo): Peer | null {
  return info instanceof LivePeerInfo ? info.peer() : null
}

class LivePeerInfo implements PeerInfo {
  readonly #peer: Peer

  constructor(peer: Peer) {
    this.#peer = peer
  }

  peer(): Peer {
    return this.#peer
  }

  get remotePublicKey(): Uint8Array | null {
    return this.#peer.remotePublicKey
  }

  get publicKey(): Uint8Array | null {
    return this.#peer.publicKey
  }

  get fork(): number {
    return this.#peer.remote.fork
  }

  get length(): number {
    return this.#peer.remote.length
  }

  get contiguousLength(): number {
    return this.#peer.remote.held
  }

  get distrusted(): boolean {
    return this.#peer.remote.distrusted
  }
}
