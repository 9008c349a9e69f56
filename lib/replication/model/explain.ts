// Why a block is not here: the first thing that has to change before it can come. Looks, and changes nothing.
import type { Demand } from './demand.ts'
import type { Inflight } from './inflight.ts'
import { relation } from './relation.ts'
import type { RemoteLog } from './remote-log.ts'
import { climbLimit } from './rules/rule.ts'
import type { LocalLog, PeerId } from './types.ts'

/** What stands between one peer and one block, the furthest from its arrival first. */
const OBSTACLES = [
  /** Its log is not so long, as it tells. */
  'beyond-log',
  /** It has not told that it holds the block. */
  'nobody-has-it',
  /** It has told so, and when it was asked it did not. */
  'refused',
  /** It has not said anything yet. */
  'not-heard',
  /** It is on another fork of the log's history than we are. */
  'other-fork',
  /** It sent something false. */
  'distrusted',
  /** It says that it gives no blocks away. */
  'not-uploading',
  /** We may not, or do not want to, take blocks from it. */
  'download-off',
  /** It left questions without an answer, and has said nothing since. */
  'silent',
  /** The log has to grow first, by a proof of it or another that is not here yet. */
  'behind-upgrade',
  /** Its log is shorter than ours, and no tree is known that both have: its proofs would say nothing here. */
  'unprovable',
  /** So much is to come of it already, or is being stored, or blocks come no faster by a limit. */
  'limited',
  /** It is asked in its turn. */
  'queued'
] as const

export type Obstacle = (typeof OBSTACLES)[number]

export type Explanation =
  | { readonly reason: 'here' | 'not-wanted' | 'no-peers' | 'frozen' | 'disk' }
  | { readonly reason: 'in-flight' | 'verifying'; readonly peer: PeerId; readonly forMs: number }
  /** The peer that is nearest to deliver it. */
  | { readonly reason: Obstacle; readonly peer: PeerId | null }

export interface ExplainedPeer {
  readonly id: PeerId
  readonly remote: RemoteLog
  readonly isOn: boolean
  readonly stalled: boolean
  /** No more questions fit, now. */
  readonly isFull: boolean
}

export interface ExplainView {
  readonly local: LocalLog
  readonly demand: Demand
  readonly inflight: Inflight
  /** The local disk fails. */
  readonly paused: boolean
  readonly peers: Iterable<ExplainedPeer>
  readonly now: number
}

export function explain(view: ExplainView, index: number): Explanation {
  const { local, demand, inflight, paused, now } = view
  if (local.has(index)) return { reason: 'here' }
  const claim = inflight.claimOf(index)
  if (claim !== null) {
    const { asked, isArrived } = claim
    const reason = isArrived ? 'verifying' : 'in-flight'
    return { reason, peer: asked.peer, forMs: now - asked.askedAt }
  }
  const nearest = nearestOf(view, index)
  const isKnown = index < local.length || (nearest !== null && nearest.reason !== 'beyond-log')
  if (!demand.isWanted(index)) {
    return isKnown ? { reason: 'not-wanted' } : { reason: 'beyond-log', peer: null }
  }
  if (local.frozen) return { reason: 'frozen' }
  if (paused) return { reason: 'disk' }
  return nearest ?? { reason: 'no-peers' }
}

/** Why this peer is not asked for the block. */
export function obstacle(local: LocalLog, peer: ExplainedPeer, index: number): Obstacle {
  const { remote } = peer
  if (!remote.synced) return 'not-heard'
  if (index >= remote.length) return 'beyond-log'
  if (remote.fork !== local.fork) return 'other-fork'
  if (!remote.has(index)) return remote.hasRefused(index) ? 'refused' : 'nobody-has-it'
  return obstacleOf(local, peer) ?? obstacleOfProof(local, peer, index)
}

/** Why this peer is asked for nothing at all; null if it may be asked. */
export function obstacleOf(local: LocalLog, peer: ExplainedPeer): Obstacle | null {
  const { remote, isOn, stalled } = peer
  if (!remote.synced) return 'not-heard'
  if (remote.distrusted) return 'distrusted'
  if (relation(local, remote) === 'we-forked') return 'other-fork'
  if (!remote.uploading) return 'not-uploading'
  if (!isOn) return 'download-off'
  return stalled ? 'silent' : null
}

function obstacleOfProof(local: LocalLog, peer: ExplainedPeer, index: number): Obstacle {
  if (index >= local.length) return 'behind-upgrade'
  if (climbLimit(local, peer.remote) === 0) return 'unprovable'
  return peer.isFull ? 'limited' : 'queued'
}

function nearestOf(
  { local, peers }: ExplainView,
  index: number
): { reason: Obstacle; peer: PeerId } | null {
  let nearest: { reason: Obstacle; peer: PeerId } | null = null
  for (const peer of peers) {
    const reason = obstacle(local, peer, index)
    const isNearer =
      nearest === null || OBSTACLES.indexOf(reason) > OBSTACLES.indexOf(nearest.reason)
    if (isNearer) nearest = { reason, peer: peer.id }
  }
  return nearest
}
