// What the tests of the multiplexer share: a message stream under the test's control, and linked pairs.

import type { Env } from '../../lib/env.ts'
import { LogwoodError } from '../../lib/errors.ts'
import type { MessageStream, MessageStreamHandlers } from '../../lib/mux/message-stream.ts'
import { Mux } from '../../lib/mux/mux.ts'
import type { RawDuplex } from '../../lib/secret-stream/raw-duplex.ts'
import { createRawPair } from '../../lib/secret-stream/raw-pair.ts'
import { SecretStream } from '../../lib/secret-stream/secret-stream.ts'
import { toHex } from '../../lib/util/bytes.ts'
import { hex } from '../helpers/vectors.ts'

/** A connection that keeps what is sent and brings what the test says. */
export class ManualStream implements MessageStream {
  readonly isInitiator: boolean = true
  readonly publicKey: Uint8Array = new Uint8Array(32)
  readonly remotePublicKey: Uint8Array | null = null
  readonly handshakeHash: Uint8Array | null = null
  readonly opened: Promise<void> = Promise.resolve()
  readonly bufferedBytes: number = 0
  readonly sent: string[] = []
  isPaused = false
  isClosed = false
  hasRoom = true
  /** Undefined while the connection lives. */
  error: Error | null | undefined
  #handlers: MessageStreamHandlers | null = null

  handle(handlers: MessageStreamHandlers): void {
    this.#handlers = handlers
  }

  alloc(byteLength: number): Uint8Array {
    return new Uint8Array(byteLength)
  }

  send(message: Uint8Array): boolean {
    this.sent.push(toHex(message))
    return this.hasRoom
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  close(): void {
    this.isClosed = true
  }

  destroy(error?: Error): void {
    if (this.error !== undefined) return
    this.error = error ?? null
    process.nextTick(() => this.#handlers?.onClose(this.error ?? null))
  }

  receive(frame: string): void {
    this.#handlers?.onMessage(hex(frame))
  }

  drain(): void {
    this.hasRoom = true
    this.#handlers?.onDrain()
  }

  /** Frames sent since the last call, after this tick. */
  async take(): Promise<string[]> {
    await tick()
    return this.sent.splice(0)
  }
}

export function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export function muxPair(env?: Env): { a: Mux; b: Mux } {
  const { inner, outer } = createRawPair()
  const raw = outer as unknown as RawDuplex
  return {
    a: new Mux(new SecretStream({ isInitiator: true, raw: inner, env }), { env }),
    b: new Mux(new SecretStream({ isInitiator: false, raw, env }), { env })
  }
}

export function codeOf(error: unknown): string {
  return error instanceof LogwoodError ? error.code : `untyped: ${String(error)}`
}
