// BatchView: blocks on top of a log that are not its own yet, in memory. Named sessions and atoms look at one; a commit
// makes them the log's.
import { type ViewStorage, viewStorage } from './atom.ts'
import type { Snapshots } from './snapshot-view.ts'
import type { Extent, View } from './view.ts'

export class BatchView implements View {
  readonly kind = 'batch'
  readonly name: string | null
  readonly storage: ViewStorage = viewStorage
  /** Snapshots of this batch. */
  readonly snapshots: Snapshots
  readonly #below: View
  #blocks: Uint8Array[] = []
  /** Of its own blocks. */
  #byteLength = 0
  #fork: number
  #baseLength: number
  #baseByteLength: number
  /** The log lost blocks that this stands on. */
  #isCutBelow = false

  constructor(below: View, name: string | null, snapshots: Snapshots) {
    this.name = name
    this.snapshots = snapshots
    this.#below = below
    this.#fork = below.fork
    this.#baseLength = below.length
    this.#baseByteLength = below.byteLength
  }

  get fork(): number {
    return this.#fork
  }

  get length(): number {
    return this.#baseLength + this.#blocks.length
  }

  get byteLength(): number {
    return this.#baseByteLength + this.#byteLength
  }

  get signedLength(): number {
    const length = this.name === null ? this.length : this.#baseLength
    return Math.min(length, this.#below.length)
  }

  /** An atom's changes stand for the log; a batch with a name is a thing of its own. */
  isDefault(): boolean {
    return this.name === null
  }

  isSnapshot(): boolean {
    return false
  }

  has(start: number, end: number): boolean {
    if (end > this.length) return false
    const below = Math.min(end, this.#baseLength)
    return start >= below || this.#below.has(start, below)
  }

  read(index: number, mayWait: boolean): Promise<Uint8Array | null> {
    if (index < this.#baseLength) return this.#below.read(index, mayWait)
    return Promise.resolve(this.#blocks[index - this.#baseLength] ?? null)
  }

  fetch(index: number, signal: AbortSignal): Promise<Uint8Array> {
    return this.#below.fetch(index, signal)
  }

  append(blocks: readonly Uint8Array[]): Extent {
    this.#setBlocks(this.#blocks.concat(blocks))
    return { length: this.length, byteLength: this.byteLength }
  }

  /** `baseByteLength`: of the log's first `length` blocks, if it is cut below what it has of its own. */
  truncate(length: number, fork: number, baseByteLength: number): void {
    this.#fork = fork
    this.#setBlocks(this.#blocks.slice(0, Math.max(0, length - this.#baseLength)))
    if (length >= this.#baseLength) return
    this.#baseLength = length
    this.#baseByteLength = baseByteLength
  }

  /** The log was cut down to a length. */
  baseCut(length: number): void {
    if (length < this.#baseLength) this.#isCutBelow = true
  }

  /** Blocks below are the log's, as it was when the batch was begun, or last committed. */
  get baseLength(): number {
    return this.#baseLength
  }

  /** Whether the log lost blocks that this stands on: it can be committed never more. */
  get isCutBelow(): boolean {
    return this.#isCutBelow
  }

  /** One of its own; null for all others. */
  blockAt(index: number): Uint8Array | null {
    return this.#blocks[index - this.#baseLength] ?? null
  }

  /** Its own blocks of [start, end). */
  blocksFrom(start: number, end: number): readonly Uint8Array[] {
    const from = Math.max(0, start - this.#baseLength)
    return this.#blocks.slice(from, Math.max(from, end - this.#baseLength))
  }

  /** For atoms: what the log is to become; null if nothing was changed, or what it stands on is gone. */
  get changes(): { start: number; fork: number; blocks: readonly Uint8Array[] } | null {
    if (this.#isCutBelow) return null
    return { start: this.#baseLength, fork: this.#fork, blocks: [...this.#blocks] }
  }

  /** What was committed is the log's. */
  committed(extent: Extent, fork: number = this.#fork): void {
    this.#fork = fork
    this.#setBlocks(this.#blocks.slice(Math.max(0, extent.length - this.#baseLength)))
    this.#baseLength = extent.length
    this.#baseByteLength = extent.byteLength
  }

  #setBlocks(blocks: Uint8Array[]): void {
    this.#blocks = blocks
    this.#byteLength = blocks.reduce((sum, block) => sum + block.byteLength, 0)
  }
}
