// What the committer and its checkpoints work on.
import type { Env } from '../env.ts'
import type { LogFiles } from '../storage/log-files.ts'
import type { Oplog } from '../storage/oplog.ts'
import type { Change } from './change.ts'
import type { CoreLimits } from './constants.ts'
import type { Replayed } from './recovery.ts'
import type { CoreState } from './state.ts'

export interface CommitterParts {
  readonly state: CoreState
  readonly files: LogFiles
  readonly oplog: Oplog
  readonly limits: CoreLimits
  readonly env: Env
  readonly readOnly: boolean
  /** What recovery read that is not known to be synced. */
  readonly replayed: Replayed
  /** Each change, once, in order: when it is acknowledged, and when peers may hear of it. */
  readonly onApplied: (change: Change) => void
  readonly onPublished: (change: Change) => void
}
