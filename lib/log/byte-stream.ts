// ByteStream: a stretch of the log's bytes, as if it were a file: seeks to its first byte, fetches the blocks of the
// stretch ahead of the consumer, and cuts the first and the last.
import { Readable } from 'streamx'
import { UnavailableError } from '../errors.ts'
import { checkInteger, checkOptions } from '../util/options.ts'
import { BlockIterator, type BlockSource, type BlockStream } from './block-stream.ts'
import type { GetOptions } from './session.ts'

export interface ByteStreamOptions {
  /** First byte; 0 by default. */
  byteOffset?: number
  /** As many bytes; up to the end of the log as it is now by default. */
  byteLength?: number
  signal?: AbortSignal
}

/** What a byte stream needs of a log: blocks as bytes, and where a byte lies. */
export interface ByteSource extends BlockSource<Uint8Array> {
  readonly byteLength: number
  seek(
    byteOffset: number,
    options?: GetOptions
  ): Promise<{ index: number; byteOffset: number } | null>
}

/** @throws ArgumentError INVALID_ARGUMENT or UNKNOWN_OPTION */
export function createByteStream(
  source: ByteSource,
  options: ByteStreamOptions
): BlockStream<Uint8Array> {
  checkOptions(options, ['byteOffset', 'byteLength', 'signal'], 'createByteStream')
  const { byteOffset = 0, signal } = options
  checkInteger(byteOffset, 0, 'createByteStream: byteOffset')
  const rest = Math.max(0, source.byteLength - byteOffset)
  const { byteLength = rest } = options
  checkInteger(byteLength, 0, 'createByteStream: byteLength')
  const pieces = new Pieces(source, { byteOffset, byteLength, ...(signal && { signal }) })
  return Readable.from(pieces) as BlockStream<Uint8Array>
}

/** Not a generator: leaving the loop must end a wait for peers at once. */
class Pieces implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #source: ByteSource
  readonly #byteOffset: number
  readonly #leaving: AbortController = new AbortController()
  readonly #signal: AbortSignal
  #blocks: BlockIterator<Uint8Array> | null = null
  /** Bytes of the first block that are not wanted. */
  #skip = 0
  #left: number

  constructor(
    source: ByteSource,
    {
      byteOffset,
      byteLength,
      signal
    }: Required<Omit<ByteStreamOptions, 'signal'>> & {
      signal?: AbortSignal
    }
  ) {
    this.#source = source
    this.#byteOffset = byteOffset
    this.#left = byteLength
    this.#signal =
      signal === undefined ? this.#leaving.signal : AbortSignal.any([signal, this.#leaving.signal])
  }

  /** @throws UnavailableError NOT_AVAILABLE past the end; AbortError; what get throws */
  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    try {
      while (this.#left > 0) {
        this.#blocks ??= await this.#begin()
        const result = await this.#blocks.next()
        if (result.done === true) throw pastTheEnd(this.#byteOffset, this.#left)
        const piece = result.value.subarray(this.#skip, this.#skip + this.#left)
        this.#skip = 0
        this.#left -= piece.byteLength
        if (piece.byteLength > 0) return { done: false, value: piece }
      }
    } catch (error) {
      await this.return()
      throw error
    }
    return this.return()
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#left = 0
    this.#leaving.abort()
    await this.#blocks?.return()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Both ends are sought at once, so that nothing behind the stretch is fetched. */
  async #begin(): Promise<BlockIterator<Uint8Array>> {
    const signal = this.#signal
    const last = this.#byteOffset + this.#left - 1
    const [start, end] = await Promise.all([
      this.#source.seek(this.#byteOffset, { signal }),
      this.#source.seek(last, { signal })
    ])
    if (start === null || end === null || end.index >= this.#source.length) {
      throw pastTheEnd(this.#byteOffset, this.#left)
    }
    this.#skip = start.byteOffset
    return new BlockIterator(this.#source, { start: start.index, end: end.index + 1, signal })
  }
}

function pastTheEnd(byteOffset: number, byteLength: number): UnavailableError {
  return new UnavailableError(
    'NOT_AVAILABLE',
    `The log has no ${byteLength} bytes from byte ${byteOffset} on`
  )
}
