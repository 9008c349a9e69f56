// BlockStream: the values of a range of blocks in order, read ahead of whoever consumes them.
import { Readable } from 'streamx'
import { checkInteger, checkOptions } from '../util/options.ts'
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
}

/** A stream of streamx, which is piped and iterated like Node's. */
export type BlockStream<T> = Readable & AsyncIterable<T>

/** Blocks asked for before the consumer has come to them. */
const READ_AHEAD_BLOCKS = 32

const OPTIONS = ['start', 'end', 'live', 'signal']

export function createBlockStream<T>(
  source: BlockSource<T>,
  options: BlockStreamOptions
): BlockStream<T> {
  return Readable.from(blocksOf(source, options)) as BlockStream<T>
}

/** @throws ArgumentError at the first step; AbortError; what get throws */
export async function* blocksOf<T>(
  source: BlockSource<T>,
  options: BlockStreamOptions
): AsyncGenerator<T, void, void> {
  checkOptions(options, OPTIONS, 'createReadStream')
  const { start = 0, live = false } = options
  const end = options.end ?? (live ? Number.POSITIVE_INFINITY : source.length)
  checkInteger(start, 0, 'createReadStream: start')
  if (end !== Number.POSITIVE_INFINITY) checkInteger(end, 0, 'createReadStream: end')
  // Ends what was asked ahead when the consumer leaves.
  const leaving = new AbortController()
  const signal =
    options.signal === undefined
      ? leaving.signal
      : AbortSignal.any([options.signal, leaving.signal])
  const ahead: Promise<T>[] = []
  let next = start
  try {
    for (let index = start; index < end; index++) {
      const stop = Math.min(end, index + READ_AHEAD_BLOCKS, Math.max(source.length, index + 1))
      for (; next < stop; next++) {
        const value = source.get(next, { signal })
        value.catch(() => {})
        ahead.push(value)
      }
      const value = ahead.shift()
      if (value === undefined) return
      yield await value
    }
  } finally {
    leaving.abort()
  }
}
