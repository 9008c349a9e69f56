// The port under the multiplexer: a connection that keeps the boundaries of messages. SecretStream fits as it is,
// other packages' streams through foreign-stream.ts.

export interface MessageStreamHandlers {
  onMessage(message: Uint8Array): void
  onDrain(): void
  /** Once. Null: both sides ended in order. */
  onClose(error: Error | null): void
}

export interface MessageStream {
  readonly isInitiator: boolean
  readonly publicKey: Uint8Array
  /** Null until the handshake is done, like handshakeHash. */
  readonly remotePublicKey: Uint8Array | null
  readonly handshakeHash: Uint8Array | null
  /** Resolves when the handshake is done; rejects if the end comes first. */
  readonly opened: Promise<void>
  readonly bufferedBytes: number
  /** Messages wait until somebody handles them. */
  handle(handlers: MessageStreamHandlers): void
  /** Bytes to write one message into, which is then sent without a copy. */
  alloc(byteLength: number): Uint8Array
  /** The bytes may be reused when this returns, unless alloc made them. False: full, onDrain follows; or closed. */
  send(message: Uint8Array): boolean
  pause(): void
  resume(): void
  close(): void
  destroy(error?: Error): void
}
