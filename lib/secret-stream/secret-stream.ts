// An encrypted connection of messages over any byte stream (spec channel.md section 2, reliability.md section 9).
//
//   handshake ──▶ open ──▶ closing ──▶ closed       any state may go to closed at once
//
//   handshake: our messages are queued. open: they leave at once, also before the remote's header is here.
//   closing: ours are flushed, the raw side is ended, what still comes is ignored.
//
// Owner of the raw stream. outgoing.ts and incoming.ts are its two directions, intake.ts says whether it is read.
// Each failure destroys this connection only; nothing that the remote sends throws out of here.
import type { KeyPair } from '../crypto/key-pair.ts'
import { createKeyPair } from '../crypto/key-pair.ts'
import { Sealer } from '../crypto/secretstream.ts'
import { wipe } from '../crypto/wipe.ts'
import { type Env, systemEnv } from '../env.ts'
import { AbortError, ProtocolError, StateError } from '../errors.ts'
import { copyOf, emptyBytes } from '../util/bytes.ts'
import { type Deferred, deferred } from '../util/deferred.ts'
import { atEndOfTick } from '../util/end-of-tick.ts'
import { assembly } from './assembly.ts'
import {
  CLOSE_TIMEOUT_MS,
  HANDSHAKE_TIMEOUT_MS,
  HIGH_WATER_BYTES,
  KEEP_ALIVE_MS,
  KEY_BYTES
} from './constants.ts'
import { Deadline } from './deadline.ts'
import { encodeHeader, type SecureSession, StreamHandshake } from './handshake.ts'
import { IdleTimer } from './idle-timer.ts'
import { Incoming } from './incoming.ts'
import { Intake } from './intake.ts'
import type { SecretStreamHandlers, SecretStreamOptions } from './options.ts'
import { checkMessageLength, Outgoing } from './outgoing.ts'
import type { RawDuplex } from './raw-duplex.ts'

type State =
  | { readonly name: 'handshake' }
  | { readonly name: 'open'; readonly sealer: Sealer }
  | { readonly name: 'closing' }
  | { readonly name: 'closed'; readonly error: Error | null }

export class SecretStream {
  readonly isInitiator: boolean
  readonly publicKey: Uint8Array
  #state: State = { name: 'handshake' }
  #env: Env
  #raw: RawDuplex
  #incoming: Incoming
  #intake: Intake
  #outgoing: Outgoing
  #keepAliveMs: number
  #pinnedHeader: Uint8Array | undefined
  #handshakeHash: Uint8Array | null = null
  #remotePublicKey: Uint8Array | null = null
  #opened: Deferred<void> = deferred()
  #handlers: SecretStreamHandlers | null = null
  #early: Uint8Array[] = []
  #earlyBytes = 0
  #bytesIn = 0
  #isReading = false
  #closeWanted = false
  #remoteEnded = false
  #deadline: Deadline
  #keepAlive: IdleTimer | null = null
  #silence: IdleTimer

