// ForkDemand: what is wanted of a higher fork: first its head, proven from nothing, then one hash after the other
// until the length that it has in common with ours is known (spec log.md section 11.1). One fork at a time, and not
// too often: every reorg costs every reader work, so a writer that rewinds on and on is followed slowly (R9).
// Changed by the reorg in the shell, read by the rule.
import { blockOf } from '../../merkle/flat-tree.ts'
import {
  MAX_REORGS_PER_HOUR,
  REORG_BURST,
  REORG_EVERY_MS,
  REORG_REST_AFTER_FAULT_MS
} from '../constants.ts'
import type { RemoteLog } from './remote-log.ts'
import type { Asked } from './types.ts'

const HOUR_MS = 3_600_000

export interface ForkSearchState {
  readonly fork: number
  readonly needs: { readonly nodeIndex: number; readonly nodes: number } | null
}

export class ForkDemand {
  /** The fork whose head is verified and whose ancestor is looked for; null: none yet. */
  search: ForkSearchState | null = null
  /** The one question under way. */
  asked: Asked | null = null
  /** An answer is being worked on. */
  busy = false
  /** Up to this fork number the application, or the rules, want none. */
  refusedFork = 0
  #restUntil = Number.NEGATIVE_INFINITY
  #applied: number[] = []

  /** When the next fork may be followed. */
  nextAt(now: number): number {
    const recent = this.#applied.filter((at) => at > now - HOUR_MS)
    this.#applied = recent
    const last = recent.at(-1)
    if (last === undefined || recent.length < REORG_BURST) return this.#restUntil
    const most = REORG_BURST + MAX_REORGS_PER_HOUR
    const hour = recent.length < most ? 0 : recent[recent.length - most]! + HOUR_MS
    return Math.max(this.#restUntil, last + REORG_EVERY_MS, hour)
  }

  /** The block whose hash is asked for next, of peers that are on the fork that is followed; null: none, or not of it. */
  wantedOf(remote: RemoteLog): number | null {
    const { search } = this
    if (search === null || search.needs === null || search.fork !== remote.fork) return null
    return blockOf(search.needs.nodeIndex)
  }

  applied(now: number): void {
    this.#applied.push(now)
    this.search = null
  }

  /** The search came to nothing: it begins anew after a while. */
  failed(now: number): void {
    this.search = null
    this.#restUntil = now + REORG_REST_AFTER_FAULT_MS
  }

  refuse(fork: number): void {
    this.refusedFork = Math.max(this.refusedFork, fork)
    this.search = null
  }
}
