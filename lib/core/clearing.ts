// Clearing: gives up blocks, and gives the room of their bytes back to the disk. The bytes go only after the change
// that gives them up is synced, while nothing is written, and only where no block is held by then. Absent neighbours
// go along, so that many small clears free whole pages in the end. Owner: Core.
import type { BlockReader } from './block-reader.ts'
import type { Committer } from './committer.ts'
import { UNKNOWN } from './offsets.ts'
import type { CoreState } from './state.ts'
import type { Writer } from './writer.ts'

/** Absent blocks before a cleared range that are looked at, at most. */
const LOOK_BACK_BLOCKS = 4096

export interface ClearingParts {
  readonly state: CoreState
  readonly committer: Committer
  readonly reader: BlockReader
  readonly writer: Writer
}

/**
 * Blocks [start, end) are not held any more; resolves to the bytes that the disk got back: 0 where it does not tell,
 * or cannot, or refuses.
 * @throws as Writer.clear
 */
export async function clearBlocks(
  { state, committer, reader, writer }: ClearingParts,
  start: number,
  end: number
): Promise<number> {
  await writer.clear(start, end)
  const free = async (): Promise<number> => {
    const run = absentRun(state, start, Math.min(end, state.tree.length))
    const from = await reader.byteOffset(run.start)
    const to = await reader.byteOffset(run.end)
    if (from === UNKNOWN || to === UNKNOWN || from >= to) return 0
    const before = await state.blocks.allocatedBytes()
    await state.blocks.free(from, to - from)
    return Math.max(0, before - (await state.blocks.allocatedBytes()))
  }
  return committer.quietly(free).catch(() => 0)
}

/** The blocks around and in [start, end) that are not held; nothing if one in it is held again by now. */
function absentRun(state: CoreState, start: number, end: number): { start: number; end: number } {
  const { length } = state.tree
  if (start >= end || state.findBlock(start, end, true, length) !== -1) return { start, end: start }
  const next = state.findBlock(end, length, true, length)
  let first = start
  const stop = Math.max(0, start - LOOK_BACK_BLOCKS)
  while (first > stop && !state.holds(first - 1)) first--
  return { start: first, end: next === -1 ? length : next }
}
