// The sending half of an encrypted connection: seals messages and gathers the frames of a tick into few writes.
//
//   | u24 length | tag | ciphertext … | MAC 16 |      one frame; a caller's view covers the ciphertext, so that
//                      ^ alloc'ed view ^              what was written into it is encrypted where it lies
//
// Owner of the slabs. Frames leave in the order of seal and write; bytes given to the raw stream are never touched
// again, so a slab is filled once and then left to the raw stream. Hot: measured with secret-stream throughput.
import { SECRETSTREAM_OVERHEAD_BYTES, type Sealer } from '../crypto/secretstream.ts'
import type { Env } from '../env.ts'
import { AbortError, ArgumentError } from '../errors.ts'
import { allocateOwn, emptyBytes } from '../util/bytes.ts'
import { atEndOfTick } from '../util/end-of-tick.ts'
import {
  FIRST_SLAB_BYTES,
  FLUSH_BYTES,
  HIGH_WATER_BYTES,
  LENGTH_PREFIX_BYTES,
  MAX_MESSAGE_BYTES,
  MIN_FRAME_BYTES_PER_SECOND,
  SLAB_BYTES,
  STALL_TIMEOUT_MS,
  TAG_BYTES
} from './constants.ts'
import { writeLengthPrefix } from './framing.ts'
import type { RawDuplex } from './raw-duplex.ts'

/** From the start of a frame to its ciphertext. */
const ROOM_BEFORE_BYTES = LENGTH_PREFIX_BYTES + TAG_BYTES
/** How much longer a frame is than its message. */
const FRAME_OVERHEAD_BYTES = LENGTH_PREFIX_BYTES + SECRETSTREAM_OVERHEAD_BYTES

export interface OutgoingOptions {
  readonly raw: RawDuplex
  readonly env: Env
  /** Bytes went to the raw stream. */
  onWrite(): void
  /** The remote has taken nothing for too long. */
  onStall(error: Error): void
}

export class Outgoing {
  /** Raw bytes handed to the raw stream. */
  bytesWritten = 0
  #options: OutgoingOptions
  /** Covers its whole buffer, as all that stands for a slab here. */
  #slab: Uint8Array = emptyBytes
  #slabStart = 0
  #nextSlabBytes = FIRST_SLAB_BYTES
  #lastAllocated: Uint8Array | null = null
  #otherAllocated: WeakSet<Uint8Array> = new WeakSet()
  /** Finished frames that lie one behind the other: the newest run, and those before it. */
  #run: Uint8Array = emptyBytes
  #runStart = 0
  #runEnd = 0
  #earlierRuns: Uint8Array[] = []
  #pendingBytes = 0
  #heldBytes = 0
  #isScheduled = false
  #isBlocked = false
  #saidFull = false
  #blockedSince = 0
  #stallTimer: Disposable | null = null

  constructor(options: OutgoingOptions) {
    this.#options = options
  }

  /** Bytes that have not left, as far as can be seen from here. */
  get bufferedBytes(): number {
    return this.#pendingBytes + this.#heldBytes
  }

  /** Whether to wait for the next drain. Asking is promising to wait: only then drained() says yes. */
  isFull(): boolean {
    this.#saidFull = this.#isBlocked && this.bufferedBytes >= HIGH_WATER_BYTES
    return this.#saidFull
  }