  /** @throws ArgumentError INVALID_ARGUMENT if a key that the pattern needs is missing */
  constructor(options: SecretStreamOptions) {
    const env = options.env ?? systemEnv
    this.isInitiator = options.isInitiator
    this.#env = env
    this.#raw = options.raw
    this.#keepAliveMs = options.keepAliveMs ?? KEEP_ALIVE_MS
    this.#pinnedHeader = options.pinned?.header
    this.#opened.promise.catch(() => {})
    this.#deadline = new Deadline(env, (error) => this.destroy(error))
    this.#outgoing = new Outgoing({
      raw: options.raw,
      env,
      onWrite: () => this.#keepAlive?.touch(),
      onStall: (error) => this.destroy(error)
    })
    this.#incoming = new Incoming({
      isInitiator: options.isInitiator,
      handlers: {
        onReply: (message) => this.#outgoing.write(message),
        onSession: (session) => {
          this.#becomeOpen(session)
          wipe(session.tx)
          wipe(session.rx)
        },
        onHeader: () => this.#deadline.clear(),
        onMessage: (message) => this.#handlers?.onMessage(message)
      }
    })
    this.#intake = new Intake({
      raw: options.raw,
      env,
      assembly: options.assembly ?? assembly,
      gatheredBytes: () => this.#incoming.gatheredBytes,
      onFailure: (error) => this.destroy(error)
    })
    const keyPair = options.handshake === undefined ? (options.keyPair ?? createKeyPair()) : null
    this.publicKey = keyPair?.publicKey ?? options.handshake?.publicKey ?? emptyBytes
    const first = keyPair === null ? null : this.#beginHandshake(options, keyPair)
    this.#silence = new IdleTimer(env, options.idleTimeoutMs ?? 0, () => {
      this.destroy(new AbortError('TIMEOUT', 'Nothing came from the remote for too long'))
    })
    this.#deadline.set(options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS, 'The handshake')
    this.#listen()
    if (first !== null) this.#outgoing.write(first)
    if (options.handshake !== undefined) this.#becomeOpen(options.handshake)
  }

  /** Resolves when our part of the handshake is done. Rejects with a typed error if the end comes first. */
  get opened(): Promise<void> {
    return this.#opened.promise
  }

  /** Null until the handshake is done. */
  get remotePublicKey(): Uint8Array | null {
    return this.#remotePublicKey
  }

  /** 64 bytes, the same on both sides, and public. Null until the handshake is done. */
  get handshakeHash(): Uint8Array | null {
    return this.#handshakeHash
  }

  /** Whether the remote has proven to hold its key: only a message that decrypts does that. */
  get isAuthenticated(): boolean {
    return this.#incoming.isAuthenticated
  }

  get isClosed(): boolean {
    return this.#state.name === 'closed'
  }

  /** Raw bytes received, with the handshake and all framing. */
  get bytesIn(): number {
    return this.#bytesIn
  }

  /** Raw bytes sent, with the handshake and all framing. */
  get bytesOut(): number {
    return this.#outgoing.bytesWritten
  }

  /** Bytes sent here that have not left, as far as can be seen from here. */
  get bufferedBytes(): number {
    return this.#earlyBytes + this.#outgoing.bufferedBytes
  }

  /** Messages wait until somebody handles them. */
  handle(handlers: SecretStreamHandlers): void {
    this.#handlers = handlers
    if (this.#state.name === 'closed') this.#announceClose(this.#state.error)
    else this.#resumeReading()
  }

  /**
   * Uninitialised bytes to write a message into; sending that very view encrypts it where it lies. Each view is
   * sent at most once and not touched afterwards. @throws ArgumentError INVALID_ARGUMENT above the largest message
   */
  alloc(byteLength: number): Uint8Array {
    checkMessageLength(byteLength)
    return this.#outgoing.alloc(byteLength)
  }

  /**
   * Sends one message; the bytes may be reused when this returns, unless alloc made them. False: full (onDrain
   * follows), or closed. @throws ArgumentError INVALID_ARGUMENT above the largest message
   */
  send(message: Uint8Array): boolean {
    checkMessageLength(message.byteLength)
    const state = this.#state
    if (this.#closeWanted || state.name === 'closed') return false
    if (state.name === 'open') {
      this.#outgoing.seal(state.sealer, message)
      return !this.#outgoing.isFull()
    }
    this.#early.push(this.#outgoing.keep(message))
    this.#earlyBytes += message.byteLength
    return this.#earlyBytes < HIGH_WATER_BYTES
  }

  /** No more onMessage until resume; the raw stream is told to wait. */
  pause(): void {
    if (this.#isLive()) this.#intake.pause()
  }

  resume(): void {
    if (this.#intake.resume()) this.#resumeReading()
  }

  /** Sends what is queued, then ends. What the remote sends from now on is ignored. */
  close(): void {
    if (this.#closeWanted || this.#state.name === 'closed') return
    this.#closeWanted = true
    this.#deadline.set(CLOSE_TIMEOUT_MS, 'Closing')
    if (this.#state.name === 'open') this.#becomeClosing(this.#state.sealer)
  }

  /** Ends at once, dropping what is queued. */
  destroy(error?: Error): void {
    this.#becomeClosed(error ?? null)
  }

  #beginHandshake(options: SecretStreamOptions, keyPair: KeyPair): Uint8Array | null {
    const handshake = new StreamHandshake({
      pattern: options.pattern ?? 'XX',
      isInitiator: this.isInitiator,
      keyPair,
      remotePublicKey: options.remotePublicKey,
      ephemeralKeyPair: options.pinned?.ephemeralKeyPair
    })
    this.#incoming.expectHandshake(handshake)
    return handshake.start()
  }

  #listen(): void {
    const raw = this.#raw
    raw.on('error', (error: Error) => {
      this.destroy(new StateError('CLOSED', 'The raw stream failed', error))
    })
    raw.on('close', () => this.#rawClosed())
    raw.on('end', () => {
      this.#remoteEnded = true
      this.#read()
    })
    raw.on('drain', () => {
      if (this.#outgoing.drained() && this.#state.name === 'open') this.#handlers?.onDrain?.()
    })
    raw.on('data', (chunk: Uint8Array) => this.#receive(chunk))
  }

  #receive(chunk: Uint8Array): void {
    this.#bytesIn += chunk.byteLength
    this.#silence.touch()
    if (this.#state.name === 'closed' || this.#state.name === 'closing') return
    this.#incoming.push(chunk)
    this.#read()
  }

  /** Handles all frames that are there. Not re-entrant: a handler that resumes only lets the loop go on. */
  #read(): void {
    if (this.#isReading) return
    this.#isReading = true
    try {
      while (this.#mayRead() && this.#incoming.readFrame()) this.#intake.hasMessage()
      this.#intake.hasRead()
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error(String(error)))
    } finally {
      this.#isReading = false
    }
    if (this.#remoteEnded && this.#mayRead()) this.#endReached()
    else if (this.#isWaitingForHandlers()) this.#raw.pause()
  }

  #mayRead(): boolean {
    if (this.#state.name === 'closed' || this.#state.name === 'closing') return false
    return !this.#intake.isPaused && !this.#isWaitingForHandlers()
  }

  #isWaitingForHandlers(): boolean {
    return this.#handlers === null && this.#incoming.isOpen
  }

  #resumeReading(): void {
    if (this.#state.name === 'closed' || this.#isReading) return
    this.#read()
    if (this.#isLive()) this.#intake.flow()
  }

  /** The remote has ended and all that it sent is read. */
  #endReached(): void {
    if (this.#state.name === 'handshake') {
      this.destroy(new ProtocolError('BAD_HANDSHAKE', 'The connection ended in the handshake'))
    } else if (this.#incoming.isMidFrame) {
      this.destroy(new ProtocolError('BAD_MESSAGE', 'The connection ended inside a message'))
    } else {
      this.close()
    }
  }

  #becomeOpen(session: SecureSession): void {
    const sealer = new Sealer(session.tx.subarray(0, KEY_BYTES), this.#pinnedHeader)
    this.#incoming.expectHeader(session)
    this.#handshakeHash = copyOf(session.hash)
    this.#remotePublicKey = copyOf(session.remotePublicKey)
    this.#outgoing.write(encodeHeader(session.hash, this.isInitiator, sealer.header))
    this.#state = { name: 'open', sealer }
    this.#keepAlive = new IdleTimer(this.#env, this.#keepAliveMs, () => this.send(emptyBytes))
    const wasFull = this.#earlyBytes >= HIGH_WATER_BYTES
    for (const message of this.#early) this.#outgoing.seal(sealer, message)
    this.#early = []
    this.#earlyBytes = 0
    this.#opened.resolve()
    if (this.#closeWanted) this.#becomeClosing(sealer)
    else if (wasFull) atEndOfTick(() => this.#isLive() && this.#handlers?.onDrain?.())
  }

  #becomeClosing(sealer: Sealer): void {
    this.#state = { name: 'closing' }
    this.#keepAlive?.stop()
    this.#outgoing.flush()
    sealer.clear()
    this.#incoming.clear()
    this.#intake.close()
    this.#raw.end()
    this.#raw.resume()
  }

  #becomeClosed(error: Error | null): void {
    const state = this.#state
    if (state.name === 'closed') return
    this.#state = { name: 'closed', error }
    if (state.name === 'open') state.sealer.clear()
    this.#incoming.clear()
    this.#intake.close()
    this.#outgoing.clear()
    this.#early = []
    this.#earlyBytes = 0
    this.#deadline.clear()
    this.#keepAlive?.stop()
    this.#silence.stop()
    this.#opened.reject(error ?? new StateError('CLOSED', 'The connection was closed'))
    this.#raw.destroy(error ?? undefined)
    if (this.#handlers !== null) this.#announceClose(error)
  }

  #announceClose(error: Error | null): void {
    atEndOfTick(() => this.#handlers?.onClose?.(error))
  }

  #rawClosed(): void {
    const isInOrder = this.#state.name === 'closing'
    if (isInOrder) this.#becomeClosed(null)
    else this.#becomeClosed(new StateError('CLOSED', 'The raw stream was cut off'))
  }

  #isLive(): boolean {
    return this.#state.name !== 'closed'
  }
}
