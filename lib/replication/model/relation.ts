// How our log stands to a peer's, and what may therefore be asked: a comparison, not a dialogue with state
// (architecture: upgrade negotiation; spec replication.md sections 6 and 8.1).
import type { Bitfield } from '../../util/bitfield.ts'
import type { RemoteLog } from './remote-log.ts'
import type { LocalLog } from './types.ts'

export type Relation = 'level' | 'behind' | 'ahead' | 'they-forked' | 'we-forked'

export function relation(local: LocalLog, remote: RemoteLog): Relation {
  if (remote.fork > local.fork) return 'they-forked'
  if (remote.fork < local.fork) return 'we-forked'
  if (remote.length === local.length) return 'level'
  return remote.length > local.length ? 'behind' : 'ahead'
}

/** Whether the peer can prove its greater length to us, starting at ours. */
export function canBeUpgraded(local: LocalLog, remote: RemoteLog, now: number): boolean {
  if (relation(local, remote) !== 'behind') return false
  return remote.canUpgrade && remote.lengthAcked === local.length && remote.mayProve(now)
}

export interface Climb {
  readonly levels: number
  /** The node reached is one that answers which are still under way will bring. */
  readonly assumes: boolean
}

/**
 * How many levels a proof of the block must climb to reach a node that we store, given that the peer's tree
 * has `limit` blocks and that we store its full roots.
 *
 * Nothing is read for this: a node is stored if its parent spans a block that we hold, since that block came
 * with all siblings on its way up. After proofs of hashes alone this asks a level or two more than needed.
 * Blocks `underWay` count as held: their answers come first, so the same siblings need not come twice.
 */
export function climb(
  local: LocalLog,
  index: number,
  limit: number,
  underWay: Bitfield | null
): Climb {
  let start = index
  let width = 1
  let levels = 0
  for (;;) {
    const parentStart = start - (start % (width * 2))
    const parentEnd = parentStart + width * 2
    if (parentEnd > limit) return { levels, assumes: false }
    const siblingStart = start === parentStart ? start + width : parentStart
    const siblingEnd = siblingStart + width
    if (local.findBlock(siblingStart, siblingEnd, true) !== -1) return { levels, assumes: false }
    if (underWay !== null && underWay.first(siblingStart, siblingEnd) !== -1) {
      return { levels, assumes: true }
    }
    levels++
    start = parentStart
    width *= 2
  }
}
