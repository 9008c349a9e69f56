// Logs of a store as they appear, one by one, for a loop.
import type { IndexedLog } from '../storage/store-index.ts'
import { deferred } from '../util/deferred.ts'
import type { Emitter } from '../util/emitter.ts'
import type { StoreEvents } from './opened-store.ts'

/** From the call on; ends with the store, or when the signal fires. */
export function watchLogs<T>(
  events: Emitter<StoreEvents>,
  describe: (log: IndexedLog) => T,
  signal: AbortSignal | undefined
): AsyncGenerator<T, void, undefined> {
  const waiting: IndexedLog[] = []
  let isOver = signal?.aborted ?? false
  let news = deferred<void>()
  const end = (): void => {
    isOver = true
    news.resolve()
  }
  const offs = [
    events.on('held', (log) => {
      waiting.push(log)
      news.resolve()
    }),
    events.on('close', end)
  ]
  signal?.addEventListener('abort', end, { once: true })
  const stop = (): void => {
    for (const off of offs) off()
    signal?.removeEventListener('abort', end)
  }
  return watch()

  async function* watch(): AsyncGenerator<T, void, undefined> {
    try {
      while (!isOver || waiting.length > 0) {
        const log = waiting.shift()
        if (log !== undefined) yield describe(log)
        else {
          await news.promise
          news = deferred()
        }
      }
    } finally {
      stop()
    }
  }
}
