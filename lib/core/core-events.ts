// What Core tells its listeners. Its shape is that of LogChange in replication's port ReplicatedLog.
import type { Change } from './change.ts'
import type { Damage } from './state.ts'

/** What a change means to those who keep something about the log. */
export interface CoreChange {
  /** Length or fork differ from before. */
  readonly headChanged: boolean
  /** Blocks below are the same before and after. */
  readonly ancestor: number
  readonly presence: {
    readonly start: number
    readonly length: number
    readonly present: boolean
  } | null
  readonly manifestChanged: boolean
  /** It became `behind`, or was resumed, or a conflict is kept. */
  readonly standingChanged: boolean
}

export type CoreEvents = {
  /** Stored at the level its maker asked for; sessions may show it. */
  applied: [CoreChange]
  /** Synced; peers may hear of it. */
  published: [CoreChange]
  /** Something stored cannot be read as it was written. */
  damaged: [Damage]
}

export function describe(change: Change): CoreChange {
  const { head, ancestor, presence, manifest, standing } = change
  return {
    headChanged: head !== null,
    ancestor,
    presence,
    manifestChanged: manifest !== null,
    standingChanged: standing !== null
  }
}
