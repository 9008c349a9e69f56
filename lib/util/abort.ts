// Waiting that can be given up: every awaiting public call takes an AbortSignal.
import { AbortError } from '../errors.ts'

/** @throws AbortError ABORTED, or TIMEOUT if the signal is that of AbortSignal.timeout */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal)
}

/** The typed error for a signal that has fired; its reason is the cause. */
export function abortError(signal: AbortSignal): AbortError {
  const timedOut = signal.reason instanceof Error && signal.reason.name === 'TimeoutError'
  return timedOut
    ? new AbortError('TIMEOUT', 'The call timed out', signal.reason)
    : new AbortError('ABORTED', 'The call was aborted', signal.reason)
}

/**
 * The promise's outcome, or rejection with AbortError as soon as the signal fires; then onAbort runs,
 * once, to drop what the call had asked for.
 */
export function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  onAbort?: () => void
): Promise<T> {
  if (signal === undefined) return promise
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => {
      onAbort?.()
      reject(abortError(signal))
    }
    if (signal.aborted) {
      promise.catch(() => {})
      stop()
      return
    }
    signal.addEventListener('abort', stop, { once: true })
    promise.finally(() => signal.removeEventListener('abort', stop)).then(resolve, reject)
  })
}
