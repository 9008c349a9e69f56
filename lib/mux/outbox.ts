// What leaves a multiplexer: the messages of one tick, in order, as few frames. Each message is encoded once,
// straight into the frame that carries it; the encrypted stream then seals from there.
//
//   | room for 00 00 · channel · length | type · body | length · type · body | 00 · channel | …
//                                       ^ FIRST_ITEM: written first; what goes before it is known at the end,
//                                         as one message alone goes without the batch around it
//
// Owner of the batch buffer, which is borrowed from a shared stock while a tick gathers.
import { ArgumentError } from '../errors.ts'
import { assert } from '../util/assert.ts'
import { emptyBytes } from '../util/bytes.ts'
import { type Codec, type CodecState, uint } from '../util/codec.ts'
import { atEndOfTick } from '../util/end-of-tick.ts'
import {
  BATCH_BYTES,
  CONTROL_BATCH,
  CONTROL_CHANNEL,
  MAX_FRAME_BYTES,
  MAX_SENT_BATCH_MESSAGES,
  MAX_SPARE_BUFFERS
} from './constants.ts'
import { uintByteLength } from './frames.ts'
import type { MessageStream } from './message-stream.ts'

/** Two bytes of batch header and two varints fit before it. */
const FIRST_ITEM = 20

export class Outbox {
  #stream: MessageStream
  #buffer: Uint8Array | null = null
  #end = FIRST_ITEM
  #count = 0
  #firstChannel = 0
  #firstByteLength = 0
  #channel = 0
  #corks = 0
  #isScheduled = false
  #isFull = false
  #isClosed = false
  #cursor: CodecState = { start: 0, end: 0, buffer: emptyBytes }

  constructor(stream: MessageStream) {
    this.#stream = stream
  }

  /** Whether the stream has asked to wait. */
  get isFull(): boolean {
    return this.#isFull
  }

  get bufferedBytes(): number {
    return this.#end - FIRST_ITEM + this.#stream.bufferedBytes
  }

  /**
   * Queues a message and returns the length of its type and body.
   * @throws ArgumentError INVALID_ARGUMENT if it is too large for a frame, or what the codec throws; nothing is queued
   */
  push<T>(channel: number, type: number, codec: Codec<T> | null, value: T): number {
    const cursor = this.#cursor
    cursor.start = 0
    cursor.end = uintByteLength(type)
    codec?.preencode(cursor, value)
    const byteLength = cursor.end
    const most = byteLength + uintByteLength(byteLength) + 1 + uintByteLength(channel)
    if (most + FIRST_ITEM > BATCH_BYTES) {
      this.#sendAlone(channel, byteLength, type, codec, value)
      return byteLength
    }
    if (this.#end + most > BATCH_BYTES || this.#count === MAX_SENT_BATCH_MESSAGES) this.flush()
    const buffer = this.#takeBuffer()
    const start = this.#count === 0 ? FIRST_ITEM : this.#writeItemHead(buffer, channel, byteLength)
    this.#encode(buffer, start, byteLength, type, codec, value)
    if (this.#count++ === 0) {
      this.#firstChannel = channel
      this.#firstByteLength = byteLength
    }
    this.#channel = channel
    this.#end = start + byteLength
    this.#schedule()
    return byteLength
  }

  /** Until as many uncorks, messages wait unless they fill a frame. */
  cork(): void {
    this.#corks++
  }

  uncork(): void {
    assert(this.#corks > 0, 'uncork without cork')
    this.#corks--
    if (this.#count > 0) this.#schedule()
  }

  /** Sends what has been gathered. */
  flush(): void {
    const buffer = this.#buffer
    if (this.#count === 0 || buffer === null) return
    const start = this.#count === 1 ? this.#writePlainHead(buffer) : this.#writeBatchHead(buffer)
    const frame = new Uint8Array(buffer.buffer, buffer.byteOffset + start, this.#end - start)
    this.#end = FIRST_ITEM
    this.#count = 0
    this.#buffer = null
    this.#send(frame)
    if (spareBuffers.length < MAX_SPARE_BUFFERS) spareBuffers.push(buffer)
  }

  /** The stream has room again. */
  drained(): void {
    this.#isFull = false
  }

  close(): void {
    this.#isClosed = true
    this.#count = 0
    this.#end = FIRST_ITEM
    this.#buffer = null
  }

  #sendAlone<T>(
    channel: number,
    byteLength: number,
    type: number,
    codec: Codec<T> | null,
    value: T
  ): void {
    const headByteLength = uintByteLength(channel)
    if (headByteLength + byteLength > MAX_FRAME_BYTES) {
      throw new ArgumentError(
        'INVALID_ARGUMENT',
        `A message of ${byteLength} bytes, at most ${MAX_FRAME_BYTES - headByteLength} can be sent`
      )
    }
    this.flush()
    if (this.#isClosed) return
    const frame = this.#stream.alloc(headByteLength + byteLength)
    writeUint(frame, 0, channel)
    this.#encode(frame, headByteLength, byteLength, type, codec, value)
    this.#send(frame)
  }

  #encode<T>(
    buffer: Uint8Array,
    start: number,
    byteLength: number,
    type: number,
    codec: Codec<T> | null,
    value: T
  ): void {
    const cursor = this.#cursor
    cursor.buffer = buffer
    cursor.start = writeUint(buffer, start, type)
    cursor.end = start + byteLength
    codec?.encode(cursor, value)
    cursor.buffer = emptyBytes
    assert(cursor.start === start + byteLength, 'A codec wrote another length than it announced')
  }

  /** Where the item's type goes. Writes past #end only: an encoder that fails leaves the batch as it was. */
  #writeItemHead(buffer: Uint8Array, channel: number, byteLength: number): number {
    let offset = this.#end
    if (channel !== this.#channel) {
      buffer[offset] = 0
      offset = writeUint(buffer, offset + 1, channel)
    }
    return writeUint(buffer, offset, byteLength)
  }

  #writePlainHead(buffer: Uint8Array): number {
    const start = FIRST_ITEM - uintByteLength(this.#firstChannel)
    writeUint(buffer, start, this.#firstChannel)
    return start
  }

  #writeBatchHead(buffer: Uint8Array): number {
    const lengths = uintByteLength(this.#firstChannel) + uintByteLength(this.#firstByteLength)
    const start = FIRST_ITEM - 2 - lengths
    buffer[start] = CONTROL_CHANNEL
    buffer[start + 1] = CONTROL_BATCH
    writeUint(buffer, writeUint(buffer, start + 2, this.#firstChannel), this.#firstByteLength)
    return start
  }

  #takeBuffer(): Uint8Array {
    this.#buffer ??= spareBuffers.pop() ?? new Uint8Array(BATCH_BYTES)
    return this.#buffer
  }

  #schedule(): void {
    if (this.#isScheduled || this.#corks > 0) return
    this.#isScheduled = true
    atEndOfTick(() => {
      this.#isScheduled = false
      if (this.#corks === 0) this.flush()
    })
  }

  #send(frame: Uint8Array): void {
    if (!this.#isClosed && !this.#stream.send(frame)) this.#isFull = true
  }
}

/** Where the varint ends. */
function writeUint(buffer: Uint8Array, offset: number, value: number): number {
  if (value <= 252) {
    buffer[offset] = value
    return offset + 1
  }
  const cursor = { start: offset, end: buffer.byteLength, buffer }
  uint.encode(cursor, value)
  return cursor.start
}

const spareBuffers: Uint8Array[] = []
