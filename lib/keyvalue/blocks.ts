// Blocks: the log as the walks of a store see it: a cache, then what is here, then peers. A walk whose blocks are all at
// hand runs through without waiting.
import { FormatError, UnavailableError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import type { GetOptions } from '../log/session.ts'
import { BlockCache } from './block-cache.ts'
import { MAX_READ_BLOCK_BYTES } from './constants.ts'
import type { Walk } from './walk.ts'

export type ReadOptions = GetOptions

/** Asks peers for blocks that a walk will come to, or may. */
export type Prefetch = (seqs: readonly number[]) => void

export class Blocks {
  readonly log: Log
  readonly #cache: BlockCache

  constructor(log: Log, cacheBytes: number) {
    this.log = log
    this.#cache = new BlockCache(cacheBytes)
  }

  /** A block at hand; null: it has to be fetched. */
  now(seq: number): Uint8Array | null {
    const known = this.#cache.get(seq)
    if (known !== undefined) return known
    const block = this.log.peek(seq)
    if (block !== null) this.#keep(seq, block)
    return block
  }

  /** @throws UnavailableError NOT_AVAILABLE if it is not here and is not to be waited for; as Log.get */
  async fetch(seq: number, options: ReadOptions): Promise<Uint8Array> {
    const { wait = true, ...rest } = options
    const block = wait
      ? await this.log.get(seq, rest)
      : await this.log.get(seq, { ...rest, wait: false })
    if (block === null) throw new UnavailableError('NOT_AVAILABLE', `Block ${seq} is not here`)
    this.#keep(seq, block)
    return block
  }

  /** The walk's result; a promise only if something has to be waited for. */
  run<R>(walk: Walk<R>, options: ReadOptions): R | Promise<R> {
    let step = walk.next()
    while (step.done !== true) {
      const block = this.now(step.value)
      if (block === null) return this.#runSlowly(walk, step.value, options)
      step = walk.next(block)
    }
    return step.value
  }

  /** What was appended here. */
  written(first: number, blocks: readonly Uint8Array[]): void {
    blocks.forEach((block, i) => {
      this.#keep(first + i, block)
    })
  }

  cut(length: number): void {
    this.#cache.cut(length)
  }

  async #runSlowly<R>(walk: Walk<R>, first: number, options: ReadOptions): Promise<R> {
    let step = walk.next(await this.fetch(first, options))
    while (step.done !== true) {
      const seq = step.value
      step = walk.next(this.now(seq) ?? (await this.fetch(seq, options)))
    }
    return step.value
  }

  #keep(seq: number, block: Uint8Array): void {
    if (block.byteLength > MAX_READ_BLOCK_BYTES) {
      throw new FormatError('MALFORMED', seq, `${block.byteLength} bytes are too many`)
    }
    this.#cache.set(seq, block)
  }
}
