// Rule: the peer's log is longer and it can prove so: ask, alone. One upgrade is in flight per log.
import { type Candidate, makeRequest, upgradePart, type View } from './rule.ts'

export function upgradeRule(view: View): Candidate | null {
  const upgrade = upgradePart(view)
  if (upgrade === null) return null
  return { request: makeRequest(view, { upgrade }), priority: 0, assumes: false, seekNeed: null }
}
