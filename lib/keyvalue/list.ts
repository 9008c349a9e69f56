// Listing below a prefix: one subtree, since all keys below `a/b/` share the beginning of their paths; and the children of
// a prefix, one leaf each (spec hamt.md section 6.5).
import { COMPONENT_SYMBOLS, DIGEST_SYMBOLS } from './constants.ts'
import { assertBelongs } from './iterate.ts'
import { type LeafView, SLOTS } from './node.ts'
import type { Path, Paths } from './path.ts'
import { type BranchPlace, type Place, type Ref, resolve } from './place.ts'
import { anyPathOf } from './trie.ts'
import type { Production, Walk } from './walk.ts'

/** The subtree of all keys whose paths begin so; null: there are none. @throws FormatError */
export function* subtreeOf(prefix: Path, from: Ref, paths: Paths): Walk<Ref | null> {
  let ref = from
  for (;;) {
    const place = yield* resolve(ref)
    if (place === null) return null
    if (place.kind === 'branch' && place.level < prefix.byteLength) {
      const slot = prefix[place.level]!
      if (((place.map >>> slot) & 1) === 0) return null
      ref = place.ref(slot)
      continue
    }
    const sample = yield* anyPathOf(place, paths)
    return sample !== null && beginsWith(sample, prefix) ? ref : null
  }
}

function beginsWith(path: Path, prefix: Path): boolean {
  if (path.byteLength < prefix.byteLength) return false
  for (let level = 0; level < prefix.byteLength; level++) {
    if (path[level] !== prefix[level]) return false
  }
  return true
}

/** One component below a prefix. */
export interface RawChild {
  readonly name: Uint8Array
  /** A key ends here. */
  readonly hasValue: boolean
  /** Keys go on below it. */
  readonly hasChildren: boolean
}

/**
 * The different components that follow a prefix, in path order. The store has hashed paths.
 * @param start the subtree of the prefix
 * @param depth components of the prefix
 * @throws FormatError
 */
export function* childrenOf(start: Ref, depth: number, paths: Paths): Production<RawChild> {
  const boundary = depth * COMPONENT_SYMBOLS + DIGEST_SYMBOLS
  const stack: Ref[] = [start]
  for (let ref = stack.pop(); ref !== undefined; ref = stack.pop()) {
    const place = yield* resolve(ref)
    if (place === null) continue
    if (place.kind === 'branch' && place.level < boundary) {
      stack.push(...refsOf(place).reverse())
      continue
    }
    const leaf = yield* anyLeaf(place)
    const name = leaf?.key()[depth]
    if (leaf === null || name === undefined) continue
    assertBelongs(leaf, paths.pathOf(leaf.key()), ref.known)
    yield { name, ...kindOf(place, boundary, leaf.key().length - depth) }
  }
}

function refsOf(branch: BranchPlace): Ref[] {
  return SLOTS.filter((slot) => ((branch.map >>> slot) & 1) === 1).map((slot) => branch.ref(slot))
}

function kindOf(
  place: Place,
  boundary: number,
  components: number
): { readonly hasValue: boolean; readonly hasChildren: boolean } {
  if (place.kind === 'branch' && place.level === boundary) {
    return { hasValue: (place.map & 1) === 1, hasChildren: (place.map & 2) === 2 }
  }
  return { hasValue: components === 1, hasChildren: components > 1 }
}

function* anyLeaf(place: Place): Walk<LeafView | null> {
  if (place.kind === 'leaf') return place.leaf
  for (const slot of slotsOf(place)) {
    const below = yield* resolve(place.ref(slot))
    const leaf = below === null ? null : yield* anyLeaf(below)
    if (leaf !== null) return leaf
  }
  return null
}

/** Those in the same block first: they need no reads. */
export function slotsOf(place: BranchPlace): number[] {
  const used = SLOTS.filter((slot) => ((place.map >>> slot) & 1) === 1)
  return [
    ...used.filter((slot) => place.isLocal(slot)),
    ...used.filter((slot) => !place.isLocal(slot))
  ]
}
