// Standing: what a log remembers about itself beside its head, durable like it: why nothing may be signed although
// there is a key pair, and the proof that its key signed two histories. Each header states it, an entry changes it.
//
//   u8 reason (0 none, 1 damaged, 2 copied, 3 a peer is ahead) | buffer conflict (empty: none; conflict-format.ts)
// Example, damaged, no conflict: 01 00
import { StorageError } from '../../errors.ts'
import { copyOf, emptyBytes } from '../../util/bytes.ts'
import { buffer, type Codec } from '../../util/codec.ts'

/** Why a log is behind: entries were lost, it is a copy of another, or a peer holds more that we signed. */
export type BehindReason = 'damaged' | 'copied' | 'peer-ahead'

export interface Standing {
  readonly behind: BehindReason | null
  /** Encoded: see conflict-format.ts. */
  readonly conflict: Uint8Array | null
}

/** May be signed, and was never signed twice as far as is known. */
export const GOOD_STANDING: Standing = { behind: null, conflict: null }

const REASONS: readonly (BehindReason | null)[] = [null, 'damaged', 'copied', 'peer-ahead']

export const standingCodec: Codec<Standing> = {
  preencode(state, { conflict }) {
    state.end++
    buffer.preencode(state, conflict ?? emptyBytes)
  },
  encode(state, { behind, conflict }) {
    state.buffer[state.start++] = REASONS.indexOf(behind)
    buffer.encode(state, conflict ?? emptyBytes)
  },
  decode(state) {
    const behind = REASONS[state.buffer[state.start++] ?? 0]
    if (behind === undefined) {
      throw new StorageError('CORRUPT', 'oplog holds a standing that is not known')
    }
    const conflict = buffer.decode(state)
    return { behind, conflict: conflict.byteLength === 0 ? null : copyOf(conflict) }
  }
}
