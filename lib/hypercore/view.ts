// View: what a session looks at. The log as it is (here), as it was (snapshot-view.ts), or with blocks that are not
// its own yet (batch-view.ts). Sessions of one log may share a view.
import type { Log } from '../log/log.ts'
import { type ViewStorage, viewStorage } from './atom.ts'

export interface Extent {
  readonly length: number
  readonly byteLength: number
}

export interface View extends Extent {
  readonly kind: 'live' | 'snapshot' | 'batch'
  /** Of a batch; null for all others. */
  readonly name: string | null
  readonly fork: number
  readonly storage: ViewStorage
  /** Blocks below are the log's own. */
  readonly signedLength: number
  /** Whether all blocks of [start, end) are here. */
  has(start: number, end: number): boolean
  /** The block if it is here. `mayWait`: a damaged one may be fetched anew. */
  read(index: number, mayWait: boolean): Promise<Uint8Array | null>
  /** The block from peers. @throws HypercoreError SNAPSHOT_NOT_AVAILABLE; what Log.get throws */
  fetch(index: number, signal: AbortSignal): Promise<Uint8Array>
  /** Whether it is the log as it is, or with the changes of an atom. */
  isDefault(): boolean
  isSnapshot(): boolean
}

export class LiveView implements View {
  readonly kind = 'live'
  readonly name: null = null
  readonly storage: ViewStorage = viewStorage
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  get fork(): number {
    return this.#log.fork
  }

  get length(): number {
    return this.#log.length
  }

  get byteLength(): number {
    return this.#log.byteLength
  }

  get signedLength(): number {
    return this.#log.length
  }

  has(start: number, end: number): boolean {
    return this.#log.has(start, end)
  }

  read(index: number, mayWait: boolean): Promise<Uint8Array | null> {
    if (!this.#log.has(index)) return Promise.resolve(null)
    return mayWait ? this.#log.get(index) : this.#log.read(index)
  }

  fetch(index: number, signal: AbortSignal): Promise<Uint8Array> {
    return this.#log.get(index, { signal })
  }

  isDefault(): boolean {
    return true
  }

  isSnapshot(): boolean {
    return false
  }
}
