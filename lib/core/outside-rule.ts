// OutsideRule: may the bytes of a change be written straight to `blocks`, before its entry is durable? Only into
// ranges that no durable state refers to. A range that was freed since the half was started counts as referred
// to until the next half is started and its header synced. Owner: Committer. Design: reliability.md section 5.4.
import type { Tree } from '../merkle/tree.ts'
import type { Change } from './change.ts'

export class OutsideRule {
  #hasFreed = false
  /** One past the last byte that anything since the half's header referred to. */
  #referredEnd: number
  /** Of the log as the changes noted so far leave it; too large at the most, which only makes us careful. */
  #length: number

  constructor(tree: Tree) {
    this.#referredEnd = tree.byteLength
    this.#length = tree.length
  }

  /** Whether anything was cut or cleared since the half was started. */
  get hasFreed(): boolean {
    return this.#hasFreed
  }

  allows(change: Change): boolean {
    if (change.blocks === null) return false
    return !this.#hasFreed || change.blocks.byteOffset >= this.#referredEnd
  }

  /** The change is going to be committed; what follows in the same group is judged with it. */
  note(change: Change): void {
    if (change.presence?.present === false) this.#hasFreed = true
    const { head, ancestor } = change
    if (head === null) return
    if (ancestor < this.#length) this.#hasFreed = true
    this.#length = Math.max(this.#length, head.tree.length)
    if (head.tree.byteLength < this.#referredEnd) this.#hasFreed = true
    this.#referredEnd = Math.max(this.#referredEnd, head.tree.byteLength)
  }

  /** Another half was started with a synced header. */
  reset(tree: Tree): void {
    this.#hasFreed = false
    this.#referredEnd = tree.byteLength
    this.#length = tree.length
  }
}
