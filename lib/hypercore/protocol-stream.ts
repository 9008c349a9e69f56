// The connections that cores replicate over: a byte stream for the user to pipe, with the encrypted connection behind
// it, or an encrypted connection that somebody else made.
import { EventEmitter } from 'node:events'
import type { KeyPair } from '../crypto/key-pair.ts'
import { type EncryptedStream, muxOf } from '../log/connections.ts'
import { Mux } from '../mux/mux.ts'
import { PROTOCOL } from '../replication/constants.ts'
import { createRawPair, type RawPair } from '../secret-stream/raw-pair.ts'
import { SecretStream } from '../secret-stream/secret-stream.ts'
import { toBuffer } from '../util/bytes.ts'
import { HypercoreError, translate } from './errors.ts'

export interface ReplicateOptions {
  /** Ours towards the peer; a fresh one by default. */
  keyPair?: KeyPair
  /** False: nothing is sent only to keep the connection. */
  keepAlive?: boolean
  /** A connection to use. */
  stream?: object
  /** Asked about each core that the remote opens and that nobody here replicates. */
  ondiscoverykey?: (discoveryKey: Buffer) => unknown
}

/** A byte stream to be piped to the other side; a stream of streamx. */
export type ProtocolStream = RawPair['outer'] & { readonly noiseStream: NoiseStream }

/** The encrypted connection behind a protocol stream, as far as applications look at it. */
export class NoiseStream extends EventEmitter {
  readonly isInitiator: boolean
  readonly rawStream: RawPair['outer']
  /** What carries all cores on the connection. */
  readonly userData: Mux
  readonly opened: Promise<boolean>
  readonly #stream: SecretStream

  constructor(stream: SecretStream, mux: Mux, rawStream: RawPair['outer']) {
    super()
    this.isInitiator = stream.isInitiator
    this.rawStream = rawStream
    this.userData = mux
    this.#stream = stream
    this.opened = stream.opened.then(
      () => {
        this.emit('open')
        return true
      },
      () => false
    )
    mux.onClose = (error) => {
      if (error !== null && this.listenerCount('error') > 0) this.emit('error', error)
      this.emit('close')
    }
  }

  get noiseStream(): this {
    return this
  }

  get publicKey(): Buffer {
    return toBuffer(this.#stream.publicKey)
  }

  get remotePublicKey(): Buffer | null {
    const key = this.#stream.remotePublicKey
    return key === null ? null : toBuffer(key)
  }

  get handshakeHash(): Buffer | null {
    const hash = this.#stream.handshakeHash
    return hash === null ? null : toBuffer(hash)
  }

  get destroyed(): boolean {
    return this.#stream.isClosed
  }

  end(): void {
    this.userData.close()
  }

  destroy(error?: Error): void {
    this.userData.destroy(error)
  }
}

/**
 * @param target whether we initiate; or a connection: an encrypted one, the byte stream of one, or its multiplexer
 * @throws HypercoreError BAD_ARGUMENT
 */
export function createProtocolStream(
  target: boolean | object,
  options: ReplicateOptions = {}
): object {
  const given = typeof target === 'boolean' ? options.stream : target
  const stream = given ?? createPiped(target === true, options)
  const mux = protocolMux(stream)
  const { ondiscoverykey } = options
  if (ondiscoverykey !== undefined) {
    mux.pair({ protocol: PROTOCOL }, (id) => {
      if (id !== null) return void ondiscoverykey(toBuffer(id))
    })
  }
  return stream
}

/** The multiplexer of what createProtocolStream gave. @throws HypercoreError BAD_ARGUMENT */
export function protocolMux(stream: object): Mux {
  if (stream instanceof Mux) return stream
  const noise = (stream as { noiseStream?: object }).noiseStream ?? stream
  if (noise instanceof NoiseStream) return noise.userData
  try {
    return muxOf(noise as EncryptedStream)
  } catch (error) {
    throw translate(error)
  }
}

/** Whether the stream is one that replicate takes. */
export function isStream(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  return (
    value instanceof Mux ||
    'pipe' in value ||
    'noiseStream' in value ||
    value instanceof SecretStream
  )
}

function createPiped(
  isInitiator: boolean,
  { keyPair, keepAlive }: ReplicateOptions
): ProtocolStream {
  const { inner, outer } = createRawPair()
  const stream = new SecretStream({
    isInitiator,
    raw: inner,
    ...(keyPair === undefined ? {} : { keyPair }),
    ...(keepAlive === false ? { keepAliveMs: 0 } : {})
  })
  const mux = new Mux(stream)
  return Object.assign(outer, { noiseStream: new NoiseStream(stream, mux, outer) })
}

/** @throws HypercoreError BAD_ARGUMENT */
export function assertTarget(target: unknown): asserts target is boolean | object {
  if (typeof target === 'boolean' || target === undefined || isStream(target)) return
  throw new HypercoreError('BAD_ARGUMENT', 'replicate: expected true, false or a stream')
}
