// PresenceFile: one bit per block that is held. Look-ups are synchronous: changed pages and a few others are in
// memory, the rest comes from cached pages or, where the back-end cannot read at once, was loaded at opening.
// Only a checkpoint writes. Owner: the core's state. Design: reliability.md sections 4.2 and 5.6.
//
// Page, 4,096 bytes, number p at p × 4096, for blocks from p × 32704 on; all zeros = none held:
//   page number u32 | CRC u32 over (page number u32 | bits) | 4,088 bytes of bits, least significant first
// Example, page 0 with blocks 0 and 9 held:
//   00000000 e8ddd932 0102 00…00
import { checksum } from './checksum.ts'
import {
  PRESENCE_PAGE_BITS,
  PRESENCE_PAGE_BYTES,
  PRESENCE_PAGE_PREFIX_BYTES,
  SPARE_PRESENCE_PAGES
} from './constants.ts'
import type { File } from './file.ts'
import { isZero, type PageCache, PagedFile } from './page-cache.ts'

const NEVER = Number.POSITIVE_INFINITY

interface LivePage {
  readonly bytes: Uint8Array
  dirty: boolean
}

export class PresenceFile {
  readonly #pages: PagedFile
  readonly #onDamage: (byteOffset: number) => void
  /** Changed pages, and a few that were. All pages where nothing can be read at once. */
  readonly #live: Map<number, LivePage> = new Map()
  readonly #keepAll: boolean
  /** Pages from here on that are not live hold nothing, whatever the file says. */
  #wipedFrom = NEVER
  /** The same of what a checkpoint is writing. */
  #frozenWipedFrom = NEVER
  #replaying = false
  #frozen: Map<number, Uint8Array> | null = null

  private constructor(file: File, cache: PageCache, onDamage: (byteOffset: number) => void) {
    this.#pages = new PagedFile(file, PRESENCE_PAGE_BYTES, cache)
    this.#onDamage = onDamage
    this.#keepAll = !file.canReadNow
  }

  /**
   * onDamage: a page's checksum does not fit. Its bits are kept: a wrong one shows when the block is read and
   * hashed, or is fetched once more.
   */
  static async open(
    file: File,
    cache: PageCache,
    onDamage: (byteOffset: number) => void
  ): Promise<PresenceFile> {
    const presence = new PresenceFile(file, cache, onDamage)
    if (presence.#keepAll) {
      for (let pageNumber = 0; pageNumber < presence.#pagesInFile(); pageNumber++) {
        const page = await presence.#pages.load(pageNumber)
        const bytes = presence.#checked(page.bytes, pageNumber) ?? emptyPage()
        presence.#live.set(pageNumber, { bytes: bytes.slice(), dirty: false })
      }
    }
    return presence
  }

  /**
   * While entries are replayed, a checksum that does not fit is no damage: a checkpoint was cut short in the
   * middle of a page. Each byte is the old or the new one, and all that differs between them is set again.
   */
  replaying(isReplaying: boolean): void {
    this.#replaying = isReplaying
  }

