// Rule: somebody waits for a single block. The longest waiting that this peer can be asked for comes first.
import { MAX_SCAN } from '../../constants.ts'
import { blockCandidate, type Candidate, type View } from './rule.ts'

export function blockRule(view: View): Candidate | null {
  let looked = 0
  for (const index of view.demand.blocks.keys()) {
    if (view.inflight.isClaimed(index)) continue
    const candidate = blockCandidate(view, index, 1)
    if (candidate !== null) return candidate
    if (++looked >= MAX_SCAN) return null
  }
  return null
}
