// RangeDownload: a wish for a range of blocks, in Hypercore's shape: it may be made before the core is open, and comes
// to false if it is given up.
import type { DownloadOptions } from '../log/download.ts'
import { background } from '../util/background.ts'
import type { ActiveRequests } from './requests.ts'

export interface DownloadRange {
  /** First block; 0 by default. */
  start?: number
  /** One past the last block; -1, the default: whatever the core grows to. */
  end?: number
  /** In place of end. */
  length?: number
  /** These blocks instead of a range. */
  blocks?: readonly number[] | null
  linear?: boolean
  activeRequests?: ActiveRequests
}

/** What it needs of a session. */
export interface DownloadSource {
  readonly activeRequests: ActiveRequests
  ready(): Promise<void>
  /** True when all is here, false if the wish was given up. */
  requestRange(list: ActiveRequests, range: DownloadOptions): Promise<boolean>
}

export class RangeDownload {
  readonly session: DownloadSource
  readonly range: DownloadRange | undefined
  readonly #controller: AbortController = new AbortController()
  readonly #opening: Promise<void>
  #done: Promise<boolean> = Promise.resolve(false)

  constructor(session: DownloadSource, range?: DownloadRange) {
    this.session = session
    this.range = range
    this.#opening = session.ready().then(() => {
      if (this.#controller.signal.aborted) return
      const list = range?.activeRequests ?? session.activeRequests
      this.#done = session.requestRange(list, {
        ...rangeOf(range ?? {}),
        signal: this.#controller.signal
      })
      background(this.#done, () => {})
    })
    background(this.#opening, () => {})
  }

  ready(): Promise<void> {
    return this.#opening
  }

  /** True when every block is here; false once destroyed; never, for a range without end. */
  async done(): Promise<boolean> {
    await this.#opening
    return this.#done
  }

  downloaded(): Promise<boolean> {
    return this.done()
  }

  destroy(): void {
    this.#controller.abort()
  }
}

function rangeOf({
  start = 0,
  end = -1,
  length,
  blocks,
  linear = false
}: DownloadRange): DownloadOptions {
  if (blocks) return { blocks, linear }
  const last = length === undefined ? end : length === -1 ? -1 : start + length
  return { start, end: last === -1 ? -1 : Math.max(start, last), linear }
}
