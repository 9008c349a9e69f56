// Waits: the promises behind needs and updates of one log. Owner: Replicator.
import { ConflictError, StateError } from '../errors.ts'
import { abortable } from '../util/abort.ts'
import { type Deferred, deferred } from '../util/deferred.ts'
import { LazyMap, LazySet } from '../util/lazy.ts'
import type { NeedId } from './model/types.ts'

export class Waits {
  readonly #needs: LazyMap<NeedId, Deferred<void>> = new LazyMap()
  readonly #updates: LazySet<Deferred<boolean>> = new LazySet()

  /** Resolves when the need is met. @throws AbortError, after onAbort; or what rejectAll says */
  forNeed(id: NeedId, signal: AbortSignal | undefined, onAbort: () => void): Promise<void> {
    const wait = deferred<void>()
    this.#needs.set(id, wait)
    return abortable(wait.promise, signal, () => {
      this.#needs.delete(id)
      onAbort()
    })
  }

  /** Resolves with the next answer of settleUpdates. @throws as forNeed */
  forUpdate(signal: AbortSignal | undefined, onAbort: () => void): Promise<boolean> {
    const wait = deferred<boolean>()
    this.#updates.add(wait)
    return abortable(wait.promise, signal, () => {
      this.#updates.delete(wait)
      onAbort()
    })
  }

  /** Whether anybody waits for anything. */
  get isEmpty(): boolean {
    return this.#needs.size === 0 && this.#updates.size === 0
  }

  get hasUpdates(): boolean {
    return this.#updates.size > 0
  }

  meet(ids: readonly NeedId[]): void {
    for (const id of ids) {
      this.#needs.get(id)?.resolve()
      this.#needs.delete(id)
    }
  }

  settleUpdates(isLonger: boolean): void {
    for (const wait of this.#updates) wait.resolve(isLonger)
    this.#updates.clear()
  }

  /** The needs that nobody waits for any more. */
  rejectAll(error: Error): NeedId[] {
    const ids = [...this.#needs.keys()]
    for (const wait of [...this.#needs.values(), ...this.#updates]) wait.reject(error)
    this.#needs.clear()
    this.#updates.clear()
    return ids
  }
}

/** What waits end with. */
export function closedError(): StateError {
  return new StateError('CLOSED', 'The log is closed')
}

export function conflictError(): ConflictError {
  return new ConflictError('CONFLICT', 'The key of this log signed two histories')
}
