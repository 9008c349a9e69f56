// Change: what one atomic step alters in a log. Every append, accepted proof, truncation and clear is one of
// these, made durable by the committer and applied by state.ts, live and at recovery alike.
import type { Node } from '../merkle/node.ts'
import type { Tree } from '../merkle/tree.ts'
import type { Standing } from './histories/standing.ts'
import type { UserDataChange } from './user-data.ts'

export interface SignedTree {
  readonly tree: Tree
  /** The signature envelope as on the wire; empty for length 0 or a bare prologue. */
  readonly signature: Uint8Array
}

export interface Change {
  /** Nodes that become known. */
  readonly nodes: readonly Node[]
  /** The encoded manifest, if it becomes known with this change. */
  readonly manifest: Uint8Array | null
  /** The new head; null: length and fork stay. */
  readonly head: SignedTree | null
  /** Blocks below this index are the same before and after: the old length, except in truncations and reorgs. */
  readonly ancestor: number
  /** Blocks that are held, or no longer held, from now on. */
  readonly presence: {
    readonly start: number
    readonly length: number
    readonly present: boolean
  } | null
  /** The bytes of the blocks that become present, in order, and where they lie in the log. */
  readonly blocks: { readonly byteOffset: number; readonly parts: readonly Uint8Array[] } | null
  /** The new standing; null: it stays. */
  readonly standing: Standing | null
  /** Comes alone; null: user data stays. */
  readonly userData: UserDataChange | null
  /** All of `blocks` are new at the end of the log and `nodes` is exactly what follows from them. */
  readonly isAppend: boolean
}

/** A change of nothing; spread it to name what does change. The ancestor is the current length. */
export function emptyChange(length: number): Change {
  return {
    nodes: [],
    manifest: null,
    head: null,
    ancestor: length,
    presence: null,
    blocks: null,
    standing: null,
    userData: null,
    isAppend: false
  }
}

export function blockBytesOf(change: Change): number {
  let sum = 0
  if (change.blocks !== null) for (const part of change.blocks.parts) sum += part.byteLength
  return sum
}
