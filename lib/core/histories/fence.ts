// Fence: never sign two histories for one fork and length (reliability.md sections 3 S8 and 6.4). What is
// signed must lie above what is stored, and never beside what was signed or seen before. A log that may have
// been elsewhere in the meantime is `behind`: readable, but not appendable until it caught up or was told. One
// whose key signed two histories is `frozen`: nothing more is signed under that fork number.
//
//   open ──(lost entries, a copy, a longer head from a peer)──▶ behind ──resume──▶ open
//   open, behind ──(a conflict)──▶ frozen ──(a higher fork: truncate, resume)──▶ open
//
// Owner: Core.
import { StateError } from '../../errors.ts'
import type { TreeHead } from '../../merkle/tree.ts'
import { equalBytes } from '../../util/bytes.ts'
import type { BehindReason } from './standing.ts'

export class Fence {
  #reason: BehindReason | null
  /** The highest head known: signed by us and not withdrawn, or shown by a peer. */
  #highest: TreeHead | null = null
  /** Under this fork number and lower ones nothing is signed. */
  #frozenFork = -1

  constructor(reason: BehindReason | null) {
    this.#reason = reason
  }

  get reason(): BehindReason | null {
    return this.#reason
  }

  /** Two histories were signed under this fork number; -1: under none. */
  get frozenFork(): number {
    return this.#frozenFork
  }

  /**
   * To be asked before each signature.
   * @throws StateError BEHIND, FROZEN
   */
  allow(head: TreeHead): void {
    if (head.fork <= this.#frozenFork) {
      throw new StateError(
        'FROZEN',
        `Two histories were signed under fork ${this.#frozenFork}: truncate, or resume trusting this one`
      )
    }
    if (this.#reason !== null) {
      throw new StateError(
        'BEHIND',
        `The log may not be appended to: ${explain(this.#reason)}; call resume when it is settled`
      )
    }
    const highest = this.#highest
    if (highest !== null && !isAbove(head, highest)) {
      throw new StateError(
        'BEHIND',
        `Length ${head.length} of fork ${head.fork} would be signed a second time`
      )
    }
    this.#highest = head
  }

  /** What was signed was not stored and will not be shown: only this head, and what is stored, counts again. */
  withdrawTo(head: TreeHead): void {
    this.#highest = head
  }

  /** A valid head of ours came from elsewhere, and we do not hold it. */
  saw(head: TreeHead): void {
    if (this.#highest === null || isAbove(head, this.#highest)) {
      this.#highest = head
      this.#reason ??= 'peer-ahead'
    }
  }

  /** The log has a head from elsewhere, or was opened with it. */
  reached(head: TreeHead): void {
    if (this.#highest === null || isAbove(head, this.#highest)) this.#highest = head
  }

  /** Another history was signed under this fork number. */
  freeze(fork: number): void {
    this.#frozenFork = Math.max(this.#frozenFork, fork)
  }

  /** The other history could not be kept. */
  thawTo(fork: number): void {
    this.#frozenFork = fork
  }

  shut(reason: BehindReason): void {
    this.#reason ??= reason
  }

  open(): void {
    this.#reason = null
  }
}

function isAbove(head: TreeHead, other: TreeHead): boolean {
  if (head.fork !== other.fork) return head.fork > other.fork
  if (head.length !== other.length) return head.length > other.length
  return equalBytes(head.rootHash, other.rootHash)
}

function explain(reason: BehindReason): string {
  if (reason === 'damaged') return 'stored entries were lost'
  return reason === 'copied'
    ? 'it is a copy or was restored from one'
    : 'a peer holds more of it than is stored here'
}
