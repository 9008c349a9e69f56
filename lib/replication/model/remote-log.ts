// RemoteLog: what one peer told us about its copy of the log. Changed by that peer's sync, range and bitfield
// messages, and corrected when it says that it lacks a block. Lies cost retries and bounded memory only.
import { Bitfield } from '../../util/bitfield.ts'
import {
  MAX_REFUSED_PAGES,
  MAX_REMOTE_PAGES,
  MAX_UPGRADE_RETRY_MS,
  UPGRADE_RETRY_MS
} from '../constants.ts'
import type { BitfieldMessage, Range, Sync } from '../messages.ts'

export class RemoteLog {
  fork = 0
  length = 0
  /** "I can prove my length to you, starting at the length that you told me." */
  canUpgrade = false
  uploading = true
  downloading = true
  hasManifest = false
  allowPush = false
  /** We store all full roots of its length, so that it can be upgraded by us and can climb to nodes we know. */
  rootsStored = false
  /** Its answers come in the order of our questions, so that later ones may build on earlier ones. */
  keepsOrder = true
  /** Our length as the peer last heard it; 0 while the forks differ. */
  lengthAcked = 0
  /** It has said anything at all. */
  synced = false
  /** It sent a false proof lately: nothing is asked of it on this log for a while. */
  distrusted = false
  /** Blocks 0 up to here are all held. */
  contiguousLength = 0
  /** It is not asked to prove its head before, unless it tells of it again. */
  #provesFrom = 0
  #retryMs = UPGRADE_RETRY_MS
  readonly #blocks: Bitfield = new Bitfield(MAX_REMOTE_PAGES)
  /** What it was asked for, and did not have although it had said so. */
  readonly #refused: Bitfield = new Bitfield(MAX_REFUSED_PAGES)

  sync(sync: Sync, localFork: number): void {
    // What was found out about the roots of another length says nothing about this one.
    if (sync.fork !== this.fork || sync.length !== this.length) this.rootsStored = false
    this.synced = true
    this.fork = sync.fork
    this.length = sync.length
    this.canUpgrade = sync.canUpgrade
    this.uploading = sync.uploading
    this.downloading = sync.downloading
    this.hasManifest = sync.hasManifest
    this.allowPush = sync.allowPush
    this.lengthAcked = sync.fork === localFork ? sync.remoteLength : 0
    this.headProven()
  }

  /** It has not just failed to prove the head that it told of. */
  mayProve(now: number): boolean {
    return now >= this.#provesFrom
  }

  /** It was asked for its head, and refused or left the question open: for lack of a line, of nodes, or good will. */
  headUnproven(now: number): void {
    this.#provesFrom = now + this.#retryMs
    this.#retryMs = Math.min(2 * this.#retryMs, MAX_UPGRADE_RETRY_MS)
  }

  headProven(): void {
    this.#provesFrom = 0
    this.#retryMs = UPGRADE_RETRY_MS
  }

  setRange({ drop, start, length }: Range): void {
    const end = Math.min(start + length, Number.MAX_SAFE_INTEGER)
    this.#refused.setRange(start, end, false)
    if (drop) this.#drop(start, end)
    else if (start <= this.contiguousLength) {
      this.contiguousLength = Math.max(this.contiguousLength, end)
      this.#joinBits()
    } else this.#blocks.setRange(start, end, true)
  }

  /** What the message says replaces what was known of its bits. Ignored unless it starts at a word border. */
  setWords({ start, words }: BitfieldMessage): void {
    if (start % 32 !== 0) return
    this.#endContiguousAt(start, start)
    this.#refused.setRange(start, start + words.length * 32, false)
    for (let i = 0; i < words.length; i++) this.#blocks.setWord(start + i * 32, words[i]!)
  }

  /** The peer said that it does not have this block, or sent a false one, whatever it announced. */
  lacks(index: number): void {
    this.#drop(index, index + 1)
    this.#refused.set(index, true)
  }

  /** It said that it does not have this block, and nothing of it since. */
  hasRefused(index: number): boolean {
    return this.#refused.has(index)
  }

  has(index: number): boolean {
    return index < this.contiguousLength || this.#blocks.has(index)
  }

  /** Blocks of its log from the begin on, without a gap. */
  get held(): number {
    return Math.min(this.contiguousLength, this.length)
  }

  /** 32 presence bits from a multiple of 32 on. */
  word(start: number): number {
    const contiguous = this.contiguousLength - start
    if (contiguous >= 32) return 0xffffffff
    const bits = this.#blocks.word(start)
    return contiguous > 0 ? (bits | ((1 << contiguous) - 1)) >>> 0 : bits
  }

  /** First announced block in [start, end), or -1. */
  first(start: number, end: number): number {
    if (start < this.contiguousLength) return start < end ? start : -1
    return this.#blocks.first(start, end)
  }

  /** Blocks that were announced one by one and follow the contiguous part at once belong to it. */
  #joinBits(): void {
    let end = this.contiguousLength
    while (this.#blocks.has(end)) {
      const isWord = end % 32 === 0 && this.#blocks.word(end) === 0xffffffff
      end += isWord ? 32 : 1
    }
    this.contiguousLength = end
  }

  #drop(start: number, end: number): void {
    this.#endContiguousAt(start, end)
    this.#blocks.setRange(start, end, false)
  }

  /** Unlike with stock peers, what lies behind a gap in the contiguous part stays known, in bits. */
  #endContiguousAt(start: number, gapEnd: number): void {
    if (start >= this.contiguousLength) return
    this.#blocks.setRange(gapEnd, Math.min(this.contiguousLength, this.length), true)
    this.contiguousLength = start
  }
}
