// PeerSearch: how many are looking for peers of a core at this moment, and who waits for an update until they are done
// or the first peer is found.

export class PeerSearch {
  #searches = 0
  #hadPeers = false
  #wake: (() => void)[] = []

  get searches(): number {
    return this.#searches
  }

  begin(): void {
    this.#searches++
  }

  /** So many are over. */
  end(searches = 1): void {
    this.#searches -= searches
    if (this.#searches === 0) this.#wakeAll()
  }

  found(): void {
    this.#hadPeers = true
    this.#wakeAll()
  }

  /** Waits until something may have changed for who waits for an update; false: no reason to wait. */
  async mayFindMore(signal: AbortSignal): Promise<boolean> {
    if (this.#hadPeers || this.#searches === 0 || signal.aborted) return false
    await new Promise<void>((resolve) => {
      this.#wake.push(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    return !signal.aborted
  }

  #wakeAll(): void {
    const waiting = this.#wake
    this.#wake = []
    for (const wake of waiting) wake()
  }
}
