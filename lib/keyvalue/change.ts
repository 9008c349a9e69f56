// Change: operations applied to the newest version, in memory, before they are appended as one group
// (spec hamt.md section 7.4).
import { StateError } from '../errors.ts'
import { toLatin1 } from '../util/bytes.ts'
import type { Deletion } from './fragment.ts'
import { checkKey, type Key } from './key.ts'
import type { Path, Paths } from './path.ts'
import { type Slot, TrieEditor, TrieLeaf, UNSAVED } from './trie.ts'
import type { Walk } from './walk.ts'

/** Must hold for an operation to be done. All that are given. */
export interface Condition {
  /** The key is not there. */
  readonly ifAbsent?: boolean
  /** The entry has this version; 0: the key is not there. */
  readonly ifVersion?: number
  /** Says yes to the present entry; null: the key is not there. */
  readonly test?: ((current: TrieLeaf | null) => Walk<boolean>) | undefined
}

export type Operation = Condition & {
  readonly key: Key
  /** Null: the key is deleted. */
  readonly value: Uint8Array | null
}

/** What became of an operation. */
export interface Outcome {
  /** False: it was refused, or there was nothing to delete. */
  readonly isDone: boolean
  /** Its condition did not hold. */
  readonly isRefused: boolean
  /** Of a put: tells its version once it is written. */
  readonly leaf: TrieLeaf | null
}

const NOT_THERE: Outcome = { isDone: false, isRefused: false, leaf: null }
const REFUSED: Outcome = { isDone: false, isRefused: true, leaf: null }

/** A key that was touched: its entry version before; 0: none. */
interface Touched {
  readonly key: Key
  readonly before: number
  leaf: TrieLeaf | null
}

export class Change {
  readonly root: { slot: Slot }
  readonly #editor: TrieEditor
  readonly #paths: Paths
  readonly #touched: Map<string, Touched> = new Map()

  /** @param head the number of the commit that the change builds on; null: the store is empty */
  constructor(head: number | null, paths: Paths) {
    this.root = { slot: head }
    this.#paths = paths
    this.#editor = new TrieEditor(paths)
  }

  /** Keys more, or fewer. */
  get countDelta(): number {
    let delta = 0
    for (const { before, leaf } of this.#touched.values()) {
      delta += (leaf === null ? 0 : 1) - (before === 0 ? 0 : 1)
    }
    return delta
  }

  /** Keys that were touched. */
  get operations(): number {
    return this.#touched.size
  }

  get isEmpty(): boolean {
    for (const { before, leaf } of this.#touched.values()) {
      if (leaf !== null || before !== 0) return false
    }
    return true
  }

  /** Leaves that are to be written. */
  *leaves(): Iterable<TrieLeaf> {
    for (const { leaf } of this.#touched.values()) if (leaf !== null) yield leaf
  }

  deletions(): Deletion[] {
    const deletions: Deletion[] = []
    for (const { key, before, leaf } of this.#touched.values()) {
      if (leaf === null && before !== 0) deletions.push({ key, version: before })
    }
    return deletions
  }

  /** Whether an operation on that key was applied. */
  touches(key: Key): boolean {
    return this.#touched.has(toLatin1(this.#paths.pathOf(key)))
  }

  /** @throws StateError COLLISION; ArgumentError KEY_INVALID; FormatError. Nothing was changed then. */
  *apply(operation: Operation): Walk<Outcome> {
    const { key, value } = operation
    if (this.#paths.isOrdered) checkKey(key, true)
    const path = this.#paths.pathOf(key)
    const name = toLatin1(path)
    const isConditional = hasCondition(operation)
    const current =
      isConditional || value === null ? yield* this.#editor.find(this.root, key, path) : null
    if (isConditional && !(yield* holds(operation, current))) return REFUSED
    return value === null
      ? yield* this.#remove({ key, path, name }, current)
      : yield* this.#put({ key, path, name }, value)
  }

  *#put({ key, path, name }: Place, value: Uint8Array): Walk<Outcome> {
    const leaf = new TrieLeaf({
      key,
      path,
      value: { inline: value },
      source: UNSAVED,
      version: UNSAVED
    })
    this.root.slot = yield* this.#editor.insert({ slot: this.root.slot, depth: -1 }, leaf)
    const touched = this.#touched.get(name)
    if (touched === undefined) this.#touched.set(name, { key, before: leaf.prev, leaf })
    else {
      leaf.prev = touched.before
      touched.leaf = leaf
    }
    return { isDone: true, isRefused: false, leaf }
  }

  *#remove({ key, path, name }: Place, current: TrieLeaf | null): Walk<Outcome> {
    if (current === null) return NOT_THERE
    this.root.slot = yield* this.#editor.remove({ slot: this.root.slot, depth: -1 }, path)
    const touched = this.#touched.get(name)
    if (touched === undefined) this.#touched.set(name, { key, before: current.version, leaf: null })
    else touched.leaf = null
    return { isDone: true, isRefused: false, leaf: null }
  }
}

interface Place {
  readonly key: Key
  readonly path: Path
  readonly name: string
}

function hasCondition({ ifAbsent, ifVersion, test }: Condition): boolean {
  return ifAbsent === true || ifVersion !== undefined || test !== undefined
}

function* holds({ ifAbsent, ifVersion, test }: Condition, current: TrieLeaf | null): Walk<boolean> {
  if (ifAbsent === true && current !== null) return false
  if (ifVersion !== undefined && ifVersion !== (current?.version ?? 0)) return false
  return test === undefined || (yield* test(current))
}

export function conditionFailed(): StateError {
  return new StateError(
    'CONDITION_FAILED',
    'A condition of the batch does not hold; nothing was written'
  )
}
