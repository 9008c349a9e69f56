// Work put off until other events have had their turn: what would otherwise keep the process to itself.

/** Runs in the next turn of the event loop, after the I/O events that are waiting. */
export function atNextTurn(run: () => void): void {
  setImmediate(run)
}
