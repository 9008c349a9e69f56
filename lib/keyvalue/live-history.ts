// LiveHistory: the history of a store, part by part: up to the newest version, and, if it is to go on, from there to each
// newer one. Operations on keys that a handle does not see are left out.
import { throwIfAborted } from '../util/abort.ts'
import { deferred } from '../util/deferred.ts'
import type { View } from './cuts.ts'
import type { OpenedKeyValue } from './opened-keyvalue.ts'

interface LiveHistoryParts<T> {
  readonly opened: OpenedKeyValue
  readonly options: { readonly limit?: number; readonly signal?: AbortSignal }
  readonly since: number
  readonly live: boolean
  /** Null: the newest version. */
  readonly view: View | null
  /** The operations from a version to another; null stands for one that is left out. */
  part(from: number, to: View | null): AsyncIterableIterator<T | null, undefined>
}

export class LiveHistory<T> implements AsyncIterableIterator<T, undefined> {
  readonly #parts: LiveHistoryParts<T>
  readonly #leaving: AbortController = new AbortController()
  #left: number
  #from: number
  #to: View | null = null
  #part: AsyncIterableIterator<T | null, undefined> | null = null

  constructor(parts: LiveHistoryParts<T>) {
    this.#parts = parts
    this.#left = parts.options.limit ?? Number.POSITIVE_INFINITY
    this.#from = parts.since
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    while (this.#left > 0 && !this.#leaving.signal.aborted) {
      throwIfAborted(this.#parts.options.signal)
      this.#part ??= await this.#nextPart()
      if (this.#part === null) break
      const { done, value } = await this.#part.next()
      if (done === true) {
        this.#part = null
        this.#from = this.#to?.version ?? this.#from
        if (!this.#parts.live) break
      } else if (value !== null) {
        this.#left--
        return { done: false, value }
      }
    }
    return await this.return()
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#left = 0
    this.#leaving.abort()
    await this.#part?.return?.()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Null: the store was closed, or the loop left. */
  async #nextPart(): Promise<AsyncIterableIterator<T | null, undefined> | null> {
    const { opened, live, view, part } = this.#parts
    this.#to = view ?? (await opened.newest({ signal: this.#leaving.signal }))
    while (live && this.#to.version <= this.#from) {
      if (!(await this.#moreWritten())) return null
      this.#to = await opened.newest({ signal: this.#leaving.signal })
    }
    return part(this.#from, this.#to)
  }

  /** Resolves with false when there is nothing to wait for any more. */
  async #moreWritten(): Promise<boolean> {
    const { log } = this.#parts.opened
    const { signal } = this.#parts.options
    const woken = deferred<void>()
    const wake = (): void => woken.resolve()
    const offs = [log.on('append', wake), log.on('truncate', wake), log.on('close', wake)]
    this.#leaving.signal.addEventListener('abort', wake, { once: true })
    signal?.addEventListener('abort', wake, { once: true })
    await woken.promise
    for (const off of offs) off()
    this.#leaving.signal.removeEventListener('abort', wake)
    signal?.removeEventListener('abort', wake)
    throwIfAborted(signal)
    return !this.#leaving.signal.aborted && log.status === 'open'
  }
}
