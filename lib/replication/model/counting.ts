// Counting of blocks, by words of 32: how many are held, here or at a peer. Run only when somebody asks. What a peer
// claims costs no more than the pages that are kept of it, however long it says that its log is.
import { maskOf } from '../../util/bitfield.ts'
import type { RemoteLog } from './remote-log.ts'
import type { LocalLog } from './types.ts'

/** Blocks of [start, end) that are held here. */
export function countHeld(local: LocalLog, start: number, end: number): number {
  const stop = Math.min(end, local.length)
  const from = Math.max(start, Math.min(local.contiguousLength, stop))
  return Math.max(0, from - start) + countWords(from, stop, (at) => local.word(at))
}

/** Blocks of [start, end) that the peer says it holds. */
export function countOffered(remote: RemoteLog, start: number, end: number): number {
  const contiguousEnd = Math.max(start, Math.min(remote.contiguousLength, end))
  let count = Math.max(0, contiguousEnd - start)
  let at = remote.first(contiguousEnd, end)
  while (at !== -1) {
    const wordEnd = at - (at % 32) + 32
    count += bitsOf(remote.word(wordEnd - 32) & maskOf(at % 32, Math.min(end - wordEnd + 32, 32)))
    at = wordEnd < end ? remote.first(wordEnd, end) : -1
  }
  return count
}

/** Blocks of [start, end) that both hold. */
export function countShared(
  local: LocalLog,
  remote: RemoteLog,
  start: number,
  end: number
): number {
  const stop = Math.min(end, local.length)
  const both = Math.max(start, Math.min(local.contiguousLength, remote.contiguousLength, stop))
  const rest = countWords(both, stop, (at) => local.word(at) & remote.word(at))
  return Math.max(0, both - start) + rest
}

function countWords(start: number, end: number, wordAt: (start: number) => number): number {
  let count = 0
  let at = start
  while (at < end) {
    const wordStart = at - (at % 32)
    const mask = maskOf(at - wordStart, Math.min(end - wordStart, 32))
    count += bitsOf(wordAt(wordStart) & mask)
    at = wordStart + 32
  }
  return count
}

/** Set bits of a word: sums of pairs, of fours, of bytes, and of all bytes by one product. */
function bitsOf(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555)
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
  bits = (bits + (bits >>> 4)) & 0x0f0f0f0f
  return Math.imul(bits, 0x01010101) >>> 24
}
