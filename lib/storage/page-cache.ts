// Pages of files in memory, bounded in bytes: the one cache of a log's storage. A page that was used since the
// last sweep survives it once (second chance), so a hit costs one map look-up and no reordering.
// Beside the pages it keeps a few buffers to be used again, within the same bound. All logs of a store share one cache.
// Pages hold what the file holds; what is not yet written lives with its owner, who looks there first.
import { BufferPool } from '../util/buffer-pool.ts'
import { equalBytes } from '../util/bytes.ts'
import { ClockRing, NO_SLOT, type RingElement } from '../util/clock-ring.ts'
import { CACHED_BLOCK_BYTES, POOL_BYTES, POOL_SHARE } from './constants.ts'
import type { File } from './file.ts'

export interface Page extends RingElement {
  readonly pageNumber: number
  readonly bytes: Uint8Array
  /** Which records' checksums have been checked since the page was read; the owner's to use. */
  readonly checked: Uint8Array
  used: boolean
  readonly owner: PagedFile
}

export class PageCache {
  /** Of pages. */
  readonly maxBytes: number
  /** For blocks that are read and let go of. */
  readonly buffers: BufferPool
  #bytes = 0
  readonly #pages: ClockRing<Page> = new ClockRing()

  /** @param maxBytes of pages and buffers together; of one page at least */
  constructor(maxBytes: number) {
    const ofBuffers = Math.min(POOL_BYTES, Math.floor(maxBytes * POOL_SHARE))
    this.maxBytes = maxBytes - ofBuffers
    this.buffers = new BufferPool(ofBuffers, CACHED_BLOCK_BYTES)
  }

  /** Of pages. */
  get byteLength(): number {
    return this.#bytes
  }

  add(page: Page): void {
    this.#pages.add(page)
    this.#bytes += page.bytes.byteLength
    if (this.#bytes > this.maxBytes) this.#sweep(page)
  }

  remove(page: Page): void {
    if (this.#pages.remove(page)) this.#bytes -= page.bytes.byteLength
  }

  /** Twice round at most: what was used is spared once. */
  #sweep(keep: Page): void {
    let looks = 2 * this.#pages.size
    while (this.#bytes > this.maxBytes && looks-- > 0) {
      const page = this.#pages.atHand()
      if (page === undefined) return
      if (page === keep || page.used) {
        if (page !== keep) page.used = false
        this.#pages.skip()
      } else {
        this.remove(page)
        page.owner.forget(page)
      }
    }
  }
}

/** One file seen as pages; what lies beyond its end reads as zeros. */
export class PagedFile {
  readonly file: File
  readonly pageBytes: number
  readonly #cache: PageCache
  readonly #checkedBytes: number
  readonly #pages: Map<number, Page> = new Map()
  readonly #loading: Map<number, Promise<Page>> = new Map()
  /** Goes up with every change of the file, so that a page that was being read meanwhile is read again. */
  #version = 0

  constructor(file: File, pageBytes: number, cache: PageCache, recordBytes: number = pageBytes) {
    this.file = file
    this.pageBytes = pageBytes
    this.#cache = cache
    this.#checkedBytes = Math.ceil(pageBytes / recordBytes / 8)
  }

  /** The page if it is cached, or can be read without waiting. @throws StorageError READ_FAILED */
  getNow(pageNumber: number): Page | null {
    const page = this.#pages.get(pageNumber)
    if (page !== undefined) {
      page.used = true
      return page
    }
    const bytes = new Uint8Array(this.pageBytes)
    const inFile = this.#bytesInFile(pageNumber)
    if (inFile > 0) {
      const target = inFile === bytes.byteLength ? bytes : bytes.subarray(0, inFile)
      if (!this.file.readNow(pageNumber * this.pageBytes, target)) return null
    }
    return this.#insert(pageNumber, bytes)
  }

  /** The page if it is cached. */
  peek(pageNumber: number): Page | null {
    const page = this.#pages.get(pageNumber)
    if (page === undefined) return null
    page.used = true
    return page
  }

  /** @throws StorageError READ_FAILED */
  async load(pageNumber: number): Promise<Page> {
    const page = this.getNow(pageNumber)
    if (page !== null) return page
    let loading = this.#loading.get(pageNumber)
    if (loading === undefined) {
      loading = this.#read(pageNumber).finally(() => this.#loading.delete(pageNumber))
      this.#loading.set(pageNumber, loading)
    }
    return loading
  }

  /** To be called before pages are changed to what is being written, and after the file was cut. */
  changed(): void {
    this.#version++
  }

  /** Drops cached pages that the byte range touches. */
  drop(byteOffset: number, byteLength: number): void {
    this.#version++
    const first = Math.floor(byteOffset / this.pageBytes)
    const last = Math.floor((byteOffset + byteLength - 1) / this.pageBytes)
    if (last - first > this.#pages.size) {
      for (const page of this.#pages.values()) {
        if (page.pageNumber >= first && page.pageNumber <= last) this.#drop(page)
      }
      return
    }
    for (let pageNumber = first; pageNumber <= last; pageNumber++) {
      const page = this.#pages.get(pageNumber)
      if (page !== undefined) this.#drop(page)
    }
  }

  /** For the cache, which has let the page go. */
  forget(page: Page): void {
    this.#pages.delete(page.pageNumber)
  }

  close(): void {
    for (const page of this.#pages.values()) this.#cache.remove(page)
    this.#pages.clear()
  }

  async #read(pageNumber: number): Promise<Page> {
    for (;;) {
      const version = this.#version
      const bytes = new Uint8Array(this.pageBytes)
      bytes.set(await this.file.read(pageNumber * this.pageBytes, this.#bytesInFile(pageNumber)))
      const now = this.#pages.get(pageNumber)
      if (now !== undefined) return now
      if (version === this.#version) return this.#insert(pageNumber, bytes)
    }
  }

  #bytesInFile(pageNumber: number): number {
    const rest = this.file.byteLength - pageNumber * this.pageBytes
    return Math.max(0, Math.min(this.pageBytes, rest))
  }

  #insert(pageNumber: number, bytes: Uint8Array): Page {
    const checked = new Uint8Array(this.#checkedBytes)
    const page: Page = { pageNumber, bytes, checked, used: true, owner: this, slot: NO_SLOT }
    this.#pages.set(pageNumber, page)
    this.#cache.add(page)
    return page
  }

  #drop(page: Page): void {
    this.#pages.delete(page.pageNumber)
    this.#cache.remove(page)
  }
}

/** Whether all bytes are zero. */
export function isZero(bytes: Uint8Array): boolean {
  return bytes.byteLength <= zeros.byteLength
    ? equalBytes(bytes, zeros.subarray(0, bytes.byteLength))
    : bytes.every((byte) => byte === 0)
}

const zeros = new Uint8Array(4096)
