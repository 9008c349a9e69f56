// Switches: what may flow, in each direction, with all peers of a log, or of a store, and with single ones. A peer's own
// setting stands in for the one for all. Owner of both. Changed by the user at any time.
import { toHex } from '../util/bytes.ts'

/** Seen from here: what goes out, and what comes in. */
export type Direction = 'upload' | 'download'
export interface Permits {
  readonly upload: boolean
  readonly download: boolean
}

export class Switches {
  #log: Permits
  #peers: Map<string, Partial<Permits>> | null = null

  constructor(log: Partial<Permits> = {}) {
    this.#log = { upload: log.upload ?? true, download: log.download ?? true }
  }

  /** For all peers that have no setting of their own. */
  set(direction: Direction, on: boolean): void {
    this.#log = { ...this.#log, [direction]: on }
  }

  /** For the peer with that public key, also before it connects; null: as the log's again. */
  setFor(peer: Uint8Array, direction: Direction, on: boolean | null): void {
    const key = toHex(peer)
    const { [direction]: _, ...others } = this.#peers?.get(key) ?? {}
    const next: Partial<Permits> = on === null ? others : { ...others, [direction]: on }
    this.#peers ??= new Map()
    if (Object.keys(next).length === 0) this.#peers.delete(key)
    else this.#peers.set(key, next)
  }

  of(peer: Uint8Array | null): Permits {
    if (peer === null || this.#peers === null || this.#peers.size === 0) return this.#log
    return { ...this.#log, ...this.#peers.get(toHex(peer)) }
  }
}
