// Connections of other packages under the multiplexer: a duplex that keeps message boundaries, as users get it from
// `@hyperswarm/secret-stream` or hyperswarm. Known by its shape only. Its copies and queues are its own.
import { StateError } from '../errors.ts'
import { allocateOwn, copyOf } from '../util/bytes.ts'
import { atEndOfTick } from '../util/end-of-tick.ts'
import type { MessageStream, MessageStreamHandlers } from './message-stream.ts'

/** What of such a stream is used. */
export interface ForeignStream {
  readonly isInitiator: boolean
  readonly publicKey: Uint8Array | null
  readonly remotePublicKey: Uint8Array | null
  readonly handshakeHash: Uint8Array | null
  /** False: destroyed first. */
  readonly opened: Promise<boolean>
  readonly destroyed: boolean
  /** Where npm protomux keeps itself. */
  readonly userData?: unknown
  write(message: Uint8Array): boolean
  end(): unknown
  pause(): unknown
  resume(): unknown
  destroy(error?: Error): unknown
  /** 'data' (message), 'drain', 'end', 'error' (error), 'close'. */
  on(event: string, listener: (argument: never) => void): unknown
}

/** A port onto the stream, which from now on belongs to it. */
export function fromForeignStream(stream: ForeignStream): MessageStream {
  return new ForeignMessageStream(stream)
}

class ForeignMessageStream implements MessageStream {
  readonly opened: Promise<void>
  readonly #stream: ForeignStream
  #allocated: WeakSet<Uint8Array> = new WeakSet()
  #heldBytes = 0
  #isClosed = false

  constructor(stream: ForeignStream) {
    this.#stream = stream
    this.opened = stream.opened.then((isOpen) => {
      if (!isOpen) throw new StateError('CLOSED', 'The connection was closed')
    })
    this.opened.catch(() => {})
  }

  get isInitiator(): boolean {
    return this.#stream.isInitiator
  }

  get publicKey(): Uint8Array {
    return this.#stream.publicKey ?? new Uint8Array(0)
  }

  get remotePublicKey(): Uint8Array | null {
    return this.#stream.remotePublicKey
  }

  get handshakeHash(): Uint8Array | null {
    return this.#stream.handshakeHash
  }

  get bufferedBytes(): number {
    return this.#heldBytes
  }

  handle(handlers: MessageStreamHandlers): void {
    const stream = this.#stream
    let failure: Error | null = null
    if (stream.destroyed) {
      this.#isClosed = true
      atEndOfTick(() => handlers.onClose(null))
      return
    }
    stream.on('data', (message: Uint8Array) => {
      if (!this.#isClosed) handlers.onMessage(message)
    })
    stream.on('drain', () => {
      this.#heldBytes = 0
      handlers.onDrain()
    })
    stream.on('end', () => stream.end())
    stream.on('error', (error: Error) => {
      failure = error
    })
    stream.on('close', () => {
      this.#isClosed = true
      handlers.onClose(failure)
    })
  }

  alloc(byteLength: number): Uint8Array {
    const message = allocateOwn(byteLength)
    this.#allocated.add(message)
    return message
  }

  send(message: Uint8Array): boolean {
    if (this.#isClosed) return false
    // The stream keeps the bytes until it writes them, ours are reused before.
    const kept = this.#allocated.delete(message) ? message : copyOf(message)
    const hasRoom = this.#stream.write(kept)
    this.#heldBytes = hasRoom ? 0 : this.#heldBytes + message.byteLength
    return hasRoom
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  close(): void {
    this.#stream.end()
  }

  destroy(error?: Error): void {
    this.#isClosed = true
    this.#stream.destroy(error)
  }
}
