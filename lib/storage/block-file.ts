// BlockFile: block bytes at their byte offset in the tree; holes where blocks are not held. Bytes that came
// inside oplog entries stay in memory until a checkpoint has written them (`dirty`, then `frozen`), and are
// looked up there first. It does not know which bytes are held nor whether they are right: the reader hashes.
// Owner: the core's state. Design: reliability.md sections 4.2, 5.4 and 5.6.
import type { BufferPool } from '../util/buffer-pool.ts'
import { copyOf } from '../util/bytes.ts'
import { BLOCK_PAGE_BYTES, CACHED_BLOCK_BYTES, SYNC_READ_BYTES } from './constants.ts'
import type { File } from './file.ts'
import { type PageCache, PagedFile } from './page-cache.ts'
import { ScatteredWrites } from './scattered-writes.ts'

interface Piece {
  readonly byteOffset: number
  readonly bytes: Uint8Array
}

export class BlockFile {
  readonly #file: File
  readonly #pages: PagedFile
  /** Sorted by byteOffset, without overlaps. */
  #dirty: Piece[] = []
  #frozen: Piece[] = []
  /** The page that was wanted last and not cached. */
  #lastMissed = -2
  readonly #buffers: BufferPool

  constructor(file: File, cache: PageCache) {
    this.#file = file
    this.#pages = new PagedFile(file, BLOCK_PAGE_BYTES, cache)
    this.#buffers = cache.buffers
  }

  /** Keeps a view of the bytes, which must not change any more, until a checkpoint has written them. */
  put(byteOffset: number, bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return
    const pieces = this.#dirty
    const last = pieces.at(-1)
    if (last === undefined || last.byteOffset + last.bytes.byteLength <= byteOffset) {
      pieces.push({ byteOffset, bytes })
      return
    }
    const end = byteOffset + bytes.byteLength
    const first = firstEndingAfter(pieces, byteOffset)
    const replaced: Piece[] = []
    let next = first
    for (let piece = pieces[next]; piece !== undefined && piece.byteOffset < end; ) {
      replaced.push(...withoutRange(piece, byteOffset, end))
      piece = pieces[++next]
    }
    replaced.push({ byteOffset, bytes })
    replaced.sort((a, b) => a.byteOffset - b.byteOffset)
    pieces.splice(first, next - first, ...replaced)
  }

  /** Exactly those bytes, in a buffer of their own. @throws StorageError READ_FAILED, also beyond the end */
  async read(byteOffset: number, byteLength: number): Promise<Uint8Array> {
    if (byteLength <= SYNC_READ_BYTES) {
      const bytes = this.readNow(byteOffset, byteLength)
      if (bytes !== null) return bytes
    }
    return this.#inMemory(byteOffset, byteLength) ?? this.#file.read(byteOffset, byteLength)
  }

