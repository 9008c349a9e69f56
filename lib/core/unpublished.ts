// Unpublished: changes that are applied but not yet known to be synced, in order: peers must not hear of them.
// Owner: Committer.
import type { Change } from './change.ts'

export class Unpublished {
  readonly #changes: { readonly seq: number; readonly change: Change }[]
  readonly #onPublished: (change: Change) => void

  constructor(
    changes: readonly { readonly seq: number; readonly change: Change }[],
    onPublished: (change: Change) => void
  ) {
    this.#changes = [...changes]
    this.#onPublished = onPublished
  }

  add(seq: number, change: Change): void {
    this.#changes.push({ seq, change })
  }

  /** What is synced may be told. */
  publish(syncedSeq: number): void {
    let count = 0
    for (const { seq, change } of this.#changes) {
      if (seq > syncedSeq) break
      count++
      this.#onPublished(change)
    }
    if (count > 0) this.#changes.splice(0, count)
  }
}
