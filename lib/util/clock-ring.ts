// ClockRing: what is kept until others need its place, looked at in turn by a hand that goes round (second chance).
// Adding, removing and moving the hand take the same short time however many there are: a Set whose first element is
// taken out again and again has to skip all those before it each time.

/** Where an element is in its ring; the ring's own to write. */
export interface RingElement {
  slot: number
}

/** The slot of what is in no ring. */
export const NO_SLOT = -1

export class ClockRing<T extends RingElement> implements Iterable<T> {
  readonly #elements: T[] = []
  #hand = 0

  get size(): number {
    return this.#elements.length
  }

  add(element: T): void {
    element.slot = this.#elements.length
    this.#elements.push(element)
  }

  /** Whether it was there. */
  remove(element: T): boolean {
    const { slot } = element
    if (slot === NO_SLOT || this.#elements[slot] !== element) return false
    const last = this.#elements.pop()
    if (last !== undefined && last !== element) {
      last.slot = slot
      this.#elements[slot] = last
    }
    element.slot = NO_SLOT
    return true
  }

  /** What the hand points at; it moves on with `skip`, and when that is removed. Undefined: the ring is empty. */
  atHand(): T | undefined {
    if (this.#hand >= this.#elements.length) this.#hand = 0
    return this.#elements[this.#hand]
  }

  skip(): void {
    this.#hand++
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#elements[Symbol.iterator]()
  }
}
