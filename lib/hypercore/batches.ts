// Batches: the batches of one core, by name or by atom. One stays when its last session is closed, as in Hypercore, but
// not when the core is.
import { Atom } from './atom.ts'
import { BatchView } from './batch-view.ts'
import { Snapshots } from './snapshot-view.ts'
import type { View } from './view.ts'

export class Batches {
  readonly #batches: Map<string | object, BatchView> = new Map()
  readonly #flush: (batch: BatchView) => Promise<void>

  /** `flush`: makes a batch the log's, for atoms. */
  constructor(flush: (batch: BatchView) => Promise<void>) {
    this.#flush = flush
  }

  /** The batch of that name, or of that atom, made anew if it is to be or there is none. */
  get(id: string | object, live: View, overwrite: boolean): BatchView {
    const known = this.#batches.get(id)
    if (known !== undefined && !overwrite) return known
    const batch = new BatchView(live, typeof id === 'string' ? id : null, new Snapshots())
    this.#batches.set(id, batch)
    if (id instanceof Atom) id.join(() => this.#flush(batch))
    return batch
  }

  /** The log was cut down to a length. */
  cut(length: number): void {
    for (const batch of this.#batches.values()) batch.baseCut(length)
  }
}
