// A peer that means harm: it speaks the protocol with our own channel and codecs, and says what the test says.
// With a source it can also answer honestly, or bend its answers.
import type { Assertions } from 'brittle'
import type { Log } from '../../lib/log/log.ts'
import { type Channel, message } from '../../lib/mux/channel.ts'
import { Mux } from '../../lib/mux/mux.ts'
import { capabilityOf } from '../../lib/replication/capability.ts'
import { PROTOCOL } from '../../lib/replication/constants.ts'
import {
  bitfieldCodec,
  cancelCodec,
  type Data,
  dataCodec,
  extensionCodec,
  type Handshake,
  handshakeCodec,
  MESSAGE_TYPES,
  type NoData,
  noDataCodec,
  type Range,
  type Request,
  rangeCodec,
  requestCodec,
  type Sync,
  syncCodec,
  wantCodec
} from '../../lib/replication/messages.ts'
import type { RawDuplex } from '../../lib/secret-stream/raw-duplex.ts'
import { createRawPair } from '../../lib/secret-stream/raw-pair.ts'
import { SecretStream } from '../../lib/secret-stream/secret-stream.ts'
import { type Deferred, deferred } from '../../lib/util/deferred.ts'

/** What an attacker has to know of the log. */
export interface Victim {
  readonly key: Uint8Array
  readonly discoveryKey: Uint8Array
}

type Kind = keyof typeof MESSAGE_TYPES

export interface Received {
  readonly kind: Kind
  readonly value: unknown
}

export interface AttackOptions {
  /** The log's real key unless given: who knows only the discovery key has to guess. */
  readonly key?: Uint8Array
  /** Instead of the capability that follows from the key. */
  readonly capability?: Uint8Array
  /** Called with each question of the victim. */
  onRequest?(request: Request, attacker: Attacker): void | Promise<void>
  onMessage?(received: Received, attacker: Attacker): void
}

export class Attacker {
  readonly stream: SecretStream
  readonly mux: Mux
  readonly received: Received[] = []
  /** The other end of the connection, if it is in this process. */
  victim: SecretStream | null = null
  /** The victim's handshake, once it has opened its side. */
  readonly opened: Deferred<Handshake> = deferred()
  /** The channel is closed, or the connection gone. */
  readonly closed: Deferred<void> = deferred()
  readonly #opening: Deferred<void> = deferred()
  readonly #options: AttackOptions
  readonly #log: Victim
  #waiting: { kind: Kind; resolve: (value: unknown) => void }[] = []
  #channel: Channel | null = null

