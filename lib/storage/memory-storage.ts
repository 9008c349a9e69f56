// Files in memory, for logs without a directory and for tests. Sparse: kept in chunks, so holes cost nothing.
// A factory keeps its files' content over close and reopen.
import type { RandomAccess, StorageFactory } from './file.ts'

/** Memory is taken in pieces of this many bytes. */
const CHUNK_BYTES = 64 * 1024

interface Content {
  byteLength: number
  readonly chunks: Map<number, Uint8Array>
}

/** A set of files that live as long as the factory. */
export function memoryStorage(): StorageFactory {
  const contents = new Map<string, Content>()
  return (name) => {
    let content = contents.get(name)
    if (content === undefined) {
      content = { byteLength: 0, chunks: new Map() }
      contents.set(name, content)
    }
    return new MemoryStorage(content)
  }
}

type Done = (error: Error | null) => void

class MemoryStorage implements RandomAccess {
  readonly #content: Content

  constructor(content: Content) {
    this.#content = content
  }

  open(callback: Done): void {
    queueMicrotask(() => callback(null))
  }

  close(callback: Done): void {
    queueMicrotask(() => callback(null))
  }

  read(
    offset: number,
    byteLength: number,
    callback: (error: Error | null, bytes?: Uint8Array) => void
  ): void {
    const bytes = new Uint8Array(byteLength)
    settle(
      () => this.readNow(offset, bytes),
      (error) => callback(error, bytes)
    )
  }

  write(offset: number, bytes: Uint8Array, callback: Done): void {
    settle(() => this.writeNow(offset, bytes), callback)
  }

  readNow(offset: number, target: Uint8Array): void {
    if (offset + target.byteLength > this.#content.byteLength) {
      throw new Error('The file ends before')
    }
    this.#eachPiece(offset, target.byteLength, (index, from, at, byteLength) => {
      const chunk = this.#content.chunks.get(index)
      if (chunk === undefined) target.fill(0, at, at + byteLength)
      else target.set(chunk.subarray(from, from + byteLength), at)
    })
  }

  writeNow(offset: number, bytes: Uint8Array): void {
    const content = this.#content
    this.#eachPiece(offset, bytes.byteLength, (index, from, at, byteLength) => {
      let chunk = content.chunks.get(index)
      if (chunk === undefined) {
        chunk = new Uint8Array(CHUNK_BYTES)
        content.chunks.set(index, chunk)
      }
      chunk.set(bytes.subarray(at, at + byteLength), from)
    })
    content.byteLength = Math.max(content.byteLength, offset + bytes.byteLength)
  }

  truncate(byteLength: number, callback: Done): void {
    const content = this.#content
    for (const [index, chunk] of content.chunks) {
      const start = index * CHUNK_BYTES
      if (start >= byteLength) content.chunks.delete(index)
      else if (start + CHUNK_BYTES > byteLength) chunk.fill(0, byteLength - start)
    }
    content.byteLength = byteLength
    queueMicrotask(() => callback(null))
  }

  del(offset: number, byteLength: number, callback: Done): void {
    const content = this.#content
    const end = Math.min(offset + byteLength, content.byteLength)
    this.#eachPiece(offset, Math.max(0, end - offset), (index, from, _, count) => {
      const isLast = index === Math.floor((content.byteLength - 1) / CHUNK_BYTES)
      if (count === CHUNK_BYTES || (from === 0 && isLast && end === content.byteLength)) {
        content.chunks.delete(index)
      } else content.chunks.get(index)?.fill(0, from, from + count)
    })
    queueMicrotask(() => callback(null))
  }

  unlink(callback: Done): void {
    this.truncate(0, callback)
  }

  stat(callback: (error: Error | null, stat?: { size: number; blocks?: number }) => void): void {
    const blocks = (this.#content.chunks.size * CHUNK_BYTES) / 512
    queueMicrotask(() => callback(null, { size: this.#content.byteLength, blocks }))
  }

  #eachPiece(
    offset: number,
    byteLength: number,
    run: (index: number, from: number, at: number, byteLength: number) => void
  ): void {
    let at = 0
    while (at < byteLength) {
      const index = Math.floor((offset + at) / CHUNK_BYTES)
      const from = offset + at - index * CHUNK_BYTES
      const count = Math.min(CHUNK_BYTES - from, byteLength - at)
      run(index, from, at, count)
      at += count
    }
  }
}

function settle(run: () => void, callback: Done): void {
  let failure: Error | null = null
  try {
    run()
  } catch (error) {
    failure = error as Error
  }
  queueMicrotask(() => callback(failure))
}
