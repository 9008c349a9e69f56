// Rule: a block that somebody needs was asked of another peer a while ago and is not here: ask a second one.
import {
  ASSUMED_ROUND_TRIP_MS,
  DUPLICATE_AFTER_MS,
  DUPLICATE_AFTER_ROUND_TRIPS
} from '../../constants.ts'
import type { PeerId } from '../types.ts'
import { blockCandidate, type Candidate, type View } from './rule.ts'

export function duplicateRule(view: View): Candidate | null {
  const { inflight, demand, local, peer, now } = view
  for (const asked of inflight.oldQuestions(peer, now - DUPLICATE_AFTER_MS)) {
    const index = asked.request.block?.index
    if (index === undefined || index >= local.length || local.has(index)) continue
    if (now - asked.askedAt < lateAfterMs(view, asked.peer)) continue
    if (inflight.claimCount(index) > 1 || !demand.isWanted(index)) continue
    const candidate = blockCandidate(view, index, asked.priority)
    if (candidate !== null) return candidate
  }
  return null
}

/** As long as no answer has come at all, nobody knows how far away the peer is. */
function lateAfterMs({ inflight }: View, peer: PeerId): number {
  const roundTripMs = inflight.roundTripMs(peer) ?? ASSUMED_ROUND_TRIP_MS
  return Math.max(DUPLICATE_AFTER_MS, DUPLICATE_AFTER_ROUND_TRIPS * roundTripMs)
}