  /** Uninitialised bytes with room around them for what sealing adds. */
  alloc(byteLength: number): Uint8Array {
    if (this.#lastAllocated !== null) this.#otherAllocated.add(this.#lastAllocated)
    const start = this.#carve(byteLength + FRAME_OVERHEAD_BYTES)
    this.#lastAllocated = new Uint8Array(this.#slab.buffer, start + ROOM_BEFORE_BYTES, byteLength)
    return this.#lastAllocated
  }

  /** Bytes that may wait for their sealing: the same if alloc made them, else a copy. */
  keep(message: Uint8Array): Uint8Array {
    if (message === this.#lastAllocated || this.#otherAllocated.has(message)) return message
    const copy = this.alloc(message.byteLength)
    copy.set(message)
    return copy
  }

  /** Encrypts the message, where it lies if alloc made it, and queues its frame. */
  seal(sealer: Sealer, message: Uint8Array): void {
    const byteLength = message.byteLength
    const inPlaceStart = this.#frameOf(message)
    const isInPlace = inPlaceStart >= 0
    const start = isInPlace ? inPlaceStart : this.#carve(byteLength + FRAME_OVERHEAD_BYTES)
    const slab = isInPlace ? this.#slabOf(message) : this.#slab
    const body = new Uint8Array(
      slab.buffer,
      start + LENGTH_PREFIX_BYTES,
      byteLength + SECRETSTREAM_OVERHEAD_BYTES
    )
    sealer.seal(body, message)
    this.#queue(slab, start, body.byteLength)
  }

  /** Queues a frame as it is, for what goes before the messages. */
  write(body: Uint8Array): void {
    const start = this.#carve(body.byteLength + LENGTH_PREFIX_BYTES)
    this.#slab.set(body, start + LENGTH_PREFIX_BYTES)
    this.#queue(this.#slab, start, body.byteLength)
  }

  /** Hands all finished frames to the raw stream. */
  flush(): void {
    if (this.#pendingBytes === 0) return
    const { raw, onWrite } = this.#options
    const runs = this.#takeRuns()
    if (runs.length > 1) raw.cork?.()
    for (const run of runs) this.#writeRaw(run)
    if (runs.length > 1) raw.uncork?.()
    onWrite()
  }

  /** The raw stream has room again; true if somebody has been told to wait for that. */
  drained(): boolean {
    this.#isBlocked = false
    this.#heldBytes = 0
    const wasFull = this.#saidFull
    this.#saidFull = false
    return wasFull
  }

  clear(): void {
    this.#stallTimer?.[Symbol.dispose]()
    this.#stallTimer = null
    this.#takeRuns()
    this.#heldBytes = 0
    this.#lastAllocated = null
    this.#slab = emptyBytes
    this.#slabStart = 0
  }

  /** Where in its buffer the frame of an alloc'ed message begins; -1 for other bytes. */
  #frameOf(message: Uint8Array): number {
    if (message === this.#lastAllocated) this.#lastAllocated = null
    else if (!this.#otherAllocated.delete(message)) return -1
    return message.byteOffset - ROOM_BEFORE_BYTES
  }

  /** The start of so many fresh bytes in #slab. */
  #carve(byteLength: number): number {
    if (this.#slabStart + byteLength > this.#slab.byteLength) this.#nextSlab(byteLength)
    const start = this.#slabStart
    this.#slabStart += byteLength
    return start
  }

  #nextSlab(byteLength: number): void {
    this.#slab = wholeOf(allocateOwn(Math.max(this.#nextSlabBytes, byteLength)))
    this.#slabStart = 0
    this.#nextSlabBytes = Math.min(2 * this.#nextSlabBytes, SLAB_BYTES)
  }

  #slabOf(message: Uint8Array): Uint8Array {
    return message.buffer === this.#slab.buffer ? this.#slab : wholeOf(message)
  }

  #queue(slab: Uint8Array, start: number, bodyByteLength: number): void {
    if (slab.buffer !== this.#run.buffer || start !== this.#runEnd) this.#beginRun(slab, start)
    writeLengthPrefix(slab, start, bodyByteLength)
    const byteLength = bodyByteLength + LENGTH_PREFIX_BYTES
    this.#runEnd += byteLength
    this.#pendingBytes += byteLength
    if (this.#pendingBytes >= FLUSH_BYTES) this.flush()
    else if (!this.#isScheduled) this.#schedule()
  }

  #beginRun(slab: Uint8Array, start: number): void {
    if (this.#runEnd > this.#runStart) this.#earlierRuns.push(this.#viewOfRun())
    this.#run = slab
    this.#runStart = start
    this.#runEnd = start
  }

  #viewOfRun(): Uint8Array {
    return new Uint8Array(this.#run.buffer, this.#runStart, this.#runEnd - this.#runStart)
  }

  #takeRuns(): Uint8Array[] {
    const runs = this.#earlierRuns
    if (this.#runEnd > this.#runStart) runs.push(this.#viewOfRun())
    this.#runStart = this.#runEnd
    this.#earlierRuns = []
    this.#pendingBytes = 0
    return runs
  }

  #schedule(): void {
    this.#isScheduled = true
    atEndOfTick(() => {
      this.#isScheduled = false
      this.#nextSlabBytes = FIRST_SLAB_BYTES
      this.flush()
    })
  }

  #writeRaw(bytes: Uint8Array): void {
    this.bytesWritten += bytes.byteLength
    const hasRoom = this.#options.raw.write(bytes)
    if (hasRoom && !this.#isBlocked) return
    if (!this.#isBlocked) this.#blockedSince = this.#options.env.now()
    this.#isBlocked = true
    this.#heldBytes += bytes.byteLength
    this.#stallTimer ??= this.#armStallTimer(STALL_TIMEOUT_MS)
  }

  #armStallTimer(delayMs: number): Disposable {
    return this.#options.env.setTimer(delayMs, () => this.#checkStall())
  }

  /** What is held may take as long as the slowest remote that we bear with takes for it. */
  #checkStall(): void {
    this.#stallTimer = null
    if (!this.#isBlocked) return
    const { env, onStall } = this.#options
    const allowedMs = STALL_TIMEOUT_MS + (this.#heldBytes / MIN_FRAME_BYTES_PER_SECOND) * 1000
    const leftMs = this.#blockedSince + allowedMs - env.now()
    if (leftMs > 0) this.#stallTimer = this.#armStallTimer(leftMs)
    else onStall(new AbortError('TIMEOUT', 'The remote takes nothing of what is sent to it'))
  }
}

function wholeOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer)
}

/** @throws ArgumentError INVALID_ARGUMENT above the largest message */
export function checkMessageLength(byteLength: number): void {
  if (byteLength <= MAX_MESSAGE_BYTES) return
  throw new ArgumentError(
    'INVALID_ARGUMENT',
    `A message of ${byteLength} bytes, at most ${MAX_MESSAGE_BYTES} can be sent`
  )
}
