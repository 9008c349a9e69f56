// Trie: the nodes that a write changes, in memory (spec hamt.md sections 7.1 to 7.3). A slot holds nothing, the number of
// the block that its subtree is in, or a node that was loaded or made. Nothing here is visible to readers: what comes of
// it is packed (pack.ts) and appended, or dropped.
import { StateError } from '../errors.ts'
import { assert } from '../util/assert.ts'
import { FANOUT } from './constants.ts'
import { equalKeys, type Key } from './key.ts'
import { type LeafView, SLOTS, type ValuePlace } from './node.ts'
import { type Path, type Paths, partingLevel } from './path.ts'
import { Following, type Known, type Place, type Ref, resolve, Trail } from './place.ts'
import type { Span } from './span.ts'
import type { Walk } from './walk.ts'

/** Nothing, a block, or a node. */
export type Slot = null | number | TrieNode

export type TrieNode = TrieBranch | TrieLeaf | SpanNode | AliasNode

/** Of a node that is in no block yet. */
export const UNSAVED = 0

/** The subtree is cut into pages that come before in the group. */
export class SpanNode {
  readonly source: number = UNSAVED
  readonly span: Span

  constructor(span: Span) {
    this.span = span
  }
}

/** The whole node is found in another block. */
export class AliasNode {
  readonly source: number = UNSAVED
  readonly target: number

  constructor(target: number) {
    this.target = target
  }
}

/** A value as it is written: in its leaf, or in blocks that come first. */
export type StoredValue = ValuePlace

export class TrieLeaf {
  readonly key: Key
  readonly path: Path
  value: StoredValue
  /** The block that it is in; UNSAVED: none yet. */
  readonly source: number
  /** The block it was first written in; UNSAVED: the one that it will be in. */
  readonly version: number
  /** The entry version that it replaces; 0: none. */
  prev: number
  /** The block that it was put in when its group was packed; UNSAVED before. */
  writtenIn: number = UNSAVED

  constructor(entry: Omit<TrieLeaf, 'prev' | 'writtenIn'> & { prev?: number }) {
    this.key = entry.key
    this.path = entry.path
    this.value = entry.value
    this.source = entry.source
    this.version = entry.version
    this.prev = entry.prev ?? 0
  }
}

export class TrieBranch {
  readonly level: number
  readonly slots: Slot[]
  /** The block that it is in, unchanged; UNSAVED: none. */
  source: number

  constructor(level: number, slots: Slot[], source: number = UNSAVED) {
    this.level = level
    this.slots = slots
    this.source = source
  }
}

export function branchWith(
  level: number,
  ...filled: readonly (readonly [number, Slot])[]
): TrieBranch {
  const slots: Slot[] = new Array<Slot>(FANOUT).fill(null)
  for (const [slot, node] of filled) slots[slot] = node
  return new TrieBranch(level, slots)
}

/** The node of a place that was resolved. */
export function loadPlace(place: Place, paths: Paths): TrieBranch | TrieLeaf {
  if (place.kind === 'leaf') return loadLeaf(place.leaf, paths)
  const { seq } = place.identity
  const slots: Slot[] = new Array<Slot>(FANOUT).fill(null)
  for (const slot of SLOTS) {
    if (((place.map >>> slot) & 1) === 0) continue
    slots[slot] = place.isLocal(slot) ? seq : place.ref(slot).seq
  }
  return new TrieBranch(place.level, slots, seq)
}

function loadLeaf(leaf: LeafView, paths: Paths): TrieLeaf {
  const key = leaf.key()
  const { version, prev, value } = leaf
  return new TrieLeaf({
    key,
    path: paths.pathOf(key),
    value,
    source: leaf.fragment.seq,
    version,
    prev
  })
}

/** Where a slot is looked at: its content, and the level of its branch (-1: it is the root). */
export interface At {
  readonly slot: Slot
  readonly depth: number
}

/** What a walk along a path needs to know of its store. */
export class TrieEditor {
  readonly #paths: Paths

  constructor(paths: Paths) {
    this.#paths = paths
  }

  /**
   * The subtree with the leaf in it; its prev becomes the version that it replaces.
   * @throws StateError COLLISION; FormatError
   */
  *insert({ slot, depth }: At, leaf: TrieLeaf): Walk<TrieBranch | TrieLeaf> {
    const node = yield* this.#loaded(slot, depth, leaf.path)
    if (node === null) return leaf
    if (node instanceof TrieLeaf) return joinLeaves(node, leaf, depth)
    if (node.level > depth + 1) {
      const other = yield* this.#anyPath(node, new Following(leaf.path, depth + 1))
      const parting = other === null ? -1 : partingLevel(other, leaf.path, depth + 1)
      if (other !== null && parting >= 0 && parting < node.level) {
        return branchWith(parting, [leaf.path[parting]!, leaf], [other[parting]!, asSlot(node)])
      }
    }
    const symbol = leaf.path[node.level]
    if (symbol === undefined) throw collision(leaf.key)
    node.slots[symbol] = yield* this.insert({ slot: node.slots[symbol]!, depth: node.level }, leaf)
    node.source = UNSAVED
    return node
  }

