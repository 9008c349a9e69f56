// SharedTraffic: what bounds the traffic of several logs together, those of a store: switches, a rate for all of them,
// and a rate for each peer, whichever of the logs it is that flows. It holds besides what each log says for itself.
// Changed by the user at any time. Owner: the store.
import { toHex } from '../util/bytes.ts'
import type { Limit } from './limits.ts'
import { TokenBucket } from './model/token-bucket.ts'
import { type LimitOptions, limitOf, type RateLimit } from './rate-limit.ts'
import { Switches } from './switches.ts'

/** As LimitOptions; null: no limit any more. */
export type LimitChanges = { [Name in keyof LimitOptions]: LimitOptions[Name] | null }

/** With so many buckets of peers, of some 200 bytes each, it is looked which of them are needed no more. */
const FIRST_PRUNING = 64

export class SharedTraffic {
  readonly switches: Switches
  readonly upload: SharedLimit = new SharedLimit()
  readonly download: SharedLimit = new SharedLimit()

  constructor(options: { upload?: boolean; download?: boolean; limits?: LimitChanges } = {}) {
    this.switches = new Switches(options)
    this.setLimits(options.limits ?? {})
  }

  /** Those that are named; the others stay. */
  setLimits({ upload, download, uploadPerPeer, downloadPerPeer }: LimitChanges): void {
    if (upload !== undefined) this.upload.total = limitOf(upload)
    if (download !== undefined) this.download.total = limitOf(download)
    if (uploadPerPeer !== undefined) this.upload.perPeer = uploadPerPeer
    if (downloadPerPeer !== undefined) this.download.perPeer = downloadPerPeer
  }
}

/** Of one direction. */
export class SharedLimit {
  /** Of all logs and peers together. */
  total: RateLimit | null = null
  #perPeer: number | null = null
  /** Of peers with traffic lately. */
  readonly #buckets: Map<string | symbol, TokenBucket> = new Map()
  #pruneAt = FIRST_PRUNING

  /** Bytes per second of each peer; null: no limit. */
  get perPeer(): number | null {
    return this.#perPeer
  }

  /** What was taken before counts on. */
  set perPeer(bytesPerSecond: number | null) {
    this.#perPeer = bytesPerSecond
    if (bytesPerSecond === null) this.#buckets.clear()
    else for (const bucket of this.#buckets.values()) bucket.setRate(bytesPerSecond)
  }

  /** Peers whose traffic is remembered. */
  get remembered(): number {
    return this.#buckets.size
  }

  /** What holds for the peer with that public key; one whose key is not told is a peer of its own. */
  of(peer: Uint8Array | null): Limit {
    return new PeerShare(this, peer)
  }

  bucketOf(name: string | symbol): TokenBucket | undefined {
    return this.#buckets.get(name)
  }

  makeBucket(name: string | symbol, bytesPerSecond: number, now: number): TokenBucket {
    if (this.#buckets.size >= this.#pruneAt) this.#prune(now)
    const bucket = new TokenBucket(bytesPerSecond)
    this.#buckets.set(name, bucket)
    return bucket
  }

  /** A full bucket is as good as none. */
  #prune(now: number): void {
    for (const [name, bucket] of this.#buckets) if (bucket.isFull(now)) this.#buckets.delete(name)
    this.#pruneAt = Math.max(FIRST_PRUNING, 2 * this.#buckets.size)
  }
}

/** Finds the peer's bucket anew each time, so that it can be forgotten meanwhile. */
class PeerShare implements Limit {
  readonly #limit: SharedLimit
  readonly #peer: Uint8Array | null
  #name: string | symbol | null = null

  constructor(limit: SharedLimit, peer: Uint8Array | null) {
    this.#limit = limit
    this.#peer = peer
  }

  take(bytes: number, now: number): void {
    const { total, perPeer } = this.#limit
    total?.take(bytes, now)
    if (perPeer === null) return
    const name = this.#nameOfPeer()
    const bucket = this.#limit.bucketOf(name) ?? this.#limit.makeBucket(name, perPeer, now)
    bucket.take(bytes, now)
  }

  waitMs(now: number): number {
    const { total, perPeer } = this.#limit
    const waitMs = total?.waitMs(now) ?? 0
    if (perPeer === null) return waitMs
    return Math.max(waitMs, this.#limit.bucketOf(this.#nameOfPeer())?.waitMs(now) ?? 0)
  }

  #nameOfPeer(): string | symbol {
    this.#name ??= this.#peer === null ? Symbol('peer') : toHex(this.#peer)
    return this.#name
  }
}
