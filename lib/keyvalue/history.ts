// History: the operations that groups of blocks carry, forwards or backwards, and those on one key
// (spec hamt.md section 6.8).
import type { RawEntry } from './entry.ts'
import { readEntry } from './entry.ts'
import { COMMIT, type Fragment, PAGE, readDeletions, readFragment, readPlace } from './fragment.ts'
import type { Key } from './key.ts'
import { type LeafView, type NodePlace, readNode, rootPlace, SLOTS } from './node.ts'
import type { Path } from './path.ts'
import type { Production, Walk } from './walk.ts'

/** A put, with its entry, or a deletion of an entry version. */
export type RawOperation =
  | { readonly type: 'put'; readonly entry: RawEntry; readonly commit: number }
  | { readonly type: 'del'; readonly key: Key; readonly version: number; readonly commit: number }

/** A put before its value is read. */
export type Found =
  | { readonly type: 'put'; readonly leaf: LeafView; readonly commit: number }
  | { readonly type: 'del'; readonly key: Key; readonly version: number; readonly commit: number }

/** Operations of versions [from, to), group by group. Within a group they have no order. @throws FormatError */
export function* historyOf(from: number, to: number): Production<Found> {
  let group: Fragment[] = []
  for (let seq = Math.max(from, 1); seq < to; seq++) {
    const block = yield seq
    const { kind } = readPlace(block, seq)
    if (kind === COMMIT || kind === PAGE) group.push(readFragment(block, seq))
    if (kind !== COMMIT) continue
    yield* operationsOf(group, seq + 1)
    group = []
  }
}

/** The same, the newest group first. */
export function* reverseHistoryOf(from: number, to: number): Production<Found> {
  let version = to
  while (version > Math.max(from, 1)) {
    const seq = version - 1
    const commit = readFragment(yield seq, seq)
    const first = seq - commit.lead
    // A checkpoint has rewrites only.
    if (commit.checkpoint?.newest !== seq) {
      const group: Fragment[] = []
      for (let at = first; at < seq; at++) {
        const block = yield at
        if (readPlace(block, at).kind === PAGE) group.push(readFragment(block, at))
      }
      yield* operationsOf([...group, commit], version)
    }
    version = first
  }
}

function* operationsOf(
  group: readonly Fragment[],
  commit: number
): Generator<Found, void, Uint8Array> {
  for (const fragment of group) {
    for (const { key, version } of readDeletions(fragment)) {
      yield { type: 'del', key, version, commit }
    }
    for (const leaf of localLeaves(fragment)) {
      if (leaf.isOrigin) yield { type: 'put', leaf, commit }
    }
  }
}

/** All leaves that stand in one block. */
function localLeaves(fragment: Fragment): LeafView[] {
  const leaves: LeafView[] = []
  const stack: NodePlace[] = fragment.root < 0 ? [] : [rootPlace(fragment)]
  for (let place = stack.pop(); place !== undefined; place = stack.pop()) {
    const node = readNode(fragment, place)
    if (node.kind === 'leaf') leaves.push(node)
    if (node.kind !== 'branch') continue
    for (const slot of SLOTS) if (node.isLocal(slot)) stack.push(node.child(slot))
  }
  return leaves
}

/** An operation with its value, unless only keys are wanted. */
export function* completed(found: Found, withValue: boolean): Walk<RawOperation> {
  if (found.type === 'del') return found
  const entry = yield* readEntry(found.leaf, withValue)
  return { type: 'put', entry, commit: found.commit }
}

/** The leaf of a key that was written in a block; null: it was not. @throws FormatError */
export function* leafWrittenIn(seq: number, key: Key, path: Path): Walk<LeafView | null> {
  const fragment = readFragment(yield seq, seq)
  let place: NodePlace | null = fragment.root < 0 ? null : rootPlace(fragment)
  while (place !== null) {
    const node = readNode(fragment, place)
    if (node.kind === 'leaf') return node.hasKey(key) ? node : null
    if (node.kind !== 'branch') return null
    const slot = path[node.level]
    place = slot !== undefined && node.isLocal(slot) ? node.child(slot) : null
  }
  return null
}

/** Versions of one key's entry, from a leaf back to the first one, or to the last deletion. @throws FormatError */
export function* versionsOf(newest: LeafView, key: Key, path: Path): Production<LeafView> {
  let leaf: LeafView | null = newest
  while (leaf !== null) {
    yield leaf
    leaf = leaf.prev === 0 ? null : yield* leafWrittenIn(leaf.prev, key, path)
  }
}
