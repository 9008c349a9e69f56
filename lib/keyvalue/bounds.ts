// Bounds: which part of a walk in path order is wanted (spec hamt.md sections 6.4 and 6.6).
import { type Path, partingLevel } from './path.ts'

/** One end of an interval of paths. */
export interface Bound {
  readonly path: Path
  readonly isInclusive: boolean
}

/** Null: no end on that side. */
export interface Interval {
  readonly lower: Bound | null
  readonly upper: Bound | null
}

export const EVERYTHING: Interval = { lower: null, upper: null }

/** In the order of symbols; no path begins another, but a prefix comes before what it begins. */
export function comparePaths(a: Path, b: Path): number {
  const parting = partingLevel(a, b, 0)
  return parting < 0 ? a.byteLength - b.byteLength : a[parting]! - b[parting]!
}

export function isWithin(path: Path, { lower, upper }: Interval): boolean {
  if (lower !== null) {
    const order = comparePaths(path, lower.path)
    if (order < 0 || (order === 0 && !lower.isInclusive)) return false
  }
  if (upper !== null) {
    const order = comparePaths(path, upper.path)
    if (order > 0 || (order === 0 && !upper.isInclusive)) return false
  }
  return true
}

/**
 * What is left of an interval below a branch, given the path of some leaf below it, which has all symbols above the
 * branch's level. Null: nothing below is wanted.
 */
export function intervalBelow(interval: Interval, sample: Path, level: number): Interval | null {
  let { lower, upper } = interval
  if (lower !== null) {
    const order = compareUpTo(sample, lower.path, level)
    if (order < 0) return null
    if (order > 0) lower = null
  }
  if (upper !== null) {
    const order = compareUpTo(sample, upper.path, level)
    if (order > 0) return null
    if (order < 0) upper = null
  }
  return lower === interval.lower && upper === interval.upper ? interval : { lower, upper }
}

/** The same for one slot of that branch. */
export function intervalOfSlot(interval: Interval, level: number, slot: number): Interval | null {
  let { lower, upper } = interval
  if (lower !== null) {
    const symbol = lower.path[level] ?? -1
    if (slot < symbol) return null
    if (slot > symbol) lower = null
  }
  if (upper !== null) {
    // Behind the end of a prefix everything is above it, as a path.
    const symbol = upper.path[level] ?? -1
    if (slot > symbol) return null
    if (slot < symbol) upper = null
  }
  if (lower === null && upper === null) return EVERYTHING
  return { lower, upper }
}

/** By the symbols at levels below `level`; a path that ends before is the smaller one. */
function compareUpTo(a: Path, b: Path, level: number): number {
  const parting = partingLevel(a, b, 0)
  if (parting >= 0 && parting < level) return a[parting]! - b[parting]!
  if (parting >= 0) return 0
  return Math.min(a.byteLength, level) - Math.min(b.byteLength, level)
}
