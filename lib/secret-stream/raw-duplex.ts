// The port under the encrypted stream: any ordered byte stream. net.Socket, streamx duplexes and UDX streams fit.
// Chunks that it hands over are ours: messages are decrypted inside them.

export interface RawDuplex {
  /** False: full, 'drain' follows. Keeps the bytes; they are not touched afterwards. */
  write(bytes: Uint8Array): boolean
  /** Ends our side once all is written. */
  end(): unknown
  destroy(error?: Error): unknown
  pause(): unknown
  resume(): unknown
  /** 'data' (bytes), 'drain', 'end', 'error' (error), 'close'. */
  on(event: string, listener: (...args: never[]) => void): unknown
  cork?(): void
  uncork?(): void
}
