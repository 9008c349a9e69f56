// Rule: a block that somebody needs was asked of another peer a while ago and is not here: ask a second one.
import { DUPLICATE_AFTER_MS } from '../../constants.ts'
import { blockRequest, type Candidate, type View } from './rule.ts'

export function duplicateRule(view: View): Candidate | null {
  const { inflight, demand, local, peer, now } = view
  for (const asked of inflight.oldQuestions(peer, now - DUPLICATE_AFTER_MS)) {
    const index = asked.request.block?.index
    if (index === undefined || index >= local.length) continue
    if (inflight.claimCount(index) > 1 || !demand.isWanted(index)) continue
    const request = blockRequest(view, index)
    if (request !== null) return { request, priority: asked.priority, seekNeed: null }
  }
  return null
}
