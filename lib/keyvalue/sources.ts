// Sources: the productions behind the iterators of a store, each at one version (spec hamt.md sections 6.4 to 6.8).
import { ArgumentError } from '../errors.ts'
import type { Bound, Interval } from './bounds.ts'
import { MAX_HISTORY_DIFF_BLOCKS } from './constants.ts'
import type { View } from './cuts.ts'
import { Diff, type Difference, diffByHistory } from './diff.ts'
import { descend, headEntrance } from './get.ts'
import { type Found, historyOf, reverseHistoryOf, versionsOf } from './history.ts'
import { Iteration } from './iterate.ts'
import type { Key } from './key.ts'
import { childrenOf, type RawChild, subtreeOf } from './list.ts'
import type { LeafView } from './node.ts'
import type { Paths } from './path.ts'
import { headRef, type Ref } from './place.ts'
import type { Source } from './results.ts'
import type { Production, Walk } from './walk.ts'

/** What is read, and how its keys are found. */
export interface Reading {
  readonly view: View
  readonly paths: Paths
  /** Keys of others are checked to belong where they are. */
  readonly isChecked: boolean
}

export interface EntriesParts {
  /** Components that all keys begin with. */
  readonly prefix: Key
  readonly interval: Interval
  readonly reverse: boolean
  /** Entries whose blocks are here may come before others. */
  readonly isHeld?: (seq: number) => boolean
}

export function entriesSource(
  { view, paths, isChecked }: Reading,
  { prefix, ...options }: EntriesParts
): Source<LeafView> {
  let iteration: Iteration | null = null
  const production = function* (): Production<LeafView> {
    const ref = yield* below(view.version, prefix, paths)
    if (ref === null) return
    iteration = new Iteration(ref, paths, { ...options, isChecked })
    yield* iteration.leaves()
  }
  return { view, production: production(), ahead: () => iteration?.ahead() ?? [] }
}

export function childrenSource({ view, paths }: Reading, prefix: Key): Source<RawChild> {
  if (paths.isOrdered) {
    throw new ArgumentError(
      'INVALID_ARGUMENT',
      'children: keys of an ordered store have one component'
    )
  }
  const production = function* (): Production<RawChild> {
    const ref = yield* below(view.version, prefix, paths)
    if (ref !== null) yield* childrenOf(ref, prefix.length, paths)
  }
  return { view, production: production() }
}

export interface DiffParts {
  readonly prefix: Key
  readonly after: Bound | null
}

/** From one version to another, which is not lower. */
export function diffSource(
  left: Reading,
  right: Reading,
  { prefix, after }: DiffParts
): Source<Difference> {
  const { paths } = right
  const from = left.view.version
  const to = right.view.version
  const isNear = prefix.length === 0 && after === null && to - from <= MAX_HISTORY_DIFF_BLOCKS
  const production = function* (): Production<Difference> {
    if (isNear) {
      yield* yield* diffByHistory(from, to, paths)
      return
    }
    const x = yield* below(from, prefix, paths)
    const y = yield* below(to, prefix, paths)
    yield* new Diff(paths).between(x, y, after)
  }
  return { view: right.view, production: production() }
}

export function historySource(view: View, from: number, isReverse: boolean): Source<Found> {
  const { version } = view
  const production = isReverse ? reverseHistoryOf(from, version) : historyOf(from, version)
  const ahead = function* (missing: number): Iterable<number> {
    for (let seq = missing; seq < version; seq++) yield seq
  }
  return isReverse ? { view, production } : { view, production, ahead }
}

export function keyHistorySource({ view, paths }: Reading, key: Key): Source<LeafView> {
  const production = function* (): Production<LeafView> {
    const path = paths.pathOf(key)
    const leaf = yield* descend(path, headEntrance(view.version))
    if (leaf?.hasKey(key) === true) yield* versionsOf(leaf, key, path)
  }
  return { view, production: production() }
}

/** The subtree below a prefix in a version; null: there is none. */
export function* below(version: number, prefix: Key, paths: Paths): Walk<Ref | null> {
  if (version <= 1) return null
  const head = headRef(version)
  return prefix.length === 0 ? head : yield* subtreeOf(paths.prefixOf(prefix), head, paths)
}
