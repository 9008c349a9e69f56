// Diff: the keys whose entries differ between two versions, in path order. Subtrees that both share are passed over, so it
// costs what changed, not what there is (spec hamt.md section 6.7).
import { toLatin1 } from '../util/bytes.ts'
import { type Bound, comparePaths, intervalBelow } from './bounds.ts'
import { historyOf, leafWrittenIn, type Found as Operation } from './history.ts'
import { Iteration } from './iterate.ts'
import { type LeafView, SLOTS } from './node.ts'
import { type Path, type Paths, partingLevel } from './path.ts'
import { type BranchPlace, type Place, type Ref, resolve, sameIdentity } from './place.ts'
import { anyPathOf } from './trie.ts'
import type { Production, Walk } from './walk.ts'

/** Null: the key is not in that version. At least one is there; they are different writes. */
export interface Difference {
  readonly left: LeafView | null
  readonly right: LeafView | null
}

/** @throws FormatError */
export class Diff {
  readonly #paths: Paths

  constructor(paths: Paths) {
    this.#paths = paths
  }

  /** What changed from one subtree to another; null: it is empty. Only keys above the bound. */
  *between(left: Ref | null, right: Ref | null, after: Bound | null): Production<Difference> {
    if (left !== null && right !== null && isSame(left, right)) return
    const x = left === null ? null : yield* resolve(left)
    const y = right === null ? null : yield* resolve(right)
    yield* this.#places({ place: x, ref: left }, { place: y, ref: right }, after)
  }

  *#places(left: Side, right: Side, after: Bound | null): Production<Difference> {
    const { place: x } = left
    const { place: y } = right
    if (x === null && y === null) return
    if (x === null) return yield* this.#all('right', right, after)
    if (y === null) return yield* this.#all('left', left, after)
    if (sameIdentity(x.identity, y.identity)) return
    const px = yield* anyPathOf(x, this.#paths)
    const py = yield* anyPathOf(y, this.#paths)
    if (px !== null && py !== null)
      yield* this.#both({ ...left, place: x, path: px }, { ...right, place: y, path: py }, after)
    else if (px !== null) yield* this.#all('left', left, after)
    else if (py !== null) yield* this.#all('right', right, after)
  }

  /** Two subtrees that have entries. */
  *#both(left: Found, right: Found, after: Bound | null): Production<Difference> {
    const { place: x, path: px } = left
    const { place: y, path: py } = right
    const parting = partingLevel(px, py, 0)
    if (parting >= 0 && parting < Math.min(levelOf(x), levelOf(y))) {
      yield* this.#apart(left, right, after, px[parting]! < py[parting]!)
    } else if (x.kind === 'leaf' && y.kind === 'leaf') {
      const isNew = x.leaf.version !== y.leaf.version && isAfter(px, after)
      if (isNew) yield { left: x.leaf, right: y.leaf }
    } else if (levelOf(x) === levelOf(y)) {
      yield* this.#slots(x as BranchPlace, y as BranchPlace, { sample: px, after })
    } else if (levelOf(x) < levelOf(y)) {
      yield* this.#into(x as BranchPlace, right, { side: 'left', other: py, after })
    } else {
      yield* this.#into(y as BranchPlace, left, { side: 'right', other: px, after })
    }
  }

