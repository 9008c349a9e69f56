// Rule: a log of which we know only the key needs its manifest; a peer without blocks can still give that.
// With any other request the manifest is asked for on the way.
import type { Candidate, View } from './rule.ts'
import { makeRequest } from './rule.ts'

export function manifestRule(view: View): Candidate | null {
  const { remote, inflight } = view
  if (remote.length > 0 || inflight.manifest !== null) return null
  const request = makeRequest(view, {})
  return request.manifest ? { request, priority: 0, assumes: false, seekNeed: null } : null
}
