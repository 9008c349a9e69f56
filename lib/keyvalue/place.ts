// Places: any node of a trie, by the block and the way that lead to it; the base of all that visits more than one key
// (spec hamt.md section 6.3).
import { FormatError } from '../errors.ts'
import { FANOUT, MAX_HOPS } from './constants.ts'
import { type Fragment, readFragment } from './fragment.ts'
import { type BranchView, type LeafView, type NodePlace, readNode, rootPlace } from './node.ts'
import type { Path } from './path.ts'
import type { Span } from './span.ts'
import type { Walk } from './walk.ts'

/** Symbols that are known of a place: those at all branch levels passed, or a whole path that is followed. */
export interface Known {
  /** -1: not known. */
  symbolAt(level: number): number
  /** Whether a key of that path may be here. */
  agrees(path: Path): boolean
}

/** One branch level passed, and what was known before. */
export class Trail implements Known {
  readonly level: number
  readonly symbol: number
  readonly before: Known | null

  constructor(level: number, symbol: number, before: Known | null) {
    this.level = level
    this.symbol = symbol
    this.before = before
  }

  symbolAt(level: number): number {
    if (level === this.level) return this.symbol
    return level < this.level && this.before !== null ? this.before.symbolAt(level) : -1
  }

  agrees(path: Path): boolean {
    if (path[this.level] !== this.symbol) return false
    return this.before === null || this.before.agrees(path)
  }
}

/** A path that is followed, or its beginning. */
export class Following implements Known {
  readonly #path: Path
  readonly #levels: number

  constructor(path: Path, levels: number = path.byteLength) {
    this.#path = path
    this.#levels = levels
  }

  symbolAt(level: number): number {
    return level < this.#levels ? (this.#path[level] ?? -1) : -1
  }

