// Rule: ranges that are being downloaded. Blocks that lie side by side are asked side by side, since they
// share the nodes of their proofs; peers begin at different places of a range that need not be in order.
import { MAX_SCAN } from '../../constants.ts'
import type { RangeNeed } from '../demand.ts'
import { blockCandidate, type Candidate, findAskable, type View } from './rule.ts'

export function rangeRule(view: View): Candidate | null {
  let looked = 0
  for (const range of view.demand.ranges.values()) {
    const index = range.blocks === null ? inRange(view, range) : inList(view, range.blocks)
    const candidate = index === -1 ? null : blockCandidate(view, index, 0)
    if (candidate !== null) return candidate
    if (++looked >= MAX_SCAN) return null
  }
  return null
}

function inRange(view: View, range: RangeNeed): number {
  const start = range.cursor
  const end = Math.min(range.end, view.local.length, view.remote.length)
  if (start >= end) return -1
  if (range.linear || view.spread === 0) {
    return findAskable(view, isOnly(view) ? Math.max(start, view.from) : start, end)
  }
  const middle = start + Math.floor(view.spread * (end - start))
  const index = findAskable(view, middle, end)
  return index === -1 ? findAskable(view, start, middle) : index
}

/** `from` speaks of one range that is asked in order. */
function isOnly({ demand, spread }: View): boolean {
  return demand.ranges.size === 1 && spread === 0
}

function inList(view: View, blocks: ReadonlySet<number>): number {
  const { local, remote, inflight } = view
  for (const index of blocks) {
    if (
      index < local.length &&
      !inflight.isClaimed(index) &&
      !local.has(index) &&
      remote.has(index)
    ) {
      return index
    }
  }
  return -1
}
