// Programmer errors: thrown, never handled. Bad input from callers, disks or peers gets a LogwoodError instead.

export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/** Throws AssertionError if the condition, which our own code guarantees, does not hold. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}
