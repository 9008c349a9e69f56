// Which of the waiting changes go into the next group, and where the bytes of each go: inside its entry, or straight
// to `blocks`. Owner: Committer. Design: reliability.md sections 4.1 and 5, steps 1 to 3.
import { ArgumentError } from '../errors.ts'
import { entrySpace } from '../storage/oplog-format.ts'
import type { Change } from './change.ts'
import { ChangeBody } from './change-format.ts'
import type { CommitterParts } from './committer-parts.ts'
import type { CoreLimits } from './constants.ts'
import type { Durability } from './durability.ts'
import type { OutsideRule } from './outside-rule.ts'

export interface Waiting {
  readonly change: Change
  readonly blockBytes: number
  readonly level: Durability
}

/** Bodies for the first changes of the queue, as many as go into one group and into the half. */
export function layOut(
  queue: readonly Waiting[],
  { limits, oplog }: CommitterParts,
  outsideRule: OutsideRule
): ChangeBody[] {
  const count = groupCount(queue, limits)
  let blockBytes = 0
  for (let i = 0; i < count; i++) blockBytes += queue[i]!.blockBytes
  const bodies: ChangeBody[] = []
  let space = 0
  for (let i = 0; i < count; i++) {
    const job = queue[i]!
    const large = blockBytes > limits.inlineLimitBytes || isCheapOutside(job, limits)
    const outside = large && outsideRule.allows(job.change)
    if (!outside && job.blockBytes > limits.inlineLimitBytes) break
    const body = new ChangeBody(job.change, job.blockBytes, outside)
    space += entrySpace(body.byteLength)
    if (!oplog.hasRoom(space)) break
    bodies.push(body)
    outsideRule.note(job.change)
  }
  return bodies
}

/**
 * A fetched block that waits for no sync is written once only. If it should be lost with the power while its
 * entry is not, recovery counts it as absent and it is fetched again; an append must not be lost in part.
 */
function isCheapOutside({ change, level, blockBytes }: Waiting, limits: CoreLimits): boolean {
  if (change.isAppend || change.head !== null || level === 'power') return false
  return blockBytes >= limits.fetchedInlineBytes
}

function groupCount(queue: readonly Waiting[], limits: CoreLimits): number {
  const most = Math.min(queue.length, limits.groupChanges)
  let blockBytes = 0
  for (let i = 0; i < most; i++) {
    blockBytes += queue[i]!.blockBytes
    if (i > 0 && blockBytes > limits.groupBytes) return i
  }
  return most
}

/** A change that finds no room in an empty half either. */
export function tooLarge({ nodes }: Change): ArgumentError {
  const what = `A change of ${nodes.length} nodes does not fit into the oplog`
  return new ArgumentError('LIMIT_EXCEEDED', what)
}