  /** Two subtrees that have no path in common. */
  *#apart(
    left: Side,
    right: Side,
    after: Bound | null,
    isLeftFirst: boolean
  ): Production<Difference> {
    if (isLeftFirst) yield* this.#all('left', left, after)
    yield* this.#all('right', right, after)
    if (!isLeftFirst) yield* this.#all('left', left, after)
  }

  /** Two branches of one level. */
  *#slots(
    x: BranchPlace,
    y: BranchPlace,
    { sample, after }: { sample: Path; after: Bound | null }
  ): Production<Difference> {
    const bound = boundBelow(after, sample, x.level)
    if (bound === undefined) return
    for (const slot of SLOTS) {
      const below = boundOfSlot(bound, x.level, slot)
      if (below === undefined) continue
      yield* this.between(refOf(x, slot), refOf(y, slot), below)
    }
  }

  /** A branch against what lies in one of its slots, or beside them, on the other side. */
  *#into(
    branch: BranchPlace,
    inner: Side,
    { side, other, after }: { side: 'left' | 'right'; other: Path; after: Bound | null }
  ): Production<Difference> {
    const bound = boundBelow(after, other, branch.level)
    if (bound === undefined) return
    const own = other[branch.level] ?? -1
    for (const slot of SLOTS) {
      const below = boundOfSlot(bound, branch.level, slot)
      if (below === undefined) continue
      const ref = refOf(branch, slot)
      const place = ref === null ? null : yield* resolve(ref)
      const met: Side = slot === own ? inner : NOTHING
      const passed: Side = { place, ref }
      if (side === 'left') yield* this.#places(passed, met, below)
      else yield* this.#places(met, passed, below)
    }
  }

  *#all(side: 'left' | 'right', { ref }: Side, after: Bound | null): Production<Difference> {
    if (ref === null) return
    const iteration = new Iteration(ref, this.#paths, { interval: { lower: after, upper: null } })
    const leaves = iteration.leaves()
    let step = leaves.next()
    while (step.done !== true) {
      const found = step.value
      if (typeof found === 'number') step = leaves.next(yield found)
      else {
        yield side === 'left' ? { left: found, right: null } : { left: null, right: found }
        step = leaves.next(NO_BLOCK)
      }
    }
  }
}

interface Side {
  readonly place: Place | null
  readonly ref: Ref | null
}

/** A side that is not empty, with the path of some entry of it. */
interface Found extends Side {
  readonly place: Place
  readonly path: Path
}

const NOTHING: Side = { place: null, ref: null }
/** What a production is given back for something that it found. */
const NO_BLOCK = new Uint8Array(0)

function isSame(a: Ref, b: Ref): boolean {
  return a.seq === b.seq && a.depth === b.depth && a.place === null && b.place === null
}

function levelOf(place: Place): number {
  return place.kind === 'leaf' ? Number.POSITIVE_INFINITY : place.level
}

function refOf(branch: BranchPlace, slot: number): Ref | null {
  return ((branch.map >>> slot) & 1) === 1 ? branch.ref(slot) : null
}

/** Undefined: nothing below is wanted. */
function boundBelow(after: Bound | null, sample: Path, level: number): Bound | null | undefined {
  if (after === null) return null
  return intervalBelow({ lower: after, upper: null }, sample, level)?.lower
}

function boundOfSlot(after: Bound | null, level: number, slot: number): Bound | null | undefined {
  if (after === null) return null
  const symbol = after.path[level] ?? -1
  if (slot < symbol) return undefined
  return slot === symbol ? after : null
}

function isAfter(path: Path, after: Bound | null): boolean {
  if (after === null) return true
  const order = comparePaths(path, after.path)
  return order > 0 || (order === 0 && after.isInclusive)
}

/** A few blocks are read faster than two tries. */
interface Net {
  readonly path: Path
  readonly key: readonly Uint8Array[]
  /** Entry version before; 0: none. */
  readonly before: number
  right: LeafView | null
}

/** The same as between, from the operations that lie between the versions. */
export function* diffByHistory(from: number, to: number, paths: Paths): Walk<Difference[]> {
  const net = yield* netOperations(from, to, paths)
  const differences: Difference[] = []
  for (const { path, key, before, right } of net) {
    const left = before === 0 ? null : yield* leafWrittenIn(before, key, path)
    if (left !== null || right !== null) differences.push({ left, right })
  }
  return differences
}

/** What is left of all operations, one per key, in path order. */
function* netOperations(from: number, to: number, paths: Paths): Walk<Net[]> {
  const net = new Map<string, Net>()
  const operations = historyOf(from, to)
  let step = operations.next()
  while (step.done !== true) {
    const found = step.value
    if (typeof found === 'number') {
      step = operations.next(yield found)
      continue
    }
    const next = netOf(found, paths)
    const name = toLatin1(next.path)
    const known = net.get(name)
    if (known === undefined) net.set(name, next)
    else known.right = next.right
    step = operations.next(NO_BLOCK)
  }
  return [...net.values()].sort((a, b) => comparePaths(a.path, b.path))
}

function netOf(operation: Operation, paths: Paths): Net {
  if (operation.type === 'del') {
    const { key, version } = operation
    return { path: paths.pathOf(key), key, before: version, right: null }
  }
  const { leaf } = operation
  const key = leaf.key()
  return { path: paths.pathOf(key), key, before: leaf.prev, right: leaf }
}
