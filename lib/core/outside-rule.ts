// OutsideRule: may the bytes of a change be written straight to `blocks`, before its entry is durable? Only into
// ranges that no durable state refers to. A range that was freed since the half was started counts as referred
// to until the next half is started and its header synced. Owner: Committer. Design: reliability.md section 5.4.
import type { Change } from './change.ts'

export class OutsideRule {
  #hasFreed = false
  /** One past the last byte that anything since the half's header referred to. */
  #referredEnd: number

  constructor(byteLength: number) {
    this.#referredEnd = byteLength
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
    // An append keeps everything; any other head below the end it knows may have cut.
    if (!change.isAppend && ancestor < head.tree.length) this.#hasFreed = true
    if (head.tree.byteLength < this.#referredEnd) this.#hasFreed = true
    this.#referredEnd = Math.max(this.#referredEnd, head.tree.byteLength)
  }

  /** Another half was started with a synced header. */
  reset(byteLength: number): void {
    this.#hasFreed = false
    this.#referredEnd = byteLength
  }
}
