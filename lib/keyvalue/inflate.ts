// Inflate: a whole version in memory, ready to be laid out anew: its branches with the numbers of the blocks that hold the
// entries (index), or branches and entries (full) (spec hamt.md sections 7.6 and 7.7).
import { FANOUT } from './constants.ts'
import { type LeafView, SLOTS } from './node.ts'
import { leafBytes } from './pack.ts'
import { type Paths, partingLevel } from './path.ts'
import { type BranchPlace, RealBranch, type Ref, resolve } from './place.ts'
import { type Slot, TrieBranch, TrieLeaf, UNSAVED } from './trie.ts'
import type { Walk } from './walk.ts'

/** Of a branch without its children, and of a pointer, in bytes. */
const BRANCH_BYTES = 6
const POINTER_BYTES = 2.5

/** A branch whose numbers name blocks of entries, but for those of the kept map, which name what is taken over whole. */
export class InflatedBranch extends TrieBranch {
  /** Bit s: slot s was taken over. */
  readonly keptMap: number
  /** With all below, estimated. */
  readonly byteLength: number

  constructor(level: number, slots: Slot[], keptMap: number) {
    super(level, slots, UNSAVED)
    this.keptMap = keptMap
    let byteLength = BRANCH_BYTES
    for (const slot of slots) byteLength += slot === null ? 0 : inflatedBytes(slot as Inflated)
    this.byteLength = byteLength
  }
}

/** An entry's block, an entry, or a branch over them. */
export type Inflated = number | TrieLeaf | InflatedBranch

export function inflatedBytes(node: Inflated): number {
  if (typeof node === 'number') return POINTER_BYTES
  return node instanceof TrieLeaf ? leafBytes(node) : node.byteLength
}

/**
 * The branches of a subtree, every level kept (invariant I3). Null: it is empty.
 * @param keep pointers up to that block are taken over unread; 0: none
 * @throws FormatError
 */
export function* inflate(ref: Ref, keep: number): Walk<number | InflatedBranch | null> {
  const place = yield* resolve(ref)
  if (place === null) return null
  if (place.kind === 'leaf') return place.identity.seq
  const slots: Slot[] = new Array<Slot>(FANOUT).fill(null)
  let keptMap = 0
  let isEmpty = true
  for (const slot of SLOTS) {
    if (((place.map >>> slot) & 1) === 0) continue
    const below = place.ref(slot)
    const isPointer = !place.isLocal(slot)
    if (isPointer && below.seq <= keep) {
      keptMap |= 1 << slot
      slots[slot] = below.seq
    } else if (isPointer && isFinal(place)) slots[slot] = below.seq
    else slots[slot] = yield* inflate(below, keep)
    if (slots[slot] !== null) isEmpty = false
  }
  return isEmpty ? null : new InflatedBranch(place.level, slots, keptMap)
}

function isFinal(place: BranchPlace): boolean {
  return place instanceof RealBranch && place.view.fragment.isFinal
}

/** An entry as a full checkpoint repeats it: where it comes from, and nothing of what it replaced. */
export function rewritten(leaf: LeafView, paths: Paths): TrieLeaf {
  const key = leaf.key()
  const { value, version } = leaf
  return new TrieLeaf({ key, path: paths.pathOf(key), value, source: UNSAVED, version })
}

/** A trie of leaves in path order, with no more levels than they need. At least one leaf. */
export function trieOf(
  leaves: readonly TrieLeaf[],
  start = 0,
  end: number = leaves.length
): Inflated {
  const first = leaves[start]!
  if (end - start === 1) return first
  const level = partingLevel(first.path, leaves[end - 1]!.path, 0)
  const slots: Slot[] = new Array<Slot>(FANOUT).fill(null)
  let from = start
  while (from < end) {
    const symbol = leaves[from]!.path[level]!
    let to = from + 1
    while (to < end && leaves[to]!.path[level] === symbol) to++
    slots[symbol] = trieOf(leaves, from, to)
    from = to
  }
  return new InflatedBranch(level, slots, 0)
}
