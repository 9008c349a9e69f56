// Checkpoints: the branches of a version (index), or branches and entries (full), written anew in pages that are found by
// counting, so that a cold reader needs few round trips (spec hamt.md sections 7.6 and 7.7).
import { MAX_INLINE_SPANS } from './constants.ts'
import type { CheckpointFields, Fragment, InlineSpan } from './fragment.ts'
import type { Inflated } from './inflate.ts'
import { Layout } from './layout.ts'
import type { Group } from './pack.ts'
import type { Paths } from './path.ts'
import { SpanNode, type TrieNode } from './trie.ts'
import type { Walk } from './walk.ts'

export interface CheckpointParts {
  readonly group: Group
  readonly root: Inflated
  readonly head: Fragment
  /** Blocks up to here are named as they are; 0: all is written anew. */
  readonly keep: number
  /** The lowest block that the new version needs. */
  readonly floor: number
  readonly pageBytes: number
  readonly paths: Paths
}

/** Writes the pages and the commit of a checkpoint into the group. Yields blocks that it needs. */
export function* writeCheckpoint(parts: CheckpointParts): Walk<void> {
  const { group, root, head, keep, floor } = parts
  const layout = new Layout(parts)
  const node: TrieNode = yield* layout.place(root)
  const seq = group.nextSeq
  const spans = spansOf(node, seq, head.checkpoint, keep)
  const checkpoint: CheckpointFields = { newest: seq, floor, spans }
  group.addCommit({ root: node, count: head.count, checkpoint })
}

/** This root, if it is a span, and those of the checkpoints below that stay in use. */
function spansOf(
  root: TrieNode,
  seq: number,
  before: CheckpointFields | null,
  keep: number
): InlineSpan[] {
  const own: InlineSpan[] = root instanceof SpanNode ? [{ checkpoint: seq, ...root.span }] : []
  const kept = (before?.spans ?? []).filter(({ checkpoint }) => checkpoint <= keep)
  return [...own, ...kept].slice(0, MAX_INLINE_SPANS)
}
