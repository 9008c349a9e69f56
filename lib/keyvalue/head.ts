// Head: from a log's length to a version of the store (spec hamt.md sections 2 and 6.1).
import { COMMIT, readPlace } from './fragment.ts'
import type { Walk } from './walk.ts'

/** Of a log whose store is empty: nothing, or the header alone. */
export const EMPTY_LENGTH = 1

/** The newest version at or below a length: what a crash left of an unfinished group is passed over. */
export function* floorVersion(length: number): Walk<number> {
  let version = length
  while (version > EMPTY_LENGTH) {
    const seq = version - 1
    const { kind, lead } = readPlace(yield seq, seq)
    if (kind === COMMIT) return version
    version = seq - lead
  }
  return version
}
