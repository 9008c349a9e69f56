// The reads that may wait for peers: a block, or the place of a byte. Each looks at what is here, and as long as
// that does not do, says what it needs and waits for it.

import type { LogCore } from '../core/log-core.ts'
import { StorageError } from '../errors.ts'
import type { Position } from '../merkle/seek.ts'
import { throwIfAborted } from '../util/abort.ts'
import type { OpenedLog } from './opened-log.ts'
import { type GetOptions, inTime } from './session.ts'

/** The block's bytes; null only if it is not here and options forbid to wait. */
export function waitForBlock(
  opened: OpenedLog,
  index: number,
  options: GetOptions
): Promise<Uint8Array | null> {
  return inTime(opened.env, options, (signal) => blockOf(opened, index, options, signal))
}

async function blockOf(
  { core, replicator }: OpenedLog,
  index: number,
  options: GetOptions,
  signal: AbortSignal | undefined
): Promise<Uint8Array | null> {
  throwIfAborted(signal)
  let wasDamaged = false
  for (;;) {
    const mayFetch = options.wait !== false && replicator.isConnected && !wasDamaged
    const block = await readOrFetch(core, index, mayFetch)
    if (block === 'damaged') wasDamaged = true
    else if (block !== null || options.wait === false) return block
    await replicator.need({ kind: 'block', index }, signal)
  }
}

/** A damaged block counts as absent where it can be fetched again, once (reliability.md section 6.2). */
async function readOrFetch(
  core: LogCore,
  index: number,
  mayFetch: boolean
): Promise<Uint8Array | null | 'damaged'> {
  try {
    return await core.read(index)
  } catch (error) {
    if (mayFetch && error instanceof StorageError && error.code === 'CORRUPT') return 'damaged'
    throw error
  }
}

/**
 * The place of a byte, not counting `padding` bytes at the head of each block; null past the end of what anybody knows,
 * or if options forbid to wait.
 */
export function waitForByte(
  opened: OpenedLog,
  byteOffset: number,
  padding: number,
  options: GetOptions
): Promise<Position | null> {
  return inTime(opened.env, options, (signal) =>
    placeOf(opened, byteOffset, padding, options, signal)
  )
}

async function placeOf(
  { core, replicator }: OpenedLog,
  byteOffset: number,
  padding: number,
  options: GetOptions,
  signal: AbortSignal | undefined
): Promise<Position | null> {
  throwIfAborted(signal)
  let blocksBefore = Number.POSITIVE_INFINITY
  for (;;) {
    const result = await core.seek(byteOffset, padding)
    if (result.kind === 'found') return result.position
    if (options.wait === false) return null
    if (result.kind === 'beyond') {
      if (!(await replicator.update(signal))) return null
      continue
    }
    const { start, end } = result
    // Lengths that a proof of hashes only claims are not kept; the block itself settles them.
    const stuck = end - start >= blocksBefore
    blocksBefore = end - start
    await replicator.need(
      stuck ? { kind: 'block', index: start } : { kind: 'seek', byteOffset, padding, start, end },
      signal
    )
  }
}
