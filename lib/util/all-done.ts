// Waiting for several things that must all have ended before anything goes on, also when one of them failed.

/** Waits for all, then throws the first error. */
export async function allDone(work: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) {
    if (result.status === 'rejected') throw result.reason
  }
}
