// Results: what a production finds, as an async iterator. Blocks that are at hand are walked through without waiting;
// before waiting for one, those that will be needed after it are asked for, too. Leaving the loop ends a wait.
import type { Download } from '../log/download.ts'
import { throwIfAborted } from '../util/abort.ts'
import type { Blocks, ReadOptions } from './blocks.ts'
import { AHEAD_BLOCKS } from './constants.ts'
import type { Cuts, View } from './cuts.ts'
import type { Production, Walk } from './walk.ts'

/** Where the results come from, once it is known which version is read. */
export interface Source<F extends object> {
  readonly view: View
  readonly production: Production<F>
  /** Blocks that it will need from one on that is missing, in order. */
  ahead?(missing: number): Iterable<number>
}

export interface ResultsParts<F extends object, T> {
  readonly blocks: Blocks
  readonly cuts: Cuts
  /** Null: there is nothing to be found. */
  open(options: ReadOptions): Promise<Source<F> | null>
  /** From what was found to what is given. */
  finish(found: F): Walk<T>
  readonly limit: number
  readonly options: ReadOptions
}

/** What a production is given back for something that it found. */
const NO_BLOCK = new Uint8Array(0)

export class Results<F extends object, T> implements AsyncIterableIterator<T, undefined> {
  readonly #parts: ResultsParts<F, T>
  readonly #leaving: AbortController = new AbortController()
  readonly #options: ReadOptions
  #source: Source<F> | null = null
  #ahead: Download | null = null
  #wanted: Set<number> = new Set()
  #misses = 0
  #left: number
  #answer: Uint8Array = NO_BLOCK

  constructor(parts: ResultsParts<F, T>) {
    this.#parts = parts
    this.#left = parts.limit
    const { signal, wait } = parts.options
    const leaving = this.#leaving.signal
    this.#options = {
      signal: signal === undefined ? leaving : AbortSignal.any([signal, leaving]),
      ...(wait === undefined ? {} : { wait })
    }
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.#left <= 0 || this.#leaving.signal.aborted) return this.return()
    try {
      throwIfAborted(this.#parts.options.signal)
      this.#source ??= await this.#parts.open(this.#options)
      const found = this.#source === null ? null : await this.#find(this.#source)
      if (found === null) return this.return()
      this.#left--
      const result = this.#parts.blocks.run(this.#parts.finish(found), this.#options)
      return { done: false, value: result instanceof Promise ? await result : result }
    } catch (error) {
      await this.return()
      throw error
    }
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#left = 0
    this.#ahead?.destroy()
    this.#leaving.abort()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** At once if no block has to be fetched. */
  #find(source: Source<F>): F | null | Promise<F | null> {
    const { blocks, cuts } = this.#parts
    cuts.assertWhole(source.view)
    let step = source.production.next(this.#answer)
    while (step.done !== true) {
      if (typeof step.value !== 'number') {
        this.#answer = NO_BLOCK
        return step.value
      }
      const block = blocks.now(step.value)
      if (block === null) return this.#findSlowly(source, step.value)
      step = source.production.next(block)
    }
    return null
  }

  async #findSlowly(source: Source<F>, missing: number): Promise<F | null> {
    this.#fetchAhead(source, missing)
    this.#answer = await this.#parts.blocks.fetch(missing, this.#options)
    return await this.#find(source)
  }

  /** Asks anew when what was asked for does not hold the block, or is half used up. */
  #fetchAhead({ ahead }: Source<F>, missing: number): void {
    if (ahead === undefined || this.#options.wait === false) return
    if (this.#wanted.has(missing) && ++this.#misses < AHEAD_BLOCKS / 2) return
    const { log } = this.#parts.blocks
    this.#misses = 0
    this.#wanted = new Set<number>([missing])
    for (const seq of ahead(missing)) {
      if (!log.has(seq)) this.#wanted.add(seq)
      if (this.#wanted.size >= AHEAD_BLOCKS) break
    }
    const before = this.#ahead
    this.#ahead = log.download({ blocks: [...this.#wanted] })
    before?.destroy()
  }
}
