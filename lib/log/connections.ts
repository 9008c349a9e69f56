// Connections: the encrypted connections that a log, or a store of logs, was given to replicate over, and the multiplexer on each.
// One multiplexer serves all logs on a connection.

import type { KeyPair } from '../crypto/key-pair.ts'
import type { Env } from '../env.ts'
import { ArgumentError } from '../errors.ts'
import { type ForeignStream, fromForeignStream } from '../mux/foreign-stream.ts'
import type { Multiplexer } from '../mux/multiplexer.ts'
import { Mux } from '../mux/mux.ts'
import { isProtomux, type Protomux, SharedMux } from '../mux/shared-mux.ts'
import type { RawDuplex } from '../secret-stream/raw-duplex.ts'
import { createRawPair } from '../secret-stream/raw-pair.ts'
import { SecretStream } from '../secret-stream/secret-stream.ts'
import { LazySet } from '../util/lazy.ts'

export interface ConnectOptions {
  readonly isInitiator: boolean
  /** Our identity towards the peer; a fresh one by default. */
  readonly keyPair?: KeyPair
  /** If given, nobody else is talked to. */
  readonly remotePublicKey?: Uint8Array
}

/** A connection that somebody else made and encrypted: ours, or npm @hyperswarm/secret-stream. */
export type EncryptedStream = SecretStream | ForeignStream

const muxes: WeakMap<object, Multiplexer> = new WeakMap()

/** Who replicates over them: the replicator of a log, or a store. */
export interface Attachable {
  attach(mux: Multiplexer): void
}

export class Connections {
  readonly #replicator: Attachable
  readonly #env: Env
  readonly #owned: LazySet<SecretStream> = new LazySet()

  constructor(replicator: Attachable, env: Env) {
    this.#replicator = replicator
    this.#env = env
  }

  /** Encrypts a raw byte stream and replicates over it. */
  encrypt(raw: RawDuplex, options: ConnectOptions): SecretStream {
    const stream = new SecretStream({ ...options, raw, env: this.#env })
    const mux = new Mux(stream)
    muxes.set(stream, mux)
    this.#owned.add(stream)
    mux.onClose = () => this.#owned.delete(stream)
    this.attach(mux)
    return stream
  }

  /** A byte stream for the user to pipe to the other side. */
  pipe(isInitiator: boolean): ReturnType<typeof createRawPair>['outer'] {
    const { inner, outer } = createRawPair()
    this.encrypt(inner, { isInitiator })
    return outer
  }

  /** Replicates over a connection that others may use too, and which stays theirs to close. */
  attach(mux: Multiplexer): void {
    this.#replicator.attach(mux)
  }

  /** Ends the connections that were made here. */
  close(): void {
    for (const stream of this.#owned) stream.close()
    this.#owned.clear()
  }
}

/**
 * The one multiplexer of a connection. One that npm protomux multiplexes already is shared with it: two readers of the
 * same frames would each take the other's for their own.
 * @throws ArgumentError INVALID_ARGUMENT if it is none
 */
export function multiplexerOf(stream: EncryptedStream | Protomux | Mux): Multiplexer {
  if (stream instanceof Mux) return stream
  const known = isObject(stream) ? muxes.get(stream) : undefined
  if (known !== undefined) return known
  const mux = createMux(stream)
  muxes.set(stream, mux)
  return mux
}

/** The same for who needs a multiplexer of ours. @throws ArgumentError INVALID_ARGUMENT also if it is npm protomux's */
export function muxOf(stream: EncryptedStream | Mux): Mux {
  const mux = multiplexerOf(stream)
  if (mux instanceof Mux) return mux
  throw new ArgumentError(
    'INVALID_ARGUMENT',
    'replicate: npm protomux reads this connection already'
  )
}

function createMux(stream: unknown): Multiplexer {
  if (stream instanceof SecretStream) return new Mux(stream)
  if (isProtomux(stream)) return sharedMux(stream)
  if (isObject(stream) && isForeignStream(stream)) {
    const { userData = null } = stream
    if (isProtomux(userData)) return sharedMux(userData)
    return new Mux(fromForeignStream(stream))
  }
  throw new ArgumentError(
    'INVALID_ARGUMENT',
    'replicate: expected true, false or an encrypted stream; use replicateOver for sockets'
  )
}

/** One for both ways to name it. */
function sharedMux(protomux: Protomux): Multiplexer {
  const mux = muxes.get(protomux) ?? new SharedMux(protomux)
  muxes.set(protomux, mux)
  return mux
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isForeignStream(stream: object): stream is ForeignStream {
  return 'handshakeHash' in stream && 'opened' in stream && 'write' in stream && 'on' in stream
}
