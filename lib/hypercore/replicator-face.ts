// ReplicatorFace: what packages look at in `core.replicator`, over what the shared core really does.
import type { Mux } from '../mux/mux.ts'
import type { CorePeer } from './peers.ts'
import { type ActiveRequests, clearRequests } from './requests.ts'

/** What it shows. */
export interface ReplicatorSource {
  readonly peers: CorePeer[]
  readonly findingPeers: number
  readonly isWanted: boolean
  isAttached(mux: Mux): boolean
  attach(mux: Mux): void
}

export class ReplicatorFace {
  /** [least, most] requests under way to one peer, as it was set; the windows here follow each peer's pace. */
  inflightRange: readonly [number, number] | null = null
  readonly #source: ReplicatorSource

  constructor(source: ReplicatorSource) {
    this.#source = source
  }

  get peers(): CorePeer[] {
    return this.#source.peers
  }

  get findingPeers(): number {
    return this.#source.findingPeers
  }

  /** Whether a session wants the core to be downloaded. */
  get downloading(): boolean {
    return this.#source.isWanted
  }

  isDownloading(): boolean {
    return this.downloading
  }

  attached(mux: Mux): boolean {
    return this.#source.isAttached(mux)
  }

  attachTo(mux: Mux): void {
    this.#source.attach(mux)
  }

  setInflightRange(range: readonly [number, number] | null): void {
    this.inflightRange = range
  }

  clearRequests(requests: ActiveRequests, error?: Error | null): void {
    clearRequests(requests, error)
  }

  /** What may be asked is looked at whenever something changes. */
  updateAll(): void {}

  queueUpdateAll(): void {}
}
