// Two linked byte streams in memory, for users who carry the bytes themselves:
// `socket.pipe(outer).pipe(socket)`, with the encrypted connection on the inner half.
import { Duplex } from 'streamx'
import { toBuffer } from '../util/bytes.ts'
import { RAW_PAIR_HIGH_WATER_BYTES } from './constants.ts'
import type { RawDuplex } from './raw-duplex.ts'

type Callback = (error: Error | null) => void

export interface RawPair {
  /** For `raw` of a SecretStream. */
  readonly inner: RawDuplex
  /** For the user to pipe. It fails when the connection fails; nobody has to listen for that. */
  readonly outer: Duplex
}

/** What is written to one half is read from the other; so is its end, its destruction and its being full. */
export function createRawPair(): RawPair {
  const outer = new Half()
  const inner = new Half()
  outer.link(inner)
  inner.link(outer)
  // An error event without a listener would end the process on a remote's mistake.
  outer.on('error', () => {})
  inner.on('error', () => {})
  return { inner: inner as unknown as RawDuplex, outer }
}

class Half extends Duplex {
  #other: Half | null = null
  /** The write of the other half that waits until we are read from. */
  #waiting: Callback | null = null

  constructor() {
    super({ highWaterMark: RAW_PAIR_HIGH_WATER_BYTES })
  }

  link(other: Half): void {
    this.#other = other
  }

  override _write(bytes: unknown, done: Callback): void {
    this.#other?.take(bytes, done)
  }

  override _final(done: Callback): void {
    this.#other?.push(null)
    done(null)
  }

  override _read(done: Callback): void {
    this.#release(null)
    done(null)
  }

  override _predestroy(): void {
    this.#release(null)
    this.#other?.gone()
  }

  override _destroy(done: Callback): void {
    done(null)
  }

  /** Bytes that the other half wrote. Who reads from a stream counts on Buffers. */
  take(bytes: unknown, done: Callback): void {
    if (this.destroying || this.push(toBuffer(bytes as Uint8Array))) done(null)
    else this.#waiting = done
  }

  /** The other half was destroyed. */
  gone(): void {
    if (!this.destroying) this.destroy()
  }

  #release(error: Error | null): void {
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.(error)
  }
}
