// SimSocket: one end of a simulated connection, with the shape of a raw byte stream (secret-stream/raw-duplex.ts):
// back-pressure by a window of bytes that the other side has not consumed, half-close, reset. Owner: SimLink.
import type { RawDuplex } from '../secret-stream/raw-duplex.ts'

/** Bytes that may be under way or unread at the other side. */
const WINDOW_BYTES = 256 * 1024
/** Bytes waiting here from which on write says that it is full. */
const HIGH_WATER_BYTES = 64 * 1024

type Listener = (...args: never[]) => void
/** Brings an event to the other side, as long after as so many bytes take. */
type Carry = (event: () => void, byteLength: number) => void

export class SimSocket implements RawDuplex {
  other: SimSocket | null = null
  pieceBytes: number = Number.POSITIVE_INFINITY
  readonly #carry: Carry
  readonly #listeners: Map<string, Listener[]> = new Map()
  /** Written, not yet sent. */
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  /** Sent and not consumed by the other side. */
  #underWayBytes = 0
  #mustDrain = false
  #isEnding = false
  #endSent = false
  /** Arrived and not given to listeners. */
  #unread: Uint8Array[] = []
  #isPaused = true
  #remoteEnded = false
  #endGiven = false
  #closed = false

  constructor(carry: Carry) {
    this.#carry = carry
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Bytes that were written and have not left. */
  get bufferedBytes(): number {
    return this.#waitingBytes
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed || this.#isEnding) return false
    this.#waiting.push(bytes.slice())
    this.#waitingBytes += bytes.byteLength
    this.#send()
    this.#mustDrain = this.#waitingBytes >= HIGH_WATER_BYTES
    return !this.#mustDrain
  }

  end(): void {
    this.#isEnding = true
    this.#send()
  }

  destroy(_error?: Error): void {
    if (this.#closed) return
    this.#close(null)
    const { other } = this
    this.#carry(() => other?.reset(new Error('The other side closed the connection')), 0)
  }

  /** The connection is gone. */
  reset(error: Error): void {
    if (this.#closed) return
    // Who had the whole stream, both ways, has lost nothing.
    this.#close(this.#endGiven && this.#endSent ? null : error)
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#give()
  }

  on(event: string, listener: Listener): this {
    const listeners = this.#listeners.get(event)
    if (listeners === undefined) this.#listeners.set(event, [listener])
    else listeners.push(listener)
    if (event === 'data') this.resume()
    return this
  }

  #emit(event: string, ...args: unknown[]): void {
    for (const listener of this.#listeners.get(event) ?? []) {
      ;(listener as (...given: unknown[]) => void)(...args)
    }
  }

  #send(): void {
    while (this.#waiting.length > 0 && this.#underWayBytes < WINDOW_BYTES) {
      const bytes = this.#waiting.shift()!
      this.#waitingBytes -= bytes.byteLength
      for (let at = 0; at < bytes.byteLength; at += this.pieceBytes) {
        const piece = bytes.subarray(at, at + this.pieceBytes)
        this.#underWayBytes += piece.byteLength
        this.#carry(() => this.other?.arrived(piece), piece.byteLength)
      }
    }
    if (this.#isEnding && !this.#endSent && this.#waiting.length === 0) {
      this.#endSent = true
      this.#carry(() => this.other?.ended(), 0)
    }
  }

  /** Bytes came from the other side. */
  arrived(bytes: Uint8Array): void {
    if (this.#closed) return
    this.#unread.push(bytes)
    this.#give()
  }

  /** The other side sends nothing more. */
  ended(): void {
    if (this.#closed) return
    this.#remoteEnded = true
    this.#give()
  }

  /** So many bytes were consumed at the other side. */
  consumed(byteLength: number): void {
    this.#underWayBytes -= byteLength
    if (this.#closed) return
    this.#send()
    if (!this.#mustDrain || this.#waitingBytes > 0) return
    this.#mustDrain = false
    this.#emit('drain')
  }

  #give(): void {
    while (!this.#isPaused && !this.#closed && this.#unread.length > 0) {
      const bytes = this.#unread.shift()!
      this.other?.consumed(bytes.byteLength)
      this.#emit('data', bytes)
    }
    if (this.#isPaused || this.#closed || !this.#remoteEnded || this.#endGiven) return
    if (this.#unread.length > 0) return
    this.#endGiven = true
    this.#emit('end')
    if (this.#endSent) this.#close(null)
  }

  #close(error: Error | null): void {
    this.#closed = true
    this.#waiting = []
    this.#unread = []
    if (error !== null) this.#emit('error', error)
    this.#emit('close')
  }
}
