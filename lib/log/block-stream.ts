// BlockStream: the values of a range of blocks in order. What is not here is fetched ahead of whoever consumes it.
import { Readable } from 'streamx'
import { checkInteger, checkOptions } from '../util/options.ts'
import type { Download, DownloadOptions } from './download.ts'
import type { GetOptions } from './session.ts'

export interface BlockStreamOptions {
  /** First block; 0 by default. */
  start?: number
  /** One past the last block; the length at the moment of the call by default. */
  end?: number
  /** Does not end, but waits for what is appended. Not together with end. */
  live?: boolean
  signal?: AbortSignal
}

/** What a stream needs of a log. */
export interface BlockSource<T> {
  readonly length: number
  get(index: number, options?: GetOptions): Promise<T>
  download(options: DownloadOptions): Download
}

/** A stream of streamx, which is piped and iterated like Node's. */
export type BlockStream<T> = Readable & AsyncIterable<T>

/** Blocks that are fetched before the consumer has come to them. */
const READ_AHEAD_BLOCKS = 64

const OPTIONS = ['start', 'end', 'live', 'signal']

/** @throws ArgumentError INVALID_ARGUMENT or UNKNOWN_OPTION */
export function createBlockStream<T>(
  source: BlockSource<T>,
  options: BlockStreamOptions
): BlockStream<T> {
  return Readable.from(new BlockIterator(source, options)) as BlockStream<T>
}

/** Not a generator: leaving the loop must end a get that is still waiting. */
export class BlockIterator<T> implements AsyncIterableIterator<T, undefined> {
  readonly #source: BlockSource<T>
  readonly #leaving: AbortController = new AbortController()
  readonly #signal: AbortSignal
  readonly #end: number
  #next: number
  #ahead: Download | null = null
  #aheadEnd: number

  /** @throws ArgumentError INVALID_ARGUMENT or UNKNOWN_OPTION */
  constructor(source: BlockSource<T>, options: BlockStreamOptions) {
    checkOptions(options, OPTIONS, 'createReadStream')
    const { start = 0, live = false, signal } = options
    const end = options.end ?? (live ? Number.POSITIVE_INFINITY : source.length)
    checkInteger(start, 0, 'createReadStream: start')
    if (end !== Number.POSITIVE_INFINITY) checkInteger(end, 0, 'createReadStream: end')
    this.#source = source
    this.#next = start
    this.#aheadEnd = start
    this.#end = end
    this.#signal =
      signal === undefined ? this.#leaving.signal : AbortSignal.any([signal, this.#leaving.signal])
  }

  /** @throws AbortError; what get throws */
  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.#next >= this.#end || this.#leaving.signal.aborted) return this.return()
    try {
      this.#fetchAhead()
      const value = await this.#source.get(this.#next++, { signal: this.#signal })
      return { done: false, value }
    } catch (error) {
      await this.return()
      throw error
    }
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#ahead?.destroy()
    this.#leaving.abort()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** When half of what was fetched ahead is used up, as much again is wished for. */
  #fetchAhead(): void {
    if (this.#aheadEnd >= this.#end || this.#next + READ_AHEAD_BLOCKS / 2 < this.#aheadEnd) return
    this.#ahead?.destroy()
    this.#aheadEnd = Math.min(this.#end, this.#next + READ_AHEAD_BLOCKS)
    const range = { start: this.#next, end: this.#aheadEnd, linear: true }
    this.#ahead = this.#source.download(range)
  }
}