  /** Forgets what was read: the next look-ups see the file as it is, and what is in memory is written again. */
  reload(): void {
    this.#pages.drop(0, this.#pages.file.byteLength)
    for (const live of this.#live.values()) live.dirty = true
  }

  has(index: number): boolean {
    const pageNumber = Math.floor(index / PRESENCE_PAGE_BITS)
    const page = this.#find(pageNumber)
    if (page === null) return false
    const bit = index - pageNumber * PRESENCE_PAGE_BITS
    return (page[PRESENCE_PAGE_PREFIX_BYTES + (bit >>> 3)]! & (1 << (bit & 7))) !== 0
  }

  /** 32 bits from a multiple of 32 on, least significant first. */
  word(start: number): number {
    const pageNumber = Math.floor(start / PRESENCE_PAGE_BITS)
    const page = this.#find(pageNumber)
    return page === null ? 0 : wordOf(page, start - pageNumber * PRESENCE_PAGE_BITS)
  }

  /** First held (or missing) block in [start, end), or -1. */
  findBlock(start: number, end: number, present: boolean): number {
    let index = start
    while (index < end) {
      const pageNumber = Math.floor(index / PRESENCE_PAGE_BITS)
      const pageStart = pageNumber * PRESENCE_PAGE_BITS
      const pageEnd = Math.min(end, pageStart + PRESENCE_PAGE_BITS)
      const page = this.#find(pageNumber)
      if (page === null) {
        if (!present) return index
      } else {
        const found = findInPage(page, index - pageStart, pageEnd - pageStart, present)
        if (found !== -1) return pageStart + found
      }
      index = pageEnd
    }
    return -1
  }

  /** Has the pages of a range in memory until the next checkpoint, so that changing it cannot fail. @throws StorageError */
  prepare(start: number, length: number): void {
    const last = Math.floor((start + Math.max(length, 1) - 1) / PRESENCE_PAGE_BITS)
    for (let page = Math.floor(start / PRESENCE_PAGE_BITS); page <= last; page++) {
      this.#writable(page)
    }
  }

  setRange(start: number, length: number, present: boolean): void {
    const end = start + length
    let index = start
    while (index < end) {
      const pageNumber = Math.floor(index / PRESENCE_PAGE_BITS)
      const pageStart = pageNumber * PRESENCE_PAGE_BITS
      const pageEnd = Math.min(end, pageStart + PRESENCE_PAGE_BITS)
      if (present || this.#find(pageNumber) !== null) {
        setBits(this.#writable(pageNumber), index - pageStart, pageEnd - pageStart, present)
      }
      index = pageEnd
    }
  }

  /** No block from that length on is held any more. */
  cut(length: number): void {
    const pageNumber = Math.floor(length / PRESENCE_PAGE_BITS)
    this.setRange(length, (pageNumber + 1) * PRESENCE_PAGE_BITS - length, false)
    for (const live of this.#live.keys()) if (live > pageNumber) this.#live.delete(live)
    this.#wipedFrom = Math.min(this.#wipedFrom, pageNumber + 1)
  }

  get hasChanges(): boolean {
    if (this.#wipedFrom !== NEVER) return true
    for (const page of this.#live.values()) if (page.dirty) return true
    return false
  }

  freeze(): void {
    const pages = new Map<number, Uint8Array>()
    for (const [pageNumber, page] of this.#live) {
      if (!page.dirty) continue
      page.dirty = false
      pages.set(pageNumber, sealedPage(page.bytes, pageNumber))
    }
    this.#frozen = pages
    this.#frozenWipedFrom = this.#wipedFrom
    this.#wipedFrom = NEVER
  }

  /** Writes what was frozen, unsynced. @throws StorageError */
  async flush(): Promise<void> {
    const frozen = this.#frozen
    if (frozen === null) return
    const { file } = this.#pages
    const end = this.#frozenWipedFrom * PRESENCE_PAGE_BYTES
    if (end < file.byteLength) {
      const before = file.byteLength
      await file.truncate(end)
      this.#pages.drop(end, before - end)
    }
    for (const [pageNumber, bytes] of frozen) {
      await file.write(pageNumber * PRESENCE_PAGE_BYTES, bytes)
      this.#pages.drop(pageNumber * PRESENCE_PAGE_BYTES, PRESENCE_PAGE_BYTES)
    }
  }

  /** What was frozen is on the disk. */
  thaw(): void {
    this.#frozenWipedFrom = NEVER
    this.#frozen = null
    if (this.#keepAll || this.#live.size <= SPARE_PRESENCE_PAGES) return
    for (const [pageNumber, page] of this.#live) {
      if (!page.dirty) this.#live.delete(pageNumber)
      if (this.#live.size <= SPARE_PRESENCE_PAGES) return
    }
  }

  /** The flush failed: what was frozen is to be written again. */
  unfreeze(): void {
    this.#wipedFrom = Math.min(this.#wipedFrom, this.#frozenWipedFrom)
    this.#frozenWipedFrom = NEVER
    for (const pageNumber of this.#frozen?.keys() ?? []) {
      const page = this.#live.get(pageNumber)
      if (page !== undefined) page.dirty = true
    }
    this.#frozen = null
  }

  close(): void {
    this.#pages.close()
  }

  #find(pageNumber: number): Uint8Array | null {
    const live = this.#live.get(pageNumber)
    if (live !== undefined) return live.bytes
    const wipedFrom = Math.min(this.#wipedFrom, this.#frozenWipedFrom)
    if (this.#keepAll || pageNumber >= wipedFrom || pageNumber >= this.#pagesInFile()) return null
    const page = this.#pages.getNow(pageNumber)
    if (page === null) return null
    if (page.checked[0] === 0) {
      if (this.#checked(page.bytes, pageNumber) === null) page.bytes.fill(0)
      page.checked[0] = 1
    }
    return page.bytes
  }

  #writable(pageNumber: number): Uint8Array {
    let live = this.#live.get(pageNumber)
    if (live === undefined) {
      live = { bytes: this.#find(pageNumber)?.slice() ?? emptyPage(), dirty: true }
      this.#live.set(pageNumber, live)
    }
    live.dirty = true
    return live.bytes
  }

  #pagesInFile(): number {
    return Math.ceil(this.#pages.file.byteLength / PRESENCE_PAGE_BYTES)
  }

  #checked(bytes: Uint8Array, pageNumber: number): Uint8Array | null {
    if (isZero(bytes)) return bytes
    const { number, stored, computed } = readPrefix(bytes)
    if (number === pageNumber && stored === computed) return bytes
    if (!this.#replaying) this.#onDamage(pageNumber * PRESENCE_PAGE_BYTES)
    return number === pageNumber ? bytes : null
  }
}

/**
 * Whether a sound page of the file, where the length lies or the last one, names blocks of a longer log than that.
 * As for nodes: then the oplog is older than the file.
 */
export async function namesBeyond(file: File, length: number): Promise<boolean> {
  const first = Math.floor(length / PRESENCE_PAGE_BITS)
  const last = Math.floor(file.byteLength / PRESENCE_PAGE_BYTES) - 1
  for (const pageNumber of first < last ? [first, last] : [last]) {
    if (pageNumber < first) continue
    const page = await file.read(pageNumber * PRESENCE_PAGE_BYTES, PRESENCE_PAGE_BYTES)
    const { number, stored, computed } = readPrefix(page)
    if (isZero(page) || number !== pageNumber || stored !== computed) continue
    const start = Math.max(0, length - pageNumber * PRESENCE_PAGE_BITS)
    if (findInPage(page, start, PRESENCE_PAGE_BITS, true) !== -1) return true
  }
  return false
}

/** The page as it lies in the file. */
export function sealedPage(bits: Uint8Array, pageNumber: number): Uint8Array {
  const page = bits.slice()
  const view = new DataView(page.buffer)
  view.setUint32(0, pageNumber, true)
  view.setUint32(4, readPrefix(page).computed, true)
  return page
}

export function emptyPage(): Uint8Array {
  return new Uint8Array(PRESENCE_PAGE_BYTES)
}

function readPrefix(page: Uint8Array): { number: number; stored: number; computed: number } {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength)
  const computed = checksum(
    page.subarray(PRESENCE_PAGE_PREFIX_BYTES),
    checksum(page.subarray(0, 4))
  )
  return { number: view.getUint32(0, true), stored: view.getUint32(4, true), computed }
}

function wordOf(page: Uint8Array, bit: number): number {
  const at = PRESENCE_PAGE_PREFIX_BYTES + (bit >>> 3)
  return (page[at]! | (page[at + 1]! << 8) | (page[at + 2]! << 16) | (page[at + 3]! << 24)) >>> 0
}

/** Within one page: bits [start, end). */
function findInPage(page: Uint8Array, start: number, end: number, present: boolean): number {
  const flip = present ? 0 : 0xffffffff
  let bit = start - (start % 32)
  let mask = 0xffffffff << (start % 32)
  while (bit < end) {
    const candidates = (wordOf(page, bit) ^ flip) & mask
    if (candidates !== 0) {
      const found = bit + 31 - Math.clz32(candidates & -candidates)
      return found < end ? found : -1
    }
    mask = 0xffffffff
    bit += 32
  }
  return -1
}

function setBits(page: Uint8Array, start: number, end: number, present: boolean): void {
  let bit = start
  while (bit < end) {
    const at = PRESENCE_PAGE_PREFIX_BYTES + (bit >>> 3)
    if ((bit & 7) === 0 && end - bit >= 8) {
      const bytes = (end - bit) >>> 3
      page.fill(present ? 0xff : 0, at, at + bytes)
      bit += bytes * 8
      continue
    }
    const mask = 1 << (bit & 7)
    page[at] = present ? page[at]! | mask : page[at]! & ~mask
    bit++
  }
}
