// Iteration: all leaves of a subtree in the order of their paths, or backwards, depth first (spec hamt.md section 6.4).
import { FormatError } from '../errors.ts'
import { EVERYTHING, type Interval, intervalBelow, intervalOfSlot, isWithin } from './bounds.ts'
import { AHEAD_BLOCKS } from './constants.ts'
import { type LeafView, SLOTS } from './node.ts'
import type { Path, Paths } from './path.ts'
import { type BranchPlace, type Known, type Ref, resolve } from './place.ts'
import { anyPathOf } from './trie.ts'
import type { Production, Walk } from './walk.ts'

export interface IterationOptions {
  readonly reverse?: boolean
  readonly interval?: Interval
  /** Whether each leaf's key is checked to belong where it is: for logs of others. */
  readonly isChecked?: boolean
  /** If given, subtrees whose blocks are held may come before others. */
  readonly isHeld?: (seq: number) => boolean
}

interface Pending {
  readonly ref: Ref
  readonly interval: Interval
}

export class Iteration {
  readonly #paths: Paths
  readonly #isReverse: boolean
  readonly #isChecked: boolean
  readonly #isHeld: ((seq: number) => boolean) | null
  /** The next one last. */
  readonly #stack: Pending[]

  constructor(start: Ref, paths: Paths, options: IterationOptions = {}) {
    const { reverse = false, interval = EVERYTHING, isChecked = true, isHeld = null } = options
    this.#paths = paths
    this.#isReverse = reverse
    this.#isChecked = isChecked
    this.#isHeld = isHeld
    this.#stack = [{ ref: start, interval }]
  }

  /** Blocks that will be needed, in order, as far as that is known now; with repetitions. */
  *ahead(): Iterable<number> {
    for (let i = this.#stack.length - 1; i >= 0; i--) yield this.#stack[i]!.ref.seq
  }

  /** @throws FormatError MALFORMED, TOO_DEEP */
  *leaves(): Production<LeafView> {
    for (let pending = this.#next(); pending !== undefined; pending = this.#next()) {
      const { ref, interval } = pending
      const place = yield* resolve(ref)
      if (place === null) continue
      if (place.kind === 'branch') {
        const below = yield* this.#narrowed(place, interval)
        if (below !== null) this.#push(place, below)
      } else if (this.#isWanted(place.leaf, ref.known, interval)) {
        yield place.leaf
      }
    }
  }

  #next(): Pending | undefined {
    const last = this.#stack.length - 1
    if (this.#isHeld !== null) {
      for (let i = last; i >= 0 && i > last - AHEAD_BLOCKS; i--) {
        if (this.#isHeld(this.#stack[i]!.ref.seq)) return this.#stack.splice(i, 1)[0]
      }
    }
    return this.#stack.pop()
  }

  /** Levels above the branch that nobody branched at may lie outside of the interval. */
  *#narrowed(place: BranchPlace, interval: Interval): Walk<Interval | null> {
    if (interval === EVERYTHING) return interval
    const sample = yield* anyPathOf(place, this.#paths)
    return sample === null ? null : intervalBelow(interval, sample, place.level)
  }

  #push(place: BranchPlace, interval: Interval): void {
    const { map, level } = place
    for (let i = SLOTS.length - 1; i >= 0; i--) {
      const slot = this.#isReverse ? SLOTS.length - 1 - i : i
      if (((map >>> slot) & 1) === 0) continue
      const below = interval === EVERYTHING ? interval : intervalOfSlot(interval, level, slot)
      if (below !== null) this.#stack.push({ ref: place.ref(slot), interval: below })
    }
  }

  #isWanted(leaf: LeafView, known: Known | null, interval: Interval): boolean {
    if (!this.#isChecked && interval === EVERYTHING) return true
    const path = this.#paths.pathOf(leaf.key())
    if (this.#isChecked) assertBelongs(leaf, path, known)
    return interval === EVERYTHING || isWithin(path, interval)
  }
}

/** @throws FormatError MALFORMED if a key is not where its path leads */
export function assertBelongs(leaf: LeafView, path: Path, known: Known | null): void {
  if (known === null || known.agrees(path)) return
  throw new FormatError(
    'MALFORMED',
    leaf.fragment.seq,
    'it holds an entry where its key does not belong'
  )
}
