// The handshake of an encrypted connection: the Noise messages of our side in turn with the remote's, then the
// header frames that tie a stream to the handshake (spec channel.md sections 2.2, 2.4).
import { hash } from '../crypto/hash.ts'
import type { KeyPair } from '../crypto/key-pair.ts'
import { namespace } from '../crypto/namespace.ts'
import { equalSecrets } from '../crypto/wipe.ts'
import { ProtocolError } from '../errors.ts'
import { HandshakeState } from '../noise/handshake-state.ts'
import { emptyMessageByteLength } from '../noise/patterns.ts'
import { assert } from '../util/assert.ts'
import { concat } from '../util/bytes.ts'
import {
  HEADER_FRAME_BYTES,
  MAX_HANDSHAKE_PAYLOAD_BYTES,
  NAMESPACE_NAME,
  STREAM_ID_BYTES
} from './constants.ts'

/** What a finished handshake leaves to the stream. */
export interface SecureSession {
  /** 32 bytes, ours to send with. */
  readonly tx: Uint8Array
  /** 32 bytes, ours to receive with. */
  readonly rx: Uint8Array
  /** The handshake hash, 64 bytes. */
  readonly hash: Uint8Array
  readonly publicKey: Uint8Array
  readonly remotePublicKey: Uint8Array
}

export interface StreamHandshakeOptions {
  readonly pattern: 'XX' | 'IK'
  readonly isInitiator: boolean
  readonly keyPair: KeyPair
  /** The only key that will do, if given. */
  readonly remotePublicKey: Uint8Array | undefined
  readonly ephemeralKeyPair: KeyPair | undefined
}

export interface HandshakeStep {
  /** To be sent. */
  readonly reply: Uint8Array | null
  /** The end of the handshake, once it is reached. */
  readonly session: SecureSession | null
}

export class StreamHandshake {
  #pattern: 'XX' | 'IK'
  #noise: HandshakeState
  #keyPair: KeyPair
  #expected: Uint8Array | undefined

  constructor(options: StreamHandshakeOptions) {
    this.#pattern = options.pattern
    this.#keyPair = options.keyPair
    this.#expected = options.remotePublicKey
    this.#noise = new HandshakeState({
      pattern: options.pattern,
      isInitiator: options.isInitiator,
      staticKeyPair: options.keyPair,
      remotePublicKey: options.remotePublicKey,
      ephemeralKeyPair: options.ephemeralKeyPair
    })
  }

  /** The initiator's first message; null for the responder, who waits. */
  start(): Uint8Array | null {
    return this.#noise.isInitiator ? this.#noise.writeMessage() : null
  }

  /** The only length of the remote's next message with an empty payload, as all known peers send it. */
  get minByteLength(): number {
    return emptyMessageByteLength(this.#pattern, this.#noise.messageCount)
  }

  get maxByteLength(): number {
    return this.minByteLength + MAX_HANDSHAKE_PAYLOAD_BYTES
  }

  /** @throws ProtocolError BAD_HANDSHAKE, also if the remote is not the one that was expected */
  receive(message: Uint8Array): HandshakeStep {
    this.#noise.readMessage(message)
    // Before our reply: an unexpected remote does not learn our static key.
    this.#checkRemote()
    const reply = this.#noise.isOurTurn ? this.#noise.writeMessage() : null
    return { reply, session: this.#session() }
  }

  #session(): SecureSession | null {
    const result = this.#noise.result
    if (result === null) return null
    assert(result.remotePublicKey !== null, 'XX and IK both carry the static keys')
    return {
      tx: result.tx,
      rx: result.rx,
      hash: result.handshakeHash,
      publicKey: this.#keyPair.publicKey,
      remotePublicKey: result.remotePublicKey
    }
  }

  #checkRemote(): void {
    const remote = this.#noise.remotePublicKey
    if (remote === null || this.#expected === undefined) return
    if (equalSecrets(this.#expected, remote)) return
    throw new ProtocolError('BAD_HANDSHAKE', 'The remote has another key than the expected one')
  }
}

/** The body of a header frame. It is not authenticated: it catches mix-ups and proves nothing. */
export function encodeHeader(
  handshakeHash: Uint8Array,
  isInitiator: boolean,
  streamHeader: Uint8Array
): Uint8Array {
  return concat([streamId(handshakeHash, isInitiator), streamHeader])
}

/** The secretstream header of the remote. @throws ProtocolError BAD_HANDSHAKE if it belongs to another stream */
export function decodeHeader(
  body: Uint8Array,
  handshakeHash: Uint8Array,
  isRemoteInitiator: boolean
): Uint8Array {
  const id = streamId(handshakeHash, isRemoteInitiator)
  if (
    body.byteLength !== HEADER_FRAME_BYTES ||
    !equalSecrets(id, body.subarray(0, STREAM_ID_BYTES))
  ) {
    throw new ProtocolError('BAD_HANDSHAKE', 'The header belongs to another stream')
  }
  return body.subarray(STREAM_ID_BYTES)
}

/** 32 bytes that name one direction of one connection (spec channel.md section 2.4). */
export function streamId(handshakeHash: Uint8Array, isInitiator: boolean): Uint8Array {
  const [initiator, responder] = roles
  return hash(isInitiator ? initiator! : responder!, handshakeHash)
}

const roles = namespace(NAMESPACE_NAME, 2)
