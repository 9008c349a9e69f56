// Rule: somebody waits for a single block. The longest waiting that this peer can be asked for comes first.
import { MAX_SCAN } from '../../constants.ts'
import { blockRequest, type Candidate, type View } from './rule.ts'

export function blockRule(view: View): Candidate | null {
  let looked = 0
  for (const index of view.demand.blocks.keys()) {
    if (view.inflight.isClaimed(index)) continue
    const request = blockRequest(view, index)
    if (request !== null) return { request, priority: 1, seekNeed: null }
    if (++looked >= MAX_SCAN) return null
  }
  return null
}
