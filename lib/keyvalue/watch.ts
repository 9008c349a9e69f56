// Watch: tells that something changed below a prefix, from which version to which; what changed is for diff to say. Mostly
// no block has to be read: the new head holds the prefix's node, or names the same block as before
// (spec hamt.md section 6.9).
import { throwIfAborted } from '../util/abort.ts'
import { deferred } from '../util/deferred.ts'
import type { Unsubscribe } from '../util/emitter.ts'
import type { Key } from './key.ts'
import type { OpenedKeyValue } from './opened-keyvalue.ts'
import type { Paths } from './path.ts'
import { type Identity, resolve, sameIdentity } from './place.ts'
import { below } from './sources.ts'
import type { Walk } from './walk.ts'

/** Two versions between which a prefix changed. */
export interface VersionChange {
  readonly from: number
  readonly to: number
}

interface Seen {
  readonly version: number
  readonly identity: Identity | null
}

export class Watcher implements AsyncIterableIterator<VersionChange, undefined> {
  readonly #opened: OpenedKeyValue
  readonly #prefix: Key
  readonly #signal: AbortSignal | undefined
  readonly #leaving: AbortController = new AbortController()
  readonly #offs: Unsubscribe[]
  #woken = deferred<void>()
  #seen: Promise<Seen>

  constructor(opened: OpenedKeyValue, prefix: Key, signal: AbortSignal | undefined) {
    this.#opened = opened
    this.#prefix = prefix
    this.#signal = signal
    const wake = (): void => this.#woken.resolve()
    const { log } = opened
    this.#offs = [log.on('append', wake), log.on('truncate', wake), log.on('close', wake)]
    signal?.addEventListener('abort', wake, { once: true })
    // What is there now is what the first change is measured by, however late it is asked for.
    this.#seen = this.#look()
    this.#seen.catch(() => {})
  }

  /** @throws AbortError; FormatError */
  async next(): Promise<IteratorResult<VersionChange, undefined>> {
    try {
      for (;;) {
        if (this.#leaving.signal.aborted || this.#opened.log.status !== 'open')
          return await this.return()
        throwIfAborted(this.#signal)
        const before = await this.#seen
        this.#seen = this.#look()
        const now = await this.#seen
        if (before.version !== now.version && !isSame(before.identity, now.identity)) {
          return { done: false, value: { from: before.version, to: now.version } }
        }
        await this.#woken.promise
        this.#woken = deferred()
      }
    } catch (error) {
      await this.return()
      throw error
    }
  }

  return(): Promise<IteratorResult<VersionChange, undefined>> {
    for (const off of this.#offs.splice(0)) off()
    this.#leaving.abort()
    this.#woken.resolve()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async #look(): Promise<Seen> {
    const options = { signal: this.#leaving.signal }
    const { version } = await this.#opened.newest(options)
    const prefix = this.#prefix
    const walk = function* (at: number, paths: Paths): Walk<Identity | null> {
      const ref = yield* below(at, prefix, paths)
      const place = ref === null ? null : yield* resolve(ref)
      return place?.identity ?? null
    }
    return { version, identity: await this.#opened.read(null, walk, null, options) }
  }
}

function isSame(a: Identity | null, b: Identity | null): boolean {
  return a === null || b === null ? a === b : sameIdentity(a, b)
}
