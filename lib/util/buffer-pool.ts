// BufferPool: buffers of equal length used again and again. A fresh large buffer costs page faults and
// garbage collections, several times what filling it costs (bench: copy-64k-tcp).
import { allocateOwn } from './bytes.ts'

export class BufferPool {
  readonly maxBytes: number
  readonly minByteLength: number
  #free: Map<number, Uint8Array[]> = new Map()
  #freeBytes = 0

  /** Keeps up to maxBytes of buffers that were given back; those shorter than minByteLength are left to the heap. */
  constructor(maxBytes: number, minByteLength: number) {
    this.maxBytes = maxBytes
    this.minByteLength = minByteLength
  }

  /** Of buffers that wait to be used. */
  get byteLength(): number {
    return this.#freeBytes
  }

  /** Uninitialised bytes that nobody else has. */
  take(byteLength: number): Uint8Array {
    const bytes = this.#free.get(byteLength)?.pop()
    if (bytes === undefined) return allocateOwn(byteLength)
    this.#freeBytes -= byteLength
    return bytes
  }

  /** Nobody looks at these bytes any more, which take made. */
  give(bytes: Uint8Array): void {
    const { byteLength } = bytes
    if (byteLength < this.minByteLength) return
    if (this.#freeBytes + byteLength > this.maxBytes) this.clear()
    if (byteLength > this.maxBytes) return
    const free = this.#free.get(byteLength)
    if (free === undefined) this.#free.set(byteLength, [bytes])
    else free.push(bytes)
    this.#freeBytes += byteLength
  }

  clear(): void {
    this.#free.clear()
    this.#freeBytes = 0
  }
}