  constructor(stream: SecretStream, log: Victim, options: AttackOptions) {
    this.stream = stream
    this.mux = new Mux(stream)
    this.#log = log
    this.#options = options
    this.opened.promise.catch(() => {})
    this.mux.onClose = () => this.closed.resolve()
    // Without this the victim's own open would be rejected before the test gets to opening.
    this.mux.pair({ protocol: PROTOCOL, id: log.discoveryKey }, () => this.#opening.promise)
  }

  get channel(): Channel {
    if (this.#channel === null) throw new Error('The attacker has no channel yet')
    return this.#channel
  }

  /** Ours by right, if the key is. */
  get capability(): Uint8Array {
    const { handshakeHash } = this.stream
    if (handshakeHash === null) throw new Error('The handshake is not done')
    const key = this.#options.key ?? this.#log.key
    return capabilityOf({ handshakeHash, key }, this.stream.isInitiator)
  }

  /** Opens the log's channel, on a connection whose handshake is done. */
  open(capability: Uint8Array = this.#options.capability ?? this.capability): void {
    this.#channel = this.mux.open<Handshake>({
      protocol: PROTOCOL,
      id: this.#log.discoveryKey,
      handshake: { codec: handshakeCodec, value: { seeks: true, capability } },
      messages: [
        message(syncCodec, (value) => this.#take('sync', value)),
        message(requestCodec, (value) => this.#take('request', value)),
        message(cancelCodec, (value) => this.#take('cancel', value)),
        message(dataCodec, (value) => this.#take('data', value)),
        message(noDataCodec, (value) => this.#take('noData', value)),
        message(wantCodec, (value) => this.#take('want', value)),
        message(wantCodec, (value) => this.#take('unwant', value)),
        message(bitfieldCodec, (value) => this.#take('bitfield', value)),
        message(rangeCodec, (value) => this.#take('range', value)),
        message(extensionCodec, (value) => this.#take('extension', value))
      ],
      onOpen: (handshake) => this.opened.resolve(handshake),
      onClose: () => this.closed.resolve()
    })
    this.#opening.resolve()
  }

  send(kind: Kind, value: unknown): boolean {
    return this.channel.send(MESSAGE_TYPES[kind], value)
  }

  sync(parts: Partial<Sync>): void {
    this.send('sync', {
      fork: 0,
      length: 0,
      remoteLength: 0,
      canUpgrade: true,
      uploading: true,
      downloading: true,
      hasManifest: true,
      allowPush: false,
      ...parts
    } satisfies Sync)
  }

  range(start: number, length: number, drop = false): void {
    this.send('range', { drop, start, length } satisfies Range)
  }

  data(message: Data): void {
    this.send('data', message)
  }

  noData(message: NoData): void {
    this.send('noData', message)
  }

  /** The next message of this kind. */
  next<T>(kind: Kind): Promise<T> {
    return new Promise((resolve) => {
      this.#waiting.push({ kind, resolve: resolve as (value: unknown) => void })
    })
  }

  all<T>(kind: Kind): T[] {
    return this.received.filter((each) => each.kind === kind).map(({ value }) => value as T)
  }

  /** A frame that is no message of ours: goes out sealed, as it is. */
  sendFrame(bytes: Uint8Array): void {
    const frame = this.stream.alloc(bytes.byteLength)
    frame.set(bytes)
    this.stream.send(frame)
  }

  #take(kind: Kind, value: unknown): void {
    const received = { kind, value }
    this.received.push(received)
    this.#options.onMessage?.(received, this)
    if (kind === 'request') {
      Promise.resolve(this.#options.onRequest?.(value as Request, this)).catch((error: unknown) => {
        // A bug of the test's, not of the victim's.
        queueMicrotask(() => {
          throw error
        })
      })
    }
    const waiting = this.#waiting.filter((each) => each.kind === kind)
    this.#waiting = this.#waiting.filter((each) => each.kind !== kind)
    for (const { resolve } of waiting) resolve(value)
  }
}

/** Connects an attacker to a log and opens its channel; the attacker calls. */
export async function attack(
  t: Assertions,
  log: Log,
  options: AttackOptions = {}
): Promise<Attacker> {
  const attacker = await connectAttacker(t, log, options)
  attacker.open()
  return attacker
}

/** Up to the end of the encrypted handshake. */
export async function connectAttacker(
  t: Assertions,
  log: Log,
  options: AttackOptions = {}
): Promise<Attacker> {
  const { inner, outer } = createRawPair()
  const victim = log.replicateOver(inner, { isInitiator: false })
  const stream = new SecretStream({ isInitiator: true, raw: outer as unknown as RawDuplex })
  const attacker = new Attacker(stream, log, options)
  attacker.victim = victim
  t.teardown(() => stream.destroy())
  await Promise.all([stream.opened, victim.opened])
  await turns(1)
  return attacker
}

/** Seems to hold all of a source's log: follows the victim's length, and answers as `bend` says. */
export function claimAll(
  source: Log,
  bend: (honest: Data, request: Request) => Data | null
): AttackOptions {
  return {
    onMessage({ kind, value }, attacker) {
      if (kind !== 'sync') return
      attacker.sync({ length: source.length, remoteLength: (value as Sync).length })
      attacker.range(0, source.length)
    },
    async onRequest(request, attacker) {
      const proof = await source.prove(request.proof)
      if (proof === null) return
      const bent = bend({ id: request.id, proof }, request)
      if (bent !== null) attacker.data(bent)
    }
  }
}

/** What escaped in this process since the module was loaded: must stay empty. */
export const escaped: unknown[] = []
process.on('unhandledRejection', noteEscaped)
process.on('uncaughtException', noteEscaped)

function noteEscaped(error: unknown): void {
  escaped.push(error)
  // The runner ends a test that takes too long in this way: it must not be taken for the victim's, nor wait for ever.
  if (!(error instanceof Error && /^Test ".*" timed out/.test(error.message))) return
  console.error(error)
  process.exit(1)
}

/** Some turns of the event loop: for what must not happen. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Whether it is closed some turns later: to be told so, rather than to wait for ever. */
export function closes({ closed }: Attacker): Promise<boolean> {
  return Promise.race([closed.promise.then(() => true), turns(1_000).then(() => false)])
}

/** To be asked at the end of each test of hostile input. */
export function assertNothingEscaped(t: Assertions): void {
  t.alike(escaped, [], 'no unhandled rejection, no uncaught exception')
}
