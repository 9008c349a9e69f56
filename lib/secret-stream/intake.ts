// Whether the raw stream is being read, and whether what it brings comes fast enough. It is not read while the user
// pauses, and while the cap on messages being assembled holds this connection. A message that has begun must go on.
// Owner of raw.pause and raw.resume, of the progress timer, and of this connection's share of the cap.
import type { Env } from '../env.ts'
import { AbortError, ProtocolError } from '../errors.ts'
import type { Assembler, Assembly } from './assembly.ts'
import {
  COUNTED_ASSEMBLY_BYTES,
  MIN_FRAME_BYTES_PER_SECOND,
  SLOW_FRAME_CHECK_MS,
  SLOW_FRAME_GRACE_MS
} from './constants.ts'
import type { RawDuplex } from './raw-duplex.ts'

export interface IntakeOptions {
  readonly raw: RawDuplex
  readonly env: Env
  readonly assembly: Assembly
  /** Bytes of the message that has begun; null if none has. */
  gatheredBytes(): number | null
  /** The remote is too slow, or too large. */
  onFailure(error: Error): void
}

export class Intake implements Assembler {
  #options: IntakeOptions
  #isPaused = false
  #isHeld = false
  #countedBytes = 0
  /** The stretch of time in which the message at hand must go on: since when, and from how many bytes. */
  #slowSince: number | null = null
  #slowFromBytes = 0
  #timer: Disposable | null = null

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  /** By the user. */
  get isPaused(): boolean {
    return this.#isPaused
  }

  pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.#options.raw.pause()
  }

  /** False: was not paused. Reading goes on with the next call of flow. */
  resume(): boolean {
    if (!this.#isPaused) return false
    this.#isPaused = false
    // Time that passes while nobody reads is not the remote's fault.
    this.#slowSince = null
    return true
  }

  flow(): void {
    if (!this.#isPaused && !this.#isHeld) this.#options.raw.resume()
  }

  hold(): void {
    this.#isHeld = true
    this.#options.raw.pause()
  }

  release(): void {
    this.#isHeld = false
    this.#slowSince = null
    this.flow()
  }

  giveUp(): void {
    this.#options.onFailure(
      new ProtocolError('LIMIT_EXCEEDED', 'The messages that are arriving take too much memory')
    )
  }

  /** What was there has been read. */
  hasRead(): void {
    const gathered = this.#options.gatheredBytes()
    this.#count(gathered ?? 0)
    if (gathered === null) {
      this.#slowSince = null
      return
    }
    if (this.#slowSince === null) this.#watch(gathered)
    this.#timer ??= this.#arm(SLOW_FRAME_GRACE_MS)
  }

  /** A message is complete: the clock starts anew with the next one. */
  hasMessage(): void {
    this.#slowSince = null
  }

  close(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = null
    this.#isPaused = false
    this.#count(0)
  }

  /** Small messages are not worth the bookkeeping. */
  #count(byteLength: number): void {
    const counted = byteLength < COUNTED_ASSEMBLY_BYTES ? 0 : byteLength
    if (counted === this.#countedBytes) return
    this.#countedBytes = counted
    this.#options.assembly.set(this, counted)
  }

  #arm(delayMs: number): Disposable {
    return this.#options.env.setTimer(delayMs, () => this.#check())
  }

  #check(): void {
    this.#timer = null
    const { env, onFailure, gatheredBytes } = this.#options
    const gathered = gatheredBytes()
    if (gathered === null) return
    const since = this.#slowSince
    if (since === null || this.#isPaused || this.#isHeld) {
      this.#watch(gathered)
      this.#timer = this.#arm(SLOW_FRAME_GRACE_MS)
      return
    }
    const elapsedMs = env.now() - since
    if (elapsedMs >= SLOW_FRAME_GRACE_MS) {
      const isSlow =
        gathered - this.#slowFromBytes < (elapsedMs / 1000) * MIN_FRAME_BYTES_PER_SECOND
      if (isSlow) {
        onFailure(new AbortError('TIMEOUT', 'A message arrives too slowly'))
        return
      }
      this.#watch(gathered)
    }
    const leftMs = (this.#slowSince ?? since) + SLOW_FRAME_GRACE_MS - env.now()
    this.#timer = this.#arm(Math.max(leftMs, SLOW_FRAME_CHECK_MS))
  }

  #watch(gathered: number): void {
    this.#slowSince = this.#options.env.now()
    this.#slowFromBytes = gathered
  }
}
