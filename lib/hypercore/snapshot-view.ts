// SnapshotView: the log, or a batch, as it was at one moment. What is cut off afterwards stays readable if it was here:
// whoever cuts asks the snapshots first, which keep those bytes in memory (KeptBlocks), up to a limit.
import { type ViewStorage, viewStorage } from './atom.ts'
import { HypercoreError } from './errors.ts'
import type { View } from './view.ts'

/** Bytes of blocks that snapshots of one log keep; what is cut beyond that is not available to them. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024

export class SnapshotView implements View {
  readonly kind = 'snapshot'
  readonly name: string | null
  readonly storage: ViewStorage = viewStorage
  readonly fork: number
  readonly length: number
  readonly byteLength: number
  readonly #below: View
  readonly #kept: Map<number, Uint8Array> = new Map()
  readonly #signedLength: number
  #sharedLength: number

  constructor(below: View) {
    this.#below = below
    this.name = below.name
    this.fork = below.fork
    this.length = below.length
    this.byteLength = below.byteLength
    this.#signedLength = below.signedLength
    this.#sharedLength = below.length
  }

  get signedLength(): number {
    return Math.min(this.#signedLength, this.#sharedLength)
  }

  /** Blocks below are the same in what this is a snapshot of. */
  get sharedLength(): number {
    return this.#sharedLength
  }

  has(start: number, end: number): boolean {
    for (let index = Math.max(start, this.#sharedLength); index < end; index++) {
      if (!this.#kept.has(index)) return false
    }
    const shared = Math.min(end, this.#sharedLength)
    return start >= shared || this.#below.has(start, shared)
  }

  async read(index: number, mayWait: boolean): Promise<Uint8Array | null> {
    const kept = this.#kept.get(index)
    if (kept !== undefined || index >= this.#sharedLength) return kept ?? null
    const block = await this.#below.read(index, mayWait)
    // Cut meanwhile: what was read may be another history's.
    return index < this.#sharedLength ? block : (this.#kept.get(index) ?? null)
  }

  async fetch(index: number, signal: AbortSignal): Promise<Uint8Array> {
    this.check(index)
    const block = await this.#below.fetch(index, signal)
    this.check(index)
    return block
  }

  isDefault(): boolean {
    return false
  }

  isSnapshot(): boolean {
    return true
  }

  /** What is below was cut down to here. */
  cut(length: number): void {
    this.#sharedLength = Math.min(this.#sharedLength, length)
  }

  keep(index: number, block: Uint8Array): void {
    if (index < this.#sharedLength) this.#kept.set(index, block)
  }

  /** @throws HypercoreError SNAPSHOT_NOT_AVAILABLE if it cannot come any more */
  check(index: number): void {
    if (index < this.#sharedLength) return
    throw new HypercoreError('SNAPSHOT_NOT_AVAILABLE', `Block ${index} is not in the snapshot`)
  }
}

/** The snapshots of one view, each with the number of its sessions, and what they keep of it. */
export class Snapshots {
  readonly #views: Map<SnapshotView, number> = new Map()
  #keptBytes = 0

  acquire(view: SnapshotView): void {
    this.#views.set(view, (this.#views.get(view) ?? 0) + 1)
  }

  release(view: SnapshotView): void {
    const sessions = (this.#views.get(view) ?? 0) - 1
    if (sessions > 0) this.#views.set(view, sessions)
    else this.#views.delete(view)
    if (this.#views.size === 0) this.#keptBytes = 0
  }

  /** Blocks of [start, end) are about to go: those that a snapshot shares are read for it, as far as they are here. */
  async keep(from: View, start: number, end: number): Promise<void> {
    const shared = Math.max(0, ...[...this.#views.keys()].map((view) => view.sharedLength))
    for (let index = start; index < Math.min(end, shared); index++) {
      if (this.#keptBytes >= MAX_KEPT_BYTES) return
      if (!from.has(index, index + 1)) continue
      const block = await from.read(index, false).catch(() => null)
      if (block === null) continue
      this.#keptBytes += block.byteLength
      for (const view of this.#views.keys()) view.keep(index, block)
    }
  }

  cut(length: number): void {
    for (const view of this.#views.keys()) view.cut(length)
  }
}
