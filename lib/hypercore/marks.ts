// Marks: which blocks a sweep keeps. In memory while the core is open, and beside the log, as user data, when it is
// closed, as a list of runs: uint gap | uint run, for each run of marked blocks. While marks are only in memory an empty
// value stands there, so that a sweep after a crash knows that it does not know what to keep.
import { emptyBytes } from '../util/bytes.ts'
import { type Codec, decode, encode, uint } from '../util/codec.ts'
import { HypercoreError } from './errors.ts'

/** The name in the log's user data. */
const NAME = 'hypercore/marks'

/** What it needs of a log. */
export interface MarkStore {
  getUserData(name: string): Uint8Array | null
  setUserData(name: string, value: Uint8Array | null): Promise<void>
}

export class Marks {
  readonly #store: MarkStore
  #marked: Set<number> | null = null
  #isStored = true

  constructor(store: MarkStore) {
    this.#store = store
  }

  /** @throws HypercoreError INVALID_OPERATION if they were lost */
  async mark(start: number, end: number): Promise<void> {
    const marked = this.#load()
    for (let index = start; index < end; index++) marked.add(index)
    if (!this.#isStored) return
    this.#isStored = false
    await this.#store.setUserData(NAME, emptyBytes)
  }

  async clear(): Promise<void> {
    this.#marked = new Set()
    this.#isStored = true
    if (this.#store.getUserData(NAME) !== null) await this.#store.setUserData(NAME, null)
  }

  /** The gaps [start, end) between marked blocks below a length. @throws HypercoreError INVALID_OPERATION */
  gaps(length: number): [start: number, end: number][] {
    const gaps: [number, number][] = []
    let start = 0
    for (const index of [...this.#load()].sort((a, b) => a - b)) {
      if (index >= length) break
      if (index > start) gaps.push([start, index])
      start = index + 1
    }
    if (start < length) gaps.push([start, length])
    return gaps
  }

  /** The log closes. More marks than its user data holds are as good as lost, and a sweep will say so. */
  async store(): Promise<void> {
    if (this.#isStored || this.#marked === null) return
    this.#isStored = true
    await this.#store.setUserData(NAME, encode(runs, this.#marked)).catch(() => {})
  }

  #load(): Set<number> {
    if (this.#marked !== null) return this.#marked
    const stored = this.#store.getUserData(NAME)
    if (stored?.byteLength === 0) {
      throw new HypercoreError('INVALID_OPERATION', 'The marks were lost: mark again')
    }
    this.#marked = stored === null ? new Set() : decode(runs, stored)
    return this.#marked
  }
}

const runs: Codec<Set<number>> = {
  preencode(state, marked) {
    for (const number of runsOf(marked)) uint.preencode(state, number)
  },
  encode(state, marked) {
    for (const number of runsOf(marked)) uint.encode(state, number)
  },
  decode(state) {
    const marked = new Set<number>()
    for (let index = 0; state.start < state.end; ) {
      index += uint.decode(state)
      for (let left = uint.decode(state); left > 0; left--) marked.add(index++)
    }
    return marked
  }
}

function runsOf(marked: ReadonlySet<number>): number[] {
  const numbers: number[] = []
  let end = 0
  for (const index of [...marked].sort((a, b) => a - b)) {
    const last = numbers.length - 1
    if (last > 0 && index === end) numbers[last] = (numbers[last] ?? 0) + 1
    else numbers.push(index - end, 1)
    end = index + 1
  }
  return numbers
}
