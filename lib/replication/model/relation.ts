// How our log stands to a peer's, and what may therefore be asked: a comparison, not a dialogue with state
// (architecture: upgrade negotiation; spec replication.md sections 6 and 8.1).
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
export function canBeUpgraded(local: LocalLog, remote: RemoteLog): boolean {
  return (
    relation(local, remote) === 'behind' && remote.canUpgrade && remote.lengthAcked === local.length
  )
}

/**
 * How many levels a proof of the node must climb to reach a node that we store, given that the peer's tree
 * has `limit` blocks and that we store its full roots.
 *
 * Nothing is read for this: a node is stored if its parent spans a block that we hold, since that block came
 * with all siblings on its way up. After proofs of hashes alone this asks a level or two more than needed.
 */
export function levelsToClimb(
  local: LocalLog,
  firstBlock: number,
  depth: number,
  limit: number
): number {
  let start = firstBlock
  let width = 2 ** depth
  let levels = 0
  for (;;) {
    const parentStart = start - (start % (width * 2))
    const parentEnd = parentStart + width * 2
    if (parentEnd > limit) return levels
    const siblingStart = start === parentStart ? start + width : parentStart
    if (local.findBlock(siblingStart, siblingStart + width, true) !== -1) return levels
    levels++
    start = parentStart
    width *= 2
  }
}
