// Rule: the peer is on a higher fork: ask for its head, or for the next hash on the way to what is common,
// of those who hold that block.
import { emptyRequest } from '../../../merkle/proof.ts'
import type { Candidate, View } from './rule.ts'

export function reorgRule({ local, remote, inflight, forks, now }: View): Candidate | null {
  if (remote.fork <= local.fork || remote.fork <= forks.refusedFork || remote.length === 0) {
    return null
  }
  if (forks.asked !== null || forks.busy || now < forks.nextAt(now)) return null
  if (!remote.mayProve(now)) return null
  const { search } = forks
  const { fork } = remote
  if (search !== null && search.needs !== null && search.fork === fork) {
    // Who holds the block knows its hash. A stock peer that does not ends the connection when it is asked.
    const index = forks.wantedOf(remote)
    if (index === null || index >= remote.length || !remote.has(index)) return null
    return question({ ...emptyRequest, fork, hash: search.needs })
  }
  if (inflight.upgrade !== null || (search !== null && search.fork >= fork)) return null
  const manifest = !local.hasManifest && remote.hasManifest
  return question({ ...emptyRequest, fork, manifest, upgrade: { start: 0, length: remote.length } })
}

function question(request: Candidate['request']): Candidate {
  return { request, priority: 0, assumes: false, seekNeed: null }
}
