// Work that nobody waits for: its failure goes to a named place instead of becoming an unhandled rejection.

export function background(work: Promise<unknown>, onError: (error: unknown) => void): void {
  work.catch(onError)
}
