// Cuts: what truncations of the log took, so that whoever read above them hears of it (spec hamt.md section 6.10).
import { UnavailableError } from '../errors.ts'

/** A version that is read: what it was, and how many cuts had been made by then. */
export interface View {
  readonly version: number
  readonly cutsBefore: number
}

export class Cuts {
  /** Lengths up to which nothing changed, one per truncation. */
  readonly #ancestors: number[] = []

  add(ancestor: number): void {
    this.#ancestors.push(ancestor)
  }

  view(version: number): View {
    return { version, cutsBefore: this.#ancestors.length }
  }

  isWhole({ version, cutsBefore }: View): boolean {
    for (let i = cutsBefore; i < this.#ancestors.length; i++) {
      if (this.#ancestors[i]! < version) return false
    }
    return true
  }

  /** @throws UnavailableError GONE if blocks of that version were cut off since */
  assertWhole(view: View): void {
    if (this.isWhole(view)) return
    throw new UnavailableError('GONE', `Version ${view.version} was cut off by the log's writer`)
  }
}