  agrees(path: Path): boolean {
    for (let level = 0; level < this.#levels; level++) {
      if (path[level] !== this.#path[level]) return false
    }
    return true
  }
}

/** A way to a subtree: its block and, for a node inside a block that was read, where in it. */
export interface Ref {
  readonly seq: number
  /** Level of the branch whose slot leads here; -1 at a head. */
  readonly depth: number
  readonly known: Known | null
  /** Null: enter at the block's root. */
  readonly place: NodePlace | null
}

export function headRef(version: number): Ref {
  return { seq: version - 1, depth: -1, known: null, place: null }
}

/** A branch that was reached: the slots above the entrance's level. */
export interface BranchPlace {
  readonly kind: 'branch'
  readonly level: number
  /** Bit s: slot s is in use. */
  readonly map: number
  /** Equal identities mean equal subtrees. */
  readonly identity: Identity
  /** Of a slot in use: the way on. */
  ref(slot: number): Ref
  /** Whether a slot in use leads to a node in the same block. */
  isLocal(slot: number): boolean
}

export interface LeafPlace {
  readonly kind: 'leaf'
  readonly leaf: LeafView
  readonly identity: Identity
}

export type Place = BranchPlace | LeafPlace

/** Block, offset in it, and the level of a virtual branch (-1: a real node). */
export interface Identity {
  readonly seq: number
  readonly at: number
  readonly virtual: number
}

export function sameIdentity(a: Identity, b: Identity): boolean {
  return a.seq === b.seq && a.at === b.at && a.virtual === b.virtual
}

/**
 * The first node of the subtree that a ref names; null: it is empty.
 * @throws FormatError MALFORMED, TOO_DEEP
 */
export function* resolve(ref: Ref): Walk<Place | null> {
  let { seq, depth, place } = ref
  for (let hops = 0; hops < MAX_HOPS; hops++) {
    const fragment = readFragment(yield seq, seq)
    const found = findIn(fragment, { place, depth, known: ref.known })
    if (found === null || 'kind' in found) return found
    if (found.seq >= seq) throw new FormatError('MALFORMED', seq, `it leads on to ${found.seq}`)
    seq = found.seq
    depth = found.depth
    place = null
  }
  throw new FormatError('TOO_DEEP', seq, `more than ${MAX_HOPS} blocks lead to one node`)
}

interface Search {
  readonly place: NodePlace | null
  readonly depth: number
  readonly known: Known | null
}

/** The node in this block, or the block that is to be entered next. */
function findIn(
  fragment: Fragment,
  { place: start, depth, known }: Search
): Place | { readonly seq: number; readonly depth: number } | null {
  if (start === null && fragment.root < 0) return null
  let place = start ?? rootPlace(fragment)
  for (;;) {
    const node = readNode(fragment, place)
    if (node.kind === 'leaf') return leafPlace(node)
    if (node.kind === 'alias') return { seq: node.target, depth }
    if (node.kind === 'span') return inSpan({ fragment, place, depth, known }, node)
    if (node.level > depth) return new RealBranch(node, known)
    place = node.child(knownSlot(node, known))
  }
}

/** A branch for the first digit that did not lead here, or the page if all did. */
function inSpan(parts: VirtualParts, span: Span): VirtualBranch | { seq: number; depth: number } {
  const { fragment, depth, known } = parts
  if (depth < span.level + span.digits - 1) return new VirtualBranch(parts, span)
  return { seq: knownPage(fragment, span, known), depth }
}

/** The slot that led here, which must be in the same block (invariant I2). */
function knownSlot(branch: BranchView, known: Known | null): number {
  const slot = known?.symbolAt(branch.level) ?? -1
  if (slot >= 0 && branch.isLocal(slot)) return slot
  const { seq } = branch.fragment
  throw new FormatError('MALFORMED', seq, `it does not hold what level ${branch.level} says`)
}

function leafPlace(leaf: LeafView): LeafPlace {
  return { kind: 'leaf', leaf, identity: { seq: leaf.fragment.seq, at: leaf.at, virtual: -1 } }
}

function knownPage(fragment: Fragment, span: Span, known: Known | null): number {
  let page = 0
  for (let i = 0; i < span.digits; i++) {
    const symbol = known?.symbolAt(span.level + i) ?? -1
    if (symbol < 0) {
      throw new FormatError('MALFORMED', fragment.seq, 'it cuts what was not branched before')
    }
    page = page * FANOUT + symbol
  }
  return span.base + page
}

export class RealBranch implements BranchPlace {
  readonly kind = 'branch'
  readonly view: BranchView
  readonly #known: Known | null

  constructor(view: BranchView, known: Known | null) {
    this.view = view
    this.#known = known
  }

  get level(): number {
    return this.view.level
  }

  get map(): number {
    return this.view.localMap | this.view.pointerMap
  }

  get identity(): Identity {
    return { seq: this.view.fragment.seq, at: this.view.at, virtual: -1 }
  }

  isLocal(slot: number): boolean {
    return this.view.isLocal(slot)
  }

  ref(slot: number): Ref {
    const { view } = this
    const known = new Trail(view.level, slot, this.#known)
    const depth = view.level
    return view.isLocal(slot)
      ? { seq: view.fragment.seq, depth, known, place: view.child(slot) }
      : { seq: view.target(slot), depth, known, place: null }
  }
}

interface VirtualParts {
  readonly fragment: Fragment
  /** Of the span. */
  readonly place: NodePlace
  readonly depth: number
  readonly known: Known | null
}

/** One digit of a span, seen as a branch with all slots in use. */
class VirtualBranch implements BranchPlace {
  readonly kind = 'branch'
  readonly map = 0xffff
  readonly level: number
  readonly #parts: VirtualParts

  constructor(parts: VirtualParts, span: Span) {
    this.#parts = parts
    this.level = Math.max(parts.depth + 1, span.level)
  }

  get identity(): Identity {
    const { fragment, place } = this.#parts
    return { seq: fragment.seq, at: place.at, virtual: this.level }
  }

  isLocal(): boolean {
    return true
  }

  ref(slot: number): Ref {
    const { fragment, place, known } = this.#parts
    const { level } = this
    return { seq: fragment.seq, depth: level, known: new Trail(level, slot, known), place }
  }
}
