// The streams of a session: its values in order, its bytes in order, and values to append. Streams of streamx, which
// are piped and iterated like Node's.
import { Readable, Writable } from 'streamx'
import type { ByteStreamOptions, ReadStreamOptions } from './stream-options.ts'

type Done = (error: Error | null) => void

/** What the streams need of a session. */
export interface StreamSource {
  readonly length: number
  readonly byteLength: number
  readonly wait: boolean
  readonly timeout: number
  ready(): Promise<void>
  update(): Promise<boolean>
  get(index: number, options: object): Promise<unknown>
  seek(byteOffset: number): Promise<[number, number] | null>
  append(values: readonly unknown[]): Promise<unknown>
  download(range: object): { destroy(): void }
}

export class ReadStream extends Readable {
  readonly #core: StreamSource
  readonly #live: boolean
  readonly #isFixed: boolean
  readonly #leaving: AbortController = new AbortController()
  readonly #options: object
  #next: number
  #end: number | null

  constructor(core: StreamSource, options: ReadStreamOptions = {}) {
    super()
    const { start = 0, end = -1, live = false, snapshot = true } = options
    this.#core = core
    this.#next = start
    this.#end = end === -1 ? null : end
    this.#live = this.#end === null && live
    this.#isFixed = !live && snapshot
    const { wait = core.wait, timeout } = options
    this.#options = { wait, timeout: timeout || core.timeout, signal: this.#leaving.signal }
  }

  override _predestroy(): void {
    this.#leaving.abort()
  }

  override _open(done: Done): void {
    settle(this.#start(), done)
  }

  override _read(done: Done): void {
    settle(this.#readNext(), done)
  }

  async #start(): Promise<void> {
    if (this.#end !== null) return this.#core.ready()
    await this.#core.update()
    if (this.#isFixed) this.#end = this.#core.length
  }

  async #readNext(): Promise<void> {
    const end = this.#live ? Number.POSITIVE_INFINITY : (this.#end ?? this.#core.length)
    if (this.#next >= end) this.push(null)
    else this.push(await this.#core.get(this.#next++, this.#options))
  }
}

export class WriteStream extends Writable {
  readonly #core: StreamSource

  constructor(core: StreamSource) {
    super()
    this.#core = core
  }

  override _writev(batch: unknown[], done: Done): void {
    settle(this.#core.append(batch), done)
  }
}

/** Blocks that are fetched before the consumer has come to them. */
const READ_AHEAD_BLOCKS = 32

export class ByteStream extends Readable {
  readonly #core: StreamSource
  readonly #prefetch: number
  readonly #byteOffset: number
  #bytesLeft: number | null
  #index = 0
  /** Bytes to leave out at the head of the next block. */
  #skipped = 0
  readonly #leaving: AbortController = new AbortController()
  #ahead: { destroy(): void } | null = null

  constructor(core: StreamSource, options: ByteStreamOptions = {}) {
    super()
    const { byteOffset = 0, byteLength = -1, prefetch = READ_AHEAD_BLOCKS } = options
    this.#core = core
    this.#prefetch = prefetch
    this.#byteOffset = byteOffset
    this.#bytesLeft = byteLength === -1 ? null : byteLength
  }

  override _open(done: Done): void {
    settle(this.#start(), done)
  }

  override _read(done: Done): void {
    settle(this.#readNext(), done)
  }

  override _predestroy(): void {
    this.#leaving.abort()
  }

  override _destroy(done: Done): void {
    this.#ahead?.destroy()
    done(null)
  }

  async #start(): Promise<void> {
    if (this.#bytesLeft === null) {
      await this.#core.update()
      this.#bytesLeft = Math.max(0, this.#core.byteLength - this.#byteOffset)
    }
    if (this.#byteOffset === 0 || this.#bytesLeft === 0) return
    const place = await this.#core.seek(this.#byteOffset)
    if (place !== null) [this.#index, this.#skipped] = place
    else this.#bytesLeft = 0
  }

  async #readNext(): Promise<void> {
    const left = this.#bytesLeft ?? 0
    if (left === 0) {
      this.push(null)
      return
    }
    this.#fetchAhead(this.#index + 1)
    const { signal } = this.#leaving
    const options = { valueEncoding: 'binary', signal }
    const block = (await this.#core.get(this.#index++, options)) as Uint8Array
    const bytes = block.subarray(this.#skipped, Math.min(block.byteLength, this.#skipped + left))
    this.#skipped = 0
    this.#bytesLeft = left - bytes.byteLength
    this.push(bytes)
    if (this.#bytesLeft === 0) this.push(null)
  }

  #fetchAhead(start: number): void {
    this.#ahead?.destroy()
    this.#ahead = this.#core.download({ start, end: start + this.#prefetch, linear: true })
  }
}

function settle(work: Promise<unknown>, done: Done): void {
  work.then(() => done(null), done)
}
