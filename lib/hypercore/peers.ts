// Peers as Hypercore shows them: one object per peer for as long as it is connected, with its numbers as they are now.
import type { PeerInfo } from '../log/peer-info.ts'
import { toBuffer } from '../util/bytes.ts'

export class CorePeer {
  /** Of the other end of the connection; null where the stream below does not tell. */
  readonly remotePublicKey: Buffer | null
  readonly #info: PeerInfo

  constructor(info: PeerInfo) {
    this.remotePublicKey = info.remotePublicKey === null ? null : toBuffer(info.remotePublicKey)
    this.#info = info
  }

  /** What packages look at in the connection. */
  get stream(): { readonly publicKey: Buffer | null; readonly remotePublicKey: Buffer | null } {
    const { publicKey } = this.#info
    return {
      publicKey: publicKey === null ? null : toBuffer(publicKey),
      remotePublicKey: this.remotePublicKey
    }
  }

  get remoteFork(): number {
    return this.#info.fork
  }

  get remoteLength(): number {
    return this.#info.length
  }

  get remoteContiguousLength(): number {
    return this.#info.contiguousLength
  }

  /** Whether it is worth to be asked for anything. */
  get remoteOpened(): boolean {
    return !this.#info.distrusted
  }
}

/** The one CorePeer of each PeerInfo. */
export class CorePeers {
  readonly #peers: WeakMap<PeerInfo, CorePeer> = new WeakMap()
  readonly #infos: WeakMap<CorePeer, PeerInfo> = new WeakMap()

  /** What it is made of; undefined if it is of another log. */
  infoOf(peer: CorePeer): PeerInfo | undefined {
    return this.#infos.get(peer)
  }

  of(info: PeerInfo): CorePeer {
    let peer = this.#peers.get(info)
    if (peer === undefined) {
      peer = new CorePeer(info)
      this.#peers.set(info, peer)
      this.#infos.set(peer, info)
    }
    return peer
  }
}
