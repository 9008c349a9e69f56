// Stats: figures of one version, for people and for policies.
import type { View } from './cuts.ts'
import { type Fragment, fragmentAt } from './fragment.ts'
import type { OpenedKeyValue } from './opened-keyvalue.ts'
import type { ReadOptions } from './options.ts'
import type { Walk } from './walk.ts'

export interface KeyValueStats {
  readonly version: number
  /** Live keys. */
  readonly count: number
  /** Whether keys are in the order of their bytes. */
  readonly ordered: boolean
  /** The newest checkpoint's commit; null: there is none. */
  readonly checkpoint: number | null
  /** Checkpoints whose pages are found from the head without reading their commits. */
  readonly tiers: number
  /** Blocks written since the newest checkpoint, or since the begin. */
  readonly blocksSince: number
  /** Blocks below are needed by older versions only, but for block 0. */
  readonly floor: number
  /** Why the last automatic checkpoint failed; null: it did not. */
  readonly checkpointFailure: unknown
}

/** @throws as a get */
export async function statsOf(
  opened: OpenedKeyValue,
  pinned: View | null,
  options: ReadOptions
): Promise<KeyValueStats> {
  const view = pinned ?? (await opened.newest(options))
  const paths = await opened.knownPaths(options)
  const found = await opened.read(view, headAndFloor, null, options)
  const head = found?.head ?? null
  const checkpoint = head?.checkpoint?.newest ?? null
  return {
    version: view.version,
    count: head?.count ?? 0,
    ordered: paths?.isOrdered ?? false,
    checkpoint,
    tiers: head?.checkpoint?.spans.length ?? 0,
    blocksSince: head === null ? 0 : head.seq - (checkpoint ?? 0),
    floor: found?.floor ?? 1,
    checkpointFailure: opened.checkpoints.failure
  }
}

function* headAndFloor(version: number): Walk<{ head: Fragment; floor: number } | null> {
  const head = yield* fragmentAt(version - 1)
  const newest = head.checkpoint?.newest
  if (newest === undefined) return { head, floor: 1 }
  const checkpoint = newest === head.seq ? head : yield* fragmentAt(newest)
  return { head, floor: checkpoint.checkpoint?.floor ?? 1 }
}