  /**
   * The subtree without the key, which must be there: see find. Null: nothing is left.
   * @throws FormatError
   */
  *remove({ slot, depth }: At, path: Path): Walk<Slot> {
    const node = yield* this.#loaded(slot, depth, path)
    if (node === null || node instanceof TrieLeaf) return null
    const symbol = path[node.level]!
    const rest = yield* this.remove({ slot: node.slots[symbol]!, depth: node.level }, path)
    node.slots[symbol] = rest
    node.source = UNSAVED
    return withoutIdle(node)
  }

  /** The key's leaf; what is loaded on the way stays loaded. Null: the key is not there. @throws FormatError */
  *find(root: TrieRoot, key: Key, path: Path): Walk<TrieLeaf | null> {
    let node = yield* this.#loaded(root.slot, -1, path)
    root.slot = node
    while (node instanceof TrieBranch) {
      const { level, slots }: TrieBranch = node
      const symbol: number | undefined = path[level]
      if (symbol === undefined) return null
      node = yield* this.#loaded(slots[symbol]!, level, path)
      slots[symbol] = node
    }
    return node !== null && equalKeys(node.key, key) ? node : null
  }

  *#loaded(slot: Slot, depth: number, path: Path): Walk<TrieBranch | TrieLeaf | null> {
    if (typeof slot === 'number') return yield* this.#load(slot, depth, path)
    assert(!(slot instanceof SpanNode || slot instanceof AliasNode), 'checkpoints are not edited')
    return slot
  }

  /** The node that a block holds for a path, whose symbols up to the depth led to it. */
  *#load(seq: number, depth: number, path: Path): Walk<TrieBranch | TrieLeaf | null> {
    const place = yield* resolve({ seq, depth, known: new Following(path), place: null })
    return place === null ? null : loadPlace(place, this.#paths)
  }

  /** The path of some leaf below; null: there is none. Leaves in memory come first: they need no reads. */
  *#anyPath(node: TrieBranch, known: Known): Walk<Path | null> {
    for (const slot of node.slots) if (slot instanceof TrieLeaf) return slot.path
    for (const symbol of SLOTS) {
      const slot = node.slots[symbol]!
      const below = new Trail(node.level, symbol, known)
      let path: Path | null = null
      if (slot instanceof TrieBranch) path = yield* this.#anyPath(slot, below)
      else if (typeof slot === 'number') {
        path = yield* anyPathBelow(
          { seq: slot, depth: node.level, known: below, place: null },
          this.#paths
        )
      }
      if (path !== null) return path
    }
    return null
  }
}

/** The path of some leaf of a subtree; null: it is empty. @throws FormatError */
export function* anyPathBelow(ref: Ref, paths: Paths): Walk<Path | null> {
  const place = yield* resolve(ref)
  if (place === null) return null
  return yield* anyPathOf(place, paths)
}

/** The same for a node. Slots of its own block come first: they need no reads. */
export function* anyPathOf(place: Place, paths: Paths): Walk<Path | null> {
  if (place.kind === 'leaf') return paths.pathOf(place.leaf.key())
  for (const isLocal of [true, false]) {
    for (const slot of SLOTS) {
      if (((place.map >>> slot) & 1) === 0 || place.isLocal(slot) !== isLocal) continue
      const path = yield* anyPathBelow(place.ref(slot), paths)
      if (path !== null) return path
    }
  }
  return null
}

/** The whole trie while it is changed. */
export interface TrieRoot {
  slot: Slot
}

function joinLeaves(old: TrieLeaf, leaf: TrieLeaf, depth: number): TrieBranch | TrieLeaf {
  if (equalKeys(old.key, leaf.key)) {
    leaf.prev = old.source === UNSAVED ? old.prev : old.version
    return leaf
  }
  const parting = partingLevel(old.path, leaf.path, depth + 1)
  if (parting < 0) throw collision(leaf.key)
  return branchWith(parting, [leaf.path[parting]!, leaf], [old.path[parting]!, asSlot(old)])
}

/** What is unchanged in its block is named, not written again. */
function asSlot(node: TrieBranch | TrieLeaf): Slot {
  return node.source === UNSAVED ? node : node.source
}

/**
 * A branch with one slot stays, or readers would take older blocks below it for the truth (invariant I3); unless all that
 * is left is a leaf of this very write.
 */
function withoutIdle(node: TrieBranch): Slot {
  let only: Slot = null
  for (const slot of node.slots) {
    if (slot === null) continue
    if (only !== null) return node
    only = slot
  }
  return only === null || (only instanceof TrieLeaf && only.source === UNSAVED) ? only : node
}

function collision(key: Key): StateError {
  return new StateError('COLLISION', `Two keys of ${key.length} components have one path`)
}
