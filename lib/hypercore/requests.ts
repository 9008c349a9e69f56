// What a session is waiting for from peers. Each wait stands in a list, its session's or one that the caller passed
// as `activeRequests`, and whoever holds the list can end it; packages written for Hypercore do so by the shape that
// the entries have there. A list that holds only null takes no more waits.
import { systemEnv } from '../env.ts'
import { type Deferred, deferred } from '../util/deferred.ts'
import { HypercoreError } from './errors.ts'

export interface ActiveRequest {
  readonly context: {
    readonly replicator: { queueUpdateAll(): void }
    detach(request: ActiveRequest, error?: Error | null): void
  }
}

export type ActiveRequests = (ActiveRequest | null)[]

export interface RequestOptions<T> {
  /** Ends in REQUEST_TIMEOUT after so many milliseconds; 0: never. */
  readonly timeoutMs: number
  /** The block that is waited for, if it is one that exists at this moment: a cut below it ends the wait. */
  readonly index?: number
  /** Ends the wait as whoever holds the list would. */
  readonly signal?: AbortSignal | undefined
  /** What the wait comes to if it is ended; by default it rejects with the error given, or REQUEST_CANCELLED. */
  readonly cancelled?: () => T
}

const replicator = { queueUpdateAll(): void {} }

export class Requests {
  readonly #waits: Set<{ readonly index: number; end(error: Error): void }> = new Set()

  /** @throws HypercoreError REQUEST_CANCELLED, REQUEST_TIMEOUT, SNAPSHOT_NOT_AVAILABLE; what the work throws */
  async run<T>(
    list: ActiveRequests,
    options: RequestOptions<T>,
    work: (signal: AbortSignal) => Promise<T>
  ): Promise<T> {
    if (list.length > 0 && list[0] === null) throw cancelledError()
    const { timeoutMs, index, cancelled, signal } = options
    if (signal?.aborted) throw cancelledError()
    const controller = new AbortController()
    const outcome: Deferred<T> = deferred()
    const end = (error: Error | null): void => {
      if (cancelled !== undefined) outcome.resolve(cancelled())
      else outcome.reject(error ?? cancelledError())
      controller.abort()
    }
    const request: ActiveRequest = {
      context: {
        replicator,
        detach: (_, error = null) => {
          remove(list, request)
          end(error)
        }
      }
    }
    list.push(request)
    const abort = (): void => end(null)
    signal?.addEventListener('abort', abort, { once: true })
    const wait = { index: index ?? -1, end }
    this.#waits.add(wait)
    const timer =
      timeoutMs > 0 ? systemEnv.setTimer(timeoutMs, () => end(timeoutError()), KEEP_ALIVE) : null
    work(controller.signal).then(outcome.resolve, outcome.reject)
    try {
      return await outcome.promise
    } finally {
      timer?.[Symbol.dispose]()
      signal?.removeEventListener('abort', abort)
      this.#waits.delete(wait)
      remove(list, request)
    }
  }

  /** The log was cut: blocks that were there when somebody asked for them will not come. */
  cut(length: number): void {
    for (const wait of this.#waits) {
      if (wait.index < length) continue
      wait.end(new HypercoreError('SNAPSHOT_NOT_AVAILABLE', 'The block was cut off meanwhile'))
    }
  }
}

/** Ends all waits of a list. */
export function clearRequests(list: ActiveRequests, error: Error | null = null): void {
  for (let last = list.at(-1); last !== undefined && last !== null; last = list.at(-1)) {
    last.context.detach(last, error)
  }
}

/** Ends all waits of a list, which takes no more from now on. */
export function destroyRequests(list: ActiveRequests, error: Error | null = null): void {
  if (list.length > 0 && list[0] === null) return
  clearRequests(list, error)
  list.push(null)
}

/** Whoever set a limit to a wait counts on hearing of it. */
const KEEP_ALIVE = { keepsAlive: true }

function remove(list: ActiveRequests, request: ActiveRequest): void {
  const index = list.indexOf(request)
  if (index >= 0) list.splice(index, 1)
}

function cancelledError(): HypercoreError {
  return new HypercoreError('REQUEST_CANCELLED', 'The request was cancelled')
}

function timeoutError(): HypercoreError {
  return new HypercoreError('REQUEST_TIMEOUT', 'The request timed out')
}
