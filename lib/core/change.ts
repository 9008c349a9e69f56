// Change: what one atomic step alters in a log. Every append, accepted proof, truncation and clear is one of
// these, made durable by the committer and applied by state.ts, live and at recovery alike.
import type { Node } from '../merkle/node.ts'
import type { SignedHead } from '../merkle/tree.ts'

export interface Change {
  /** Nodes that become known. */
  readonly nodes: readonly Node[]
  /** The encoded manifest, if it becomes known with this change. */
  readonly manifest: Uint8Array | null
  /** The new head; null: length and fork stay. A head of lower length or higher fork cuts the log at `ancestor`. */
  readonly head: SignedHead | null
  /** Blocks below this index are the same before and after: the old length, except in truncations and reorgs. */
  readonly ancestor: number
  /** Blocks that are held, or no longer held, from now on. */
  readonly presence: {
    readonly start: number
    readonly length: number
    readonly present: boolean
  } | null
}
