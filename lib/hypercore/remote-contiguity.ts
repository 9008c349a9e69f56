// RemoteContiguity: up to where some peer has said that it holds everything. It goes up with what peers tell, stays when
// they leave, and comes down with a cut.

export class RemoteContiguity {
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Whether it went up. */
  told(length: number): boolean {
    if (length <= this.#length) return false
    this.#length = length
    return true
  }

  cut(length: number): void {
    this.#length = Math.min(this.#length, length)
  }
}
