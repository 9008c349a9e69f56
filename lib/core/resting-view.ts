// RestingView: what is known at once of a log, asked of whatever knows it now: the core if the log is awake, else what
// stayed in memory of it.
// Owner: RestingCore, which extends it.
import { Resource } from '../util/resource.ts'
import type { CoreView } from './log-core.ts'

export abstract class RestingView extends Resource implements CoreView {
  protected view: CoreView

  protected constructor(view: CoreView) {
    super()
    this.view = view
  }

  get fork(): number {
    return this.view.fork
  }

  get length(): number {
    return this.view.length
  }

  get byteLength(): number {
    return this.view.byteLength
  }

  get contiguousLength(): number {
    return this.view.contiguousLength
  }

  get durableLength(): number {
    return this.view.durableLength
  }

  get hasManifest(): boolean {
    return this.view.hasManifest
  }

  get frozen(): boolean {
    return this.view.frozen
  }

  get evidence(): CoreView['evidence'] {
    return this.view.evidence
  }

  get tree(): CoreView['tree'] {
    return this.view.tree
  }

  get writable(): boolean {
    return this.view.writable
  }

  get canSync(): boolean {
    return this.view.canSync
  }

  get behind(): CoreView['behind'] {
    return this.view.behind
  }

  get conflict(): CoreView['conflict'] {
    return this.view.conflict
  }

  get keyPair(): CoreView['keyPair'] {
    return this.view.keyPair
  }

  get manifest(): CoreView['manifest'] {
    return this.view.manifest
  }

  get damages(): CoreView['damages'] {
    return this.view.damages
  }

  get userDataNames(): readonly string[] {
    return this.view.userDataNames
  }

  has(index: number): boolean {
    return this.view.has(index)
  }

  holds(index: number): boolean {
    return this.view.holds(index)
  }

  holdsAll(start: number, end: number): boolean {
    return this.view.holdsAll(start, end)
  }

  word(start: number): number {
    return this.view.word(start)
  }

  findBlock(start: number, end: number, present: boolean): number {
    return this.view.findBlock(start, end, present)
  }

  readNow(index: number): Uint8Array | null {
    return this.view.readNow(index)
  }

  release(block: Uint8Array): void {
    this.view.release(block)
  }

  userData(name: string): Uint8Array | null {
    return this.view.userData(name)
  }
}