  /** Like read, if they are in memory or few enough to be read at once; null otherwise. */
  readNow(byteOffset: number, byteLength: number): Uint8Array | null {
    const inMemory = this.#inMemory(byteOffset, byteLength)
    if (inMemory !== null) return inMemory
    if (byteLength > SYNC_READ_BYTES || !this.#file.canReadNow) return null
    if (this.isBeyond(byteOffset + byteLength)) return null
    const bytes = this.#buffers.take(byteLength)
    if (byteLength <= CACHED_BLOCK_BYTES && this.#fromPages(byteOffset, bytes)) return bytes
    this.#file.readNow(byteOffset, bytes)
    return bytes
  }

  /** Bytes that were read here and that nobody looks at any more: their buffer may be used again. */
  release(bytes: Uint8Array): void {
    this.#buffers.give(bytes)
  }

  /** Forgets what was read: the next reads see the file as it is. */
  reload(): void {
    this.#pages.drop(0, this.#file.byteLength)
  }

  /** Whether the file ends before that byte. */
  isBeyond(byteOffset: number): boolean {
    return byteOffset > this.#file.byteLength
  }

  /** Writes bytes at their place at once, for groups whose bytes are outside the oplog. */
  async writeOutside(byteOffset: number, parts: readonly Uint8Array[]): Promise<void> {
    await this.#write(byteOffset, parts)
  }

  /** Gives back what lies beyond the log's end. @throws StorageError WRITE_FAILED */
  async trim(byteLength: number): Promise<void> {
    const before = this.#file.byteLength
    if (before <= byteLength) return
    await this.#file.truncate(byteLength)
    this.#pages.drop(byteLength, before - byteLength)
  }

  /**
   * Gives the room of bytes back that no block needs any more. Nothing may be written meanwhile.
   * @throws StorageError WRITE_FAILED
   */
  async free(byteOffset: number, byteLength: number): Promise<void> {
    const end = byteOffset + byteLength
    this.#dirty = this.#dirty.flatMap((piece) =>
      piece.byteOffset < end ? withoutRange(piece, byteOffset, end) : [piece]
    )
    const inFile = Math.min(end, this.#file.byteLength) - byteOffset
    if (inFile <= 0) return
    await this.#file.free(byteOffset, inFile)
    this.#pages.drop(byteOffset, inFile)
  }

  /** @throws StorageError READ_FAILED */
  allocatedBytes(): Promise<number> {
    return this.#file.allocatedBytes()
  }

  get hasChanges(): boolean {
    return this.#dirty.length > 0
  }

  freeze(): void {
    this.#frozen = this.#dirty
    this.#dirty = []
  }

  /** Writes what was frozen, unsynced. @throws StorageError */
  async flush(): Promise<void> {
    const writes = new ScatteredWrites(this.#file)
    let run: Uint8Array[] = []
    let runStart = 0
    let runEnd = -1
    for (const { byteOffset, bytes } of this.#frozen) {
      if (byteOffset !== runEnd) {
        await writes.write(runStart, run)
        this.#pages.drop(runStart, runEnd - runStart)
        run = []
        runStart = byteOffset
      }
      run.push(bytes)
      runEnd = byteOffset + bytes.byteLength
    }
    await writes.write(runStart, run)
    this.#pages.drop(runStart, runEnd - runStart)
  }

  /** What was frozen is on the disk. */
  thaw(): void {
    this.#frozen = []
  }

  /** The flush failed: what was frozen is to be written again, under what changed since. */
  unfreeze(): void {
    const newer = this.#dirty
    this.#dirty = this.#frozen
    this.#frozen = []
    for (const { byteOffset, bytes } of newer) this.put(byteOffset, bytes)
  }

  close(): void {
    this.#pages.close()
  }

  #inMemory(byteOffset: number, byteLength: number): Uint8Array | null {
    if (byteLength === 0) return new Uint8Array(0)
    return (
      copyFrom(this.#dirty, byteOffset, byteLength) ??
      copyFrom(this.#frozen, byteOffset, byteLength)
    )
  }

  /** Pages are read only where reads go on from where they were: elsewhere the bytes alone are cheaper. */
  #fromPages(byteOffset: number, target: Uint8Array): boolean {
    const end = byteOffset + target.byteLength
    if (end > this.#file.byteLength) return false
    const first = Math.floor(byteOffset / BLOCK_PAGE_BYTES)
    const goesOn = first === this.#lastMissed || first === this.#lastMissed + 1
    for (let pageNumber = first; pageNumber * BLOCK_PAGE_BYTES < end; pageNumber++) {
      const page = goesOn ? this.#pages.getNow(pageNumber) : this.#pages.peek(pageNumber)
      if (page === null) {
        this.#lastMissed = pageNumber
        return false
      }
      if (goesOn) this.#lastMissed = pageNumber
      const pageStart = pageNumber * BLOCK_PAGE_BYTES
      const from = Math.max(byteOffset, pageStart)
      const to = Math.min(end, pageStart + BLOCK_PAGE_BYTES)
      target.set(page.bytes.subarray(from - pageStart, to - pageStart), from - byteOffset)
    }
    return true
  }

  async #write(byteOffset: number, parts: readonly Uint8Array[]): Promise<void> {
    if (parts.length === 0) return
    await this.#file.writeAll(byteOffset, parts)
    this.#pages.drop(
      byteOffset,
      parts.reduce((sum, part) => sum + part.byteLength, 0)
    )
  }
}

function copyFrom(
  pieces: readonly Piece[],
  byteOffset: number,
  byteLength: number
): Uint8Array | null {
  if (pieces.length === 0) return null
  const piece = pieces[firstEndingAfter(pieces, byteOffset)]
  if (piece === undefined || piece.byteOffset > byteOffset) return null
  const from = byteOffset - piece.byteOffset
  if (from + byteLength > piece.bytes.byteLength) return null
  return copyOf(piece.bytes.subarray(from, from + byteLength))
}

/** Index of the first piece that ends behind the offset. */
function firstEndingAfter(pieces: readonly Piece[], byteOffset: number): number {
  let low = 0
  let high = pieces.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const piece = pieces[middle]!
    if (piece.byteOffset + piece.bytes.byteLength > byteOffset) high = middle
    else low = middle + 1
  }
  return low
}

function withoutRange(piece: Piece, start: number, end: number): Piece[] {
  const rest: Piece[] = []
  if (piece.byteOffset < start) {
    rest.push({
      byteOffset: piece.byteOffset,
      bytes: piece.bytes.subarray(0, start - piece.byteOffset)
    })
  }
  if (piece.byteOffset + piece.bytes.byteLength > end) {
    rest.push({ byteOffset: end, bytes: piece.bytes.subarray(end - piece.byteOffset) })
  }
  return rest
}
