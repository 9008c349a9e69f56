// Work put off until the running event, with the promise reactions it set off, is done: what gathers writes.

/** Runs before the next I/O event. A throw of `run` is not caught by anybody. */
export function atEndOfTick(run: () => void): void {
  process.nextTick(run)
}
