// What a rule sees and what it answers. Rules change nothing: they look, and name one question to ask.

import { leafOf } from '../../../merkle/flat-tree.ts'
import type { ProofRequest } from '../../../merkle/proof.ts'
import { lowestBit, maskOf } from '../../../util/bitfield.ts'
import type { Demand } from '../demand.ts'
import type { ForkDemand } from '../fork-demand.ts'
import type { Inflight } from '../inflight.ts'
import { canBeUpgraded, climb } from '../relation.ts'
import type { RemoteLog } from '../remote-log.ts'
import type { LocalLog, NeedId, PeerId } from '../types.ts'

export interface View {
  readonly local: LocalLog
  readonly peer: PeerId
  readonly remote: RemoteLog
  readonly demand: Demand
  readonly inflight: Inflight
  readonly forks: ForkDemand
  now: number
  /**
   * Where ranges were asked on last: below it, this peer has nothing for them that is not held or claimed. 0 as soon
   * as that may not be so any more.
   */
  from: number
  /** A number in [0, 1), the same for this peer as long as it lives: spreads peers over a range. */
  readonly spread: number
  random(): number
}

export interface Candidate {
  readonly request: ProofRequest
  /** 1 if a user waits for it. */
  readonly priority: 0 | 1
  readonly assumes: boolean
  readonly seekNeed: NeedId | null
}

export type Rule = (view: View) => Candidate | null

/** The question for a block, or null if this peer cannot be asked for it now (spec replication.md section 8.1). */
export function blockCandidate(view: View, index: number, priority: 0 | 1): Candidate | null {
  const { local, remote } = view
  if (index >= remote.length || !remote.has(index)) return null
  if (index >= local.length) {
    const upgrade = upgradePart(view)
    if (upgrade === null) return null
    const request = makeRequest(view, { block: { index, nodes: 0 }, upgrade })
    return { request, priority, assumes: false, seekNeed: null }
  }
  const limit = climbLimit(view.local, view.remote)
  if (limit === 0) return null
  const underWay = remote.keepsOrder ? view.inflight.underWay(view.peer, priority) : null
  const { levels, assumes } = climb(local, index, limit, underWay)
  const request = makeRequest(view, { block: { index, nodes: levels } })
  return { request, priority, assumes, seekNeed: null }
}

/** The request for the tree from a block's leaf up to the node of `depth` above it, with a seek in it. */
export function seekRequest(
  view: View,
  index: number,
  depth: number,
  seek: { byteOffset: number; padding: number }
): ProofRequest | null {
  if (climbLimit(view.local, view.remote) === 0) return null
  return makeRequest(view, { hash: { nodeIndex: leafOf(index), nodes: depth }, seek })
}

/** A request with these parts, and with the manifest if we lack it. */
export function makeRequest(
  { local, remote }: View,
  { block = null, hash = null, seek = null, upgrade = null }: Partial<ProofRequest>
): ProofRequest {
  const manifest = !local.hasManifest && remote.hasManifest
  return { fork: local.fork, manifest, block, hash, seek, upgrade }
}

/** From our length to the peer's, if that may be asked: only one upgrade is in flight per log. */
export function upgradePart({ local, remote, inflight, now }: View): ProofRequest['upgrade'] {
  if (inflight.upgrade !== null || !canBeUpgraded(local, remote, now)) return null
  return { start: local.length, length: remote.length - local.length }
}

/** First block in [start, end) that we lack, the peer has, and nobody is asked for; or -1. */
export function findAskable(view: View, start: number, end: number): number {
  const { local, remote, inflight } = view
  let from = start
  while (from < end) {
    const wordStart = from - (from % 32)
    const mask = maskOf(from - wordStart, Math.min(end - wordStart, 32))
    const offered = remote.word(wordStart) & mask
    if (offered === 0) {
      const next = remote.first(wordStart + 32, end)
      if (next === -1) return -1
      from = next
      continue
    }
    const lacking = offered & ~local.word(wordStart)
    const free = lacking & ~inflight.claimed.word(wordStart)
    if (free !== 0) return wordStart + lowestBit(free)
    from = lacking === 0 ? nextMissing(local, wordStart + 32, end) : wordStart + 32
  }
  return -1
}

function nextMissing(local: LocalLog, from: number, end: number): number {
  if (from >= end) return end
  const missing = local.findBlock(from, end, false)
  return missing === -1 ? end : missing
}

/** How long a tree the peer's proofs and our stored nodes have in common; 0: its blocks cannot be checked now. */
export function climbLimit(local: LocalLog, remote: RemoteLog): number {
  if (remote.length >= local.length) return local.length
  return remote.rootsStored ? remote.length : 0
}
