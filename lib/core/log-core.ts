// LogCore: the shape of a core, as sessions and replication use it: of Core, which works on open files, and of
// RestingCore, which has them open only while somebody needs them.
import type { TreeHead } from '../merkle/tree.ts'
import type { Unsubscribe } from '../util/emitter.ts'
import type { Resource, Status } from '../util/resource.ts'
import type { Core } from './core.ts'
import type { CoreChange, CoreEvents } from './core-events.ts'
import type { Seal } from './writer.ts'

/** What is known at once, without waiting. */
export type CoreView = Pick<
  Core,
  | 'fork'
  | 'length'
  | 'byteLength'
  | 'contiguousLength'
  | 'durableLength'
  | 'hasManifest'
  | 'has'
  | 'word'
  | 'findBlock'
  | 'release'
  | 'frozen'
  | 'evidence'
  | 'tree'
  | 'writable'
  | 'canSync'
  | 'behind'
  | 'conflict'
  | 'keyPair'
  | 'manifest'
  | 'damages'
  | 'holds'
  | 'holdsAll'
  | 'readNow'
  | 'userData'
  | 'userDataNames'
>

/** What may have to wait for the files. */
export type CoreWork = Pick<
  Core,
  | 'canUpgradeFrom'
  | 'prove'
  | 'follow'
  | 'moveTo'
  | 'judge'
  | 'read'
  | 'byteOffset'
  | 'seek'
  | 'treeHash'
  | 'append'
  | 'truncate'
  | 'draftTruncate'
  | 'setUserData'
  | 'clear'
  | 'storage'
  | 'accept'
  | 'setManifest'
  | 'verify'
  | 'flush'
  | 'resume'
  | 'audit'
  | 'repair'
  | 'purge'
>

export interface LogCore extends CoreView, CoreWork, Pick<Resource, 'close'> {
  /** 32 bytes. Secret between those who may read. */
  readonly key: Uint8Array
  readonly discoveryKey: Uint8Array
  readonly readOnly: boolean
  readonly status: Status
  draftAppend(blocks: readonly Uint8Array[], seal?: Seal): TreeHead | Promise<TreeHead>
  on<Name extends keyof CoreEvents>(
    name: Name,
    listener: (...args: CoreEvents[Name]) => void
  ): Unsubscribe
  onChange(listener: (change: CoreChange) => void): Unsubscribe
}
