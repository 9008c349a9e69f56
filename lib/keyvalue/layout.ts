// Layout: how a checkpoint cuts a large trie into pages that are found by counting digits (spec hamt.md section 7.6).
import { FANOUT, MAX_SPAN_DIGITS, MAX_WHOLE_BYTES } from './constants.ts'
import { type Inflated, InflatedBranch } from './inflate.ts'
import { SLOTS } from './node.ts'
import { type Group, pack } from './pack.ts'
import { digitsFrom, type Path, type Paths } from './path.ts'
import { type Known, type Place, resolve, Trail } from './place.ts'
import { pagesOf, type Span } from './span.ts'
import {
  AliasNode,
  anyPathOf,
  type Slot,
  SpanNode,
  TrieBranch,
  TrieLeaf,
  type TrieNode
} from './trie.ts'
import type { Walk } from './walk.ts'

/** A subtree up to so many pages is left in one piece. */
const WHOLE_PAGES = 4
/** Of the cells of a cut, at least this part must be in use. */
const MIN_USED = 1 / 4

export interface LayoutParts {
  readonly group: Group
  readonly pageBytes: number
  readonly paths: Paths
}

/** What lies in one cell of a cut. */
interface Cell {
  readonly node: Inflated
  /** The number names what was taken over from an earlier checkpoint. */
  readonly isKept: boolean
  readonly known: Known | null
}

export class Layout {
  readonly #group: Group
  readonly #pageBytes: number
  readonly #paths: Paths
  readonly #wholeBytes: number

  constructor({ group, pageBytes, paths }: LayoutParts) {
    this.#group = group
    this.#pageBytes = pageBytes
    this.#paths = paths
    this.#wholeBytes = Math.min(WHOLE_PAGES * pageBytes, MAX_WHOLE_BYTES)
  }

  /** The node as it is to be written; what does not fit is in pages of the group by then. @throws FormatError */
  *place(node: Inflated, known: Known | null = null): Walk<TrieNode> {
    if (typeof node === 'number') return new AliasNode(node)
    if (node instanceof TrieLeaf || node.byteLength <= this.#wholeBytes) return node
    const span = yield* this.#cut(node, known)
    if (span !== null) return span
    const slots: Slot[] = []
    for (const slot of SLOTS) {
      const child = node.slots[slot] as Inflated | null
      slots.push(
        child === null || typeof child === 'number'
          ? child
          : yield* this.place(child, new Trail(node.level, slot, known))
      )
    }
    const branch = new TrieBranch(node.level, slots)
    pack(branch, this.#group, this.#pageBytes)
    return branch
  }

  /** The subtree in 16^k pages; null: no number of digits fills them well. */
  *#cut(node: InflatedBranch, known: Known | null): Walk<SpanNode | null> {
    const { level } = node
    const most = this.#paths.isOrdered ? 0 : Math.min(MAX_SPAN_DIGITS, digitsFrom(level))
    const wanted = Math.round(Math.log2((2 * node.byteLength) / this.#pageBytes) / 4)
    for (let digits = Math.min(Math.max(wanted, 1), most); digits >= 1; digits--) {
      const cells = new Map<number, Cell>()
      yield* this.#gather({ node, isKept: false, known }, { level, digits }, cells)
      if (cells.size >= pagesOf(digits) * MIN_USED) {
        return new SpanNode(yield* this.#writeCells(cells, level, digits))
      }
    }
    return null
  }

  /** Sorts what is below a node into cells by the next digits. */
  *#gather(
    cell: Cell,
    { level, digits, number = 0 }: { level: number; digits: number; number?: number },
    cells: Map<number, Cell>
  ): Walk<void> {
    if (digits === 0) {
      cells.set(number, cell)
      return
    }
    for (const [symbol, below] of yield* this.#parted(cell, level)) {
      const next = { level: level + 1, digits: digits - 1, number: number * FANOUT + symbol }
      yield* this.#gather(below, next, cells)
    }
  }

  /** What is below, by the symbol at a level. */
  *#parted(cell: Cell, level: number): Walk<[number, Cell][]> {
    const { node, known } = cell
    if (node instanceof InflatedBranch && node.level === level) {
      const parts: [number, Cell][] = []
      for (const slot of SLOTS) {
        const child = node.slots[slot] as Inflated | null
        if (child === null) continue
        const isKept = ((node.keptMap >>> slot) & 1) === 1
        parts.push([slot, { node: child, isKept, known: new Trail(level, slot, known) }])
      }
      return parts
    }
    if (typeof node !== 'number') return [[(yield* this.#pathBelow(node, known))[level]!, cell]]
    const place = yield* resolve({ seq: node, depth: level - 1, known, place: null })
    return place === null ? [] : yield* this.#opened(cell, place, level)
  }

  /** A block that is named: an entry's, or one taken over, which is opened level by level. */
  *#opened(cell: Cell, place: Place, level: number): Walk<[number, Cell][]> {
    if (place.kind === 'leaf' || place.level !== level) {
      const path = yield* anyPathOf(place, this.#paths)
      return path === null ? [] : [[path[level]!, cell]]
    }
    const parts: [number, Cell][] = []
    for (const slot of SLOTS) {
      if (((place.map >>> slot) & 1) === 0) continue
      const { seq, known } = place.ref(slot)
      parts.push([slot, { node: seq, isKept: true, known }])
    }
    return parts
  }

  /** The path of some entry below. */
  *#pathBelow(node: TrieLeaf | InflatedBranch, known: Known | null): Walk<Path> {
    if (node instanceof TrieLeaf) return node.path
    for (const slot of SLOTS) {
      const child = node.slots[slot] as Inflated | null
      if (child === null) continue
      const below = new Trail(node.level, slot, known)
      if (typeof child !== 'number') return yield* this.#pathBelow(child, below)
      const place = yield* resolve({ seq: child, depth: node.level, known: below, place: null })
      const path = place === null ? null : yield* anyPathOf(place, this.#paths)
      if (path !== null) return path
    }
    return NO_PATH
  }

  /** Nested pages come first, then those of the cells, one after the other. */
  *#writeCells(cells: ReadonlyMap<number, Cell>, level: number, digits: number): Walk<Span> {
    const count = pagesOf(digits)
    const group = this.#group
    const roots: (TrieNode | null)[] = []
    for (let number = 0; number < count; number++) {
      const cell = cells.get(number)
      roots.push(cell === undefined ? null : yield* this.place(cell.node, cell.known))
    }
    const base = group.nextSeq
    for (const root of roots) {
      group.addPage(root, { isFinal: root !== null && this.#isFinal(root) })
    }
    return { level, digits, base }
  }

  /** Every pointer leads to an entry. */
  #isFinal(node: TrieNode): boolean {
    if (!(node instanceof TrieBranch)) return node instanceof TrieLeaf
    if (node instanceof InflatedBranch && node.keptMap !== 0) return false
    for (const child of node.slots) {
      if (
        typeof child === 'number'
          ? child >= this.#group.first
          : child !== null && !this.#isFinal(child)
      ) {
        return false
      }
    }
    return true
  }
}

const NO_PATH: Path = new Uint8Array(0)
