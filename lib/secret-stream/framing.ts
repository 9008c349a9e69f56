// Raw bytes to frames: u24 length (little-endian), then the body (spec channel.md section 2.1).
//
//   05 00 00 68 65 6c 6c 6f    one frame with the body "hello"
//
// A body that lies whole in one chunk comes out as a view of that chunk. One that straddles chunks is copied once,
// when its last byte is there: an announced length allocates nothing (reliability.md C6), what is held is at most
// about twice what has arrived. Hot: measured with secret-stream throughput.
import { ProtocolError } from '../errors.ts'
import { allocateOwn } from '../util/bytes.ts'
import { GATHER_BYTES, LENGTH_PREFIX_BYTES, SMALL_CHUNK_BYTES } from './constants.ts'

/** Writes the length prefix of a body. */
export function writeLengthPrefix(bytes: Uint8Array, offset: number, bodyByteLength: number): void {
  bytes[offset] = bodyByteLength & 0xff
  bytes[offset + 1] = (bodyByteLength >>> 8) & 0xff
  bytes[offset + 2] = bodyByteLength >>> 16
}

/** Takes raw chunks, gives frame bodies. The limits of the phase are those of the call that reads a prefix. */
export class Unframer {
  #chunk: Uint8Array = new Uint8Array(0)
  #offset = 0
  #waiting: Uint8Array[] = []
  #prefixBytes = 0
  #bodyByteLength = 0
  #body: Gathering | null = null

  /** Whether a frame has begun and not ended. */
  get isMidFrame(): boolean {
    return this.#prefixBytes > 0
  }

  /** Bytes of the frame that has begun, without its prefix. */
  get gatheredBytes(): number {
    return this.#body?.byteLength ?? 0
  }

  push(chunk: Uint8Array): void {
    // Plain views are cheaper to make than views of a Buffer.
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    if (this.#offset === this.#chunk.byteLength && this.#waiting.length === 0) this.#take(bytes)
    else this.#waiting.push(bytes)
  }

  /**
   * The body of the next frame, or null if more bytes are needed.
   * @throws ProtocolError LIMIT_EXCEEDED or BAD_MESSAGE as soon as a prefix is outside of the given lengths
   */
  next(minByteLength: number, maxByteLength: number): Uint8Array | null {
    while (true) {
      const frame = this.#nextFromChunk(minByteLength, maxByteLength)
      if (frame !== null) return frame
      const chunk = this.#waiting.shift()
      if (chunk === undefined) return null
      this.#take(chunk)
    }
  }

  clear(): void {
    this.#take(new Uint8Array(0))
    this.#waiting = []
    this.#body = null
  }

  #take(chunk: Uint8Array): void {
    this.#chunk = chunk
    this.#offset = 0
  }

  #nextFromChunk(minByteLength: number, maxByteLength: number): Uint8Array | null {
    if (this.#prefixBytes < LENGTH_PREFIX_BYTES) {
      if (!this.#readPrefix()) return null
      checkLength(this.#bodyByteLength, minByteLength, maxByteLength)
    }
    const missing = this.#bodyByteLength - this.gatheredBytes
    const here = this.#chunk.byteLength - this.#offset
    if (here < missing) {
      if (here > 0) {
        this.#body ??= new Gathering()
        this.#body.push(this.#view(here))
      }
      return null
    }
    const tail = this.#view(missing)
    const body = this.#body === null ? tail : this.#body.join(tail)
    this.#prefixBytes = 0
    this.#bodyByteLength = 0
    this.#body = null
    return body
  }

  #readPrefix(): boolean {
    while (this.#prefixBytes < LENGTH_PREFIX_BYTES) {
      if (this.#offset === this.#chunk.byteLength) return false
      this.#bodyByteLength |= this.#chunk[this.#offset++]! << (8 * this.#prefixBytes++)
    }
    return true
  }

  #view(byteLength: number): Uint8Array {
    const start = this.#chunk.byteOffset + this.#offset
    this.#offset += byteLength
    return new Uint8Array(this.#chunk.buffer, start, byteLength)
  }
}

/** The pieces of one body. Large ones stay views until the end; small ones are copied together at once. */
class Gathering {
  byteLength = 0
  #parts: Uint8Array[] = []
  #gathered: Uint8Array | null = null
  #gatheredBytes = 0

  push(piece: Uint8Array): void {
    this.byteLength += piece.byteLength
    if (piece.byteLength >= SMALL_CHUNK_BYTES) {
      this.#endGathered()
      this.#parts.push(piece)
      return
    }
    let room = this.#gathered
    if (room === null || this.#gatheredBytes + piece.byteLength > room.byteLength) {
      room = this.#makeRoom()
    }
    room.set(piece, this.#gatheredBytes)
    this.#gatheredBytes += piece.byteLength
  }

  join(tail: Uint8Array): Uint8Array {
    this.#endGathered()
    const whole = new Uint8Array(allocateOwn(this.byteLength + tail.byteLength).buffer)
    let offset = 0
    for (const part of this.#parts) {
      whole.set(part, offset)
      offset += part.byteLength
    }
    whole.set(tail, offset)
    return whole
  }

  /** Doubles the buffer while it is small, then begins another. */
  #makeRoom(): Uint8Array {
    const old = this.#gathered
    const isFull = old !== null && old.byteLength >= GATHER_BYTES
    if (isFull) this.#endGathered()
    const grown = old === null || isFull ? 2 * SMALL_CHUNK_BYTES : 2 * old.byteLength
    const room = allocateOwn(isFull ? GATHER_BYTES : grown)
    if (old !== null && !isFull) room.set(old.subarray(0, this.#gatheredBytes))
    this.#gathered = room
    return room
  }

  #endGathered(): void {
    if (this.#gathered !== null) this.#parts.push(this.#gathered.subarray(0, this.#gatheredBytes))
    this.#gathered = null
    this.#gatheredBytes = 0
  }
}

function checkLength(byteLength: number, minByteLength: number, maxByteLength: number): void {
  if (byteLength < minByteLength) {
    throw new ProtocolError(
      'BAD_MESSAGE',
      `A frame of ${byteLength} bytes, at least ${minByteLength} are needed here`
    )
  }
  if (byteLength > maxByteLength) {
    throw new ProtocolError(
      'LIMIT_EXCEEDED',
      `A frame of ${byteLength} bytes, at most ${maxByteLength} are allowed here`
    )
  }
}
