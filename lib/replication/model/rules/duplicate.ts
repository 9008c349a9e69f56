// Rule: a block that somebody needs was asked of another peer a while ago and is not here: ask a second one.
import { DUPLICATE_AFTER_MS } from '../../constants.ts'
import { blockCandidate, type Candidate, type View } from './rule.ts'

export function duplicateRule(view: View): Candidate | null {
  const { inflight, demand, local, peer, now } = view
  for (const asked of inflight.oldQuestions(peer, now - DUPLICATE_AFTER_MS)) {
    const index = asked.request.block?.index
    if (index === undefined || index >= local.length || local.has(index)) continue
    if (inflight.claimCount(index) > 1 || !demand.isWanted(index)) continue
    const candidate = blockCandidate(view, index, asked.priority)
    if (candidate !== null) return candidate
  }
  return null
}
