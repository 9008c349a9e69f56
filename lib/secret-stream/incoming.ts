// The receiving half of an encrypted connection: what the next frame means (spec channel.md section 2.6).
//
//   handshake ──▶ header ──▶ open        Noise messages; then one header frame; then messages
//
// Passive: the owner pushes chunks and asks for frames. Every failure is a ProtocolError out of readFrame, after
// which this is not used again. Messages are decrypted inside the received chunks.
import { Opener, SECRETSTREAM_OVERHEAD_BYTES } from '../crypto/secretstream.ts'
import { wipe } from '../crypto/wipe.ts'
import { ProtocolError } from '../errors.ts'
import { copyOf } from '../util/bytes.ts'
import { HEADER_FRAME_BYTES, KEY_BYTES, MAX_FRAME_BYTES, TAG_BYTES } from './constants.ts'
import { Unframer } from './framing.ts'
import { decodeHeader, type SecureSession, type StreamHandshake } from './handshake.ts'

export interface IncomingHandlers {
  /** A handshake message that goes back. */
  onReply(message: Uint8Array): void
  /** Our part of the handshake is done. Comes back with a call of expectHeader. */
  onSession(session: SecureSession): void
  /** The remote's header is here: messages may follow. */
  onHeader(): void
  /** Empty ones, which keep the connection alive, are not told. */
  onMessage(message: Uint8Array): void
}

type State =
  | { readonly name: 'handshake'; readonly handshake: StreamHandshake }
  | { readonly name: 'header'; readonly rx: Uint8Array; readonly hash: Uint8Array }
  | { readonly name: 'open'; readonly opener: Opener }
  | { readonly name: 'idle' }

export class Incoming {
  #state: State = { name: 'idle' }
  #handlers: IncomingHandlers
  #isRemoteInitiator: boolean
  #unframer: Unframer = new Unframer()
  #isAuthenticated = false

  constructor(options: { isInitiator: boolean; handlers: IncomingHandlers }) {
    this.#isRemoteInitiator = !options.isInitiator
    this.#handlers = options.handlers
  }

  /** Whether a message has been decrypted, which only the owner of the remote key could make. */
  get isAuthenticated(): boolean {
    return this.#isAuthenticated
  }

  get isOpen(): boolean {
    return this.#state.name === 'open'
  }

  get isMidFrame(): boolean {
    return this.#unframer.isMidFrame
  }

  /** Bytes of a message that has begun; null if none has, or none may. */
  get gatheredBytes(): number | null {
    const isMidMessage = this.isOpen && this.#unframer.isMidFrame
    return isMidMessage ? this.#unframer.gatheredBytes : null
  }

  expectHandshake(handshake: StreamHandshake): void {
    this.#state = { name: 'handshake', handshake }
  }

  /** The key is copied. */
  expectHeader(session: SecureSession): void {
    this.#state = {
      name: 'header',
      rx: copyOf(session.rx.subarray(0, KEY_BYTES)),
      hash: session.hash
    }
  }

  push(chunk: Uint8Array): void {
    this.#unframer.push(chunk)
  }

  /** Handles one frame; false if none is complete. */
  readFrame(): boolean {
    const state = this.#state
    switch (state.name) {
      case 'handshake':
        return this.#readHandshake(state.handshake)
      case 'header':
        return this.#readHeader(state.rx, state.hash)
      case 'open':
        return this.#readMessage(state.opener)
      case 'idle':
        return false
    }
  }

  clear(): void {
    if (this.#state.name === 'open') this.#state.opener.clear()
    if (this.#state.name === 'header') wipe(this.#state.rx)
    this.#state = { name: 'idle' }
    this.#unframer.clear()
  }

  #readHandshake(handshake: StreamHandshake): boolean {
    const frame = this.#unframer.next(handshake.minByteLength, handshake.maxByteLength)
    if (frame === null) return false
    const { reply, session } = handshake.receive(frame)
    if (reply !== null) this.#handlers.onReply(reply)
    if (session !== null) this.#handlers.onSession(session)
    return true
  }

  #readHeader(rx: Uint8Array, hash: Uint8Array): boolean {
    const frame = this.#unframer.next(HEADER_FRAME_BYTES, HEADER_FRAME_BYTES)
    if (frame === null) return false
    const header = decodeHeader(frame, hash, this.#isRemoteInitiator)
    this.#state = { name: 'open', opener: new Opener(rx, header) }
    wipe(rx)
    this.#handlers.onHeader()
    return true
  }

  #readMessage(opener: Opener): boolean {
    const frame = this.#unframer.next(SECRETSTREAM_OVERHEAD_BYTES, MAX_FRAME_BYTES)
    if (frame === null) return false
    const message = new Uint8Array(
      frame.buffer,
      frame.byteOffset + TAG_BYTES,
      frame.byteLength - SECRETSTREAM_OVERHEAD_BYTES
    )
    if (!opener.open(message, frame)) {
      throw new ProtocolError('BAD_MESSAGE', 'A message is not authentic')
    }
    this.#isAuthenticated = true
    if (message.byteLength > 0) this.#handlers.onMessage(message)
    return true
  }
}
