// Bitfield: a sparse set of block indexes, with access by 32-bit words for set arithmetic.
// Pages exist only where a bit was set, and never more than maxPages of them: what would need another page
// is dropped, so a peer that announces the moon costs bounded memory.
// Hot: read and written for every block that is asked or arrives (bench/copy-100b-tcp.bench.ts).

/** Bits of one page: 4 KiB of memory. */
export const PAGE_BITS = 32_768
const PAGE_WORDS = PAGE_BITS / 32
/** Of all bitfields without a bit: there are several per log and peer, most of them never used. */
const NO_PAGES: Map<number, Uint32Array> = new Map()

export class Bitfield {
  readonly maxPages: number
  #pages: Map<number, Uint32Array> = NO_PAGES

  constructor(maxPages: number = Number.POSITIVE_INFINITY) {
    this.maxPages = maxPages
  }

  get pageCount(): number {
    return this.#pages.size
  }

  has(index: number): boolean {
    const page = this.#pages.get(Math.floor(index / PAGE_BITS))
    if (page === undefined) return false
    const bit = index % PAGE_BITS
    return ((page[bit >>> 5]! >>> (bit & 31)) & 1) === 1
  }

  /** The 32 bits from start on, a multiple of 32; least significant first. */
  word(start: number): number {
    const page = this.#pages.get(Math.floor(start / PAGE_BITS))
    return page === undefined ? 0 : page[(start % PAGE_BITS) >>> 5]!
  }

  setWord(start: number, bits: number): void {
    const page = this.#pageFor(start, bits !== 0)
    if (page !== null) page[(start % PAGE_BITS) >>> 5] = bits >>> 0
  }

  set(index: number, present: boolean): void {
    const page = this.#pageFor(index, present)
    if (page === null) return
    const bit = index % PAGE_BITS
    if (present) page[bit >>> 5]! |= 1 << (bit & 31)
    else page[bit >>> 5]! &= ~(1 << (bit & 31))
  }

  /** Sets or clears [start, end). Stops at the page limit; clearing touches existing pages only. */
  setRange(start: number, end: number, present: boolean): void {
    if (!present) {
      this.#clearRange(start, end)
      return
    }
    let index = start
    while (index < end) {
      const page = this.#pageFor(index, true)
      if (page === null) return
      const pageStart = Math.floor(index / PAGE_BITS) * PAGE_BITS
      const stop = Math.min(end, pageStart + PAGE_BITS)
      fill(page, index - pageStart, stop - pageStart, true)
      index = stop
    }
  }

  /** The first set bit in [start, end), or -1. Absent pages are skipped whole. */
  first(start: number, end: number): number {
    let index = start
    while (index < end) {
      const pageNumber = Math.floor(index / PAGE_BITS)
      const pageStart = pageNumber * PAGE_BITS
      const page = this.#pages.get(pageNumber)
      if (page === undefined) {
        if (this.#pages.size === 0) return -1
      } else {
        const stop = Math.min(end, pageStart + PAGE_BITS) - pageStart
        const found = firstSet(page, index - pageStart, stop)
        if (found !== -1) return pageStart + found
      }
      index = pageStart + PAGE_BITS
      if (page === undefined && end - index > this.#pages.size * PAGE_BITS) {
        return this.#firstByPages(index, end)
      }
    }
    return -1
  }

  clear(): void {
    this.#pages = NO_PAGES
  }

  /** For wide spans over few pages: look at the pages that exist instead of at the span. */
  #firstByPages(start: number, end: number): number {
    let best = -1
    for (const [pageNumber, page] of this.#pages) {
      const pageStart = pageNumber * PAGE_BITS
      if (pageStart < start || pageStart >= end || (best !== -1 && pageStart > best)) continue
      const found = firstSet(page, 0, Math.min(PAGE_BITS, end - pageStart))
      if (found !== -1) best = pageStart + found
    }
    return best
  }

  #clearRange(start: number, end: number): void {
    for (const [pageNumber, page] of this.#pages) {
      const pageStart = pageNumber * PAGE_BITS
      const from = Math.max(start - pageStart, 0)
      const to = Math.min(end - pageStart, PAGE_BITS)
      if (from === 0 && to === PAGE_BITS) this.#pages.delete(pageNumber)
      else if (from < to) fill(page, from, to, false)
    }
  }

  #pageFor(index: number, create: boolean): Uint32Array | null {
    const pageNumber = Math.floor(index / PAGE_BITS)
    let page = this.#pages.get(pageNumber)
    if (page !== undefined) return page
    if (!create || this.#pages.size >= this.maxPages) return null
    page = new Uint32Array(PAGE_WORDS)
    if (this.#pages === NO_PAGES) this.#pages = new Map()
    this.#pages.set(pageNumber, page)
    return page
  }
}

/** The bits from `from` up to `to` of one word, both 0 to 32. */
export function maskOf(from: number, to: number): number {
  const high = to >= 32 ? 0xffffffff : (1 << to) - 1
  const low = from >= 32 ? 0xffffffff : (1 << from) - 1
  return (high & ~low) >>> 0
}

/** Position of the lowest set bit of a word that is not 0. */
export function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word)
}

function fill(page: Uint32Array, from: number, to: number, present: boolean): void {
  let bit = from
  while (bit < to) {
    const wordStart = bit & ~31
    const mask = maskOf(bit - wordStart, Math.min(to - wordStart, 32))
    if (present) page[wordStart >>> 5]! |= mask
    else page[wordStart >>> 5]! &= ~mask
    bit = wordStart + 32
  }
}

function firstSet(page: Uint32Array, from: number, to: number): number {
  let bit = from
  while (bit < to) {
    const wordStart = bit & ~31
    const word = page[wordStart >>> 5]! & maskOf(bit - wordStart, Math.min(to - wordStart, 32))
    if (word !== 0) return wordStart + lowestBit(word)
    bit = wordStart + 32
  }
  return -1
}
