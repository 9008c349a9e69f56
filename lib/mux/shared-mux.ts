// Channels of ours on a connection that npm `protomux` multiplexes already: it stays the one reader of the frames, and
// our channels are channels of it beside the application's own. Only its public calls are used. Its limits hold, not
// those of our Mux: it knows no bound on what a remote opens.
// Owner of the pauses that were asked for here.
import { ArgumentError, StateError } from '../errors.ts'
import { emptyBytes } from '../util/bytes.ts'
import type { Codec } from '../util/codec.ts'
import { deferred } from '../util/deferred.ts'
import type { ChannelOptions } from './channel.ts'
import type { ForeignStream } from './foreign-stream.ts'
import type { ChannelPort, Multiplexer } from './multiplexer.ts'
import type { ChannelKey } from './mux.ts'
import type { PairingCallback } from './pairing.ts'

/** What of npm protomux is used. */
export interface Protomux {
  readonly isProtomux: true
  readonly stream: ForeignStream
  createChannel(options: object): ProtomuxChannel | null
  opened(key: object): boolean
  pair(key: object, callback: (id: Uint8Array | null) => void | Promise<void>): void
  unpair(key: object): void
}

interface ProtomuxChannel {
  readonly drained: boolean
  readonly closed: boolean
  open(handshake: unknown): void
  close(): void
  addMessage(options: object): { send(value: unknown): boolean }
}

export function isProtomux(value: unknown): value is Protomux {
  return (
    typeof value === 'object' &&
    value !== null &&
    'isProtomux' in value &&
    value.isProtomux === true
  )
}

export class SharedMux implements Multiplexer {
  readonly stream: Multiplexer['stream']
  readonly closed: Promise<void>
  readonly seesHandshakes = false
  readonly #protomux: Protomux
  readonly #pauses: Set<unknown> = new Set()

  constructor(protomux: Protomux) {
    const { stream } = protomux
    this.#protomux = protomux
    this.stream = new SharedStream(stream)
    const { promise, resolve } = deferred<void>()
    this.closed = promise
    if (stream.destroyed) resolve()
    else stream.on('close', () => resolve())
  }

  get isClosed(): boolean {
    return this.#protomux.stream.destroyed
  }

  open<H = null>(options: ChannelOptions<H>): ChannelPort | null {
    const { protocol, aliases = [], id = null, unique = true, handshake } = options
    const channel = this.#protomux.createChannel({
      protocol,
      aliases: [...aliases],
      id,
      unique,
      handshake: handshake?.codec ?? null,
      onopen: (value: H) => options.onOpen?.(value),
      onclose: (isRemote: boolean) => options.onClose?.(isRemote || this.isClosed),
      ondrain: () => options.onDrain?.()
    })
    if (channel === null) return null
    const port = new SharedChannel(channel, options, this.#protomux.stream)
    channel.open(handshake?.value)
    return port
  }

  opened({ protocol, id = null }: ChannelKey): boolean {
    return this.#protomux.opened({ protocol, id })
  }

  /** A closed channel keeps nobody waiting there: the next one has another number. */
  whenFree(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  pair({ protocol, id = null }: ChannelKey, callback: PairingCallback): void {
    this.#protomux.pair({ protocol, id }, (openedId) => callback(openedId, emptyBytes))
  }

  unpair({ protocol, id = null }: ChannelKey): void {
    this.#protomux.unpair({ protocol, id })
  }

  widen(): void {}

  /** The whole connection, the application's channels, too: what is not read cannot be told apart. */
  pause(reason: unknown): void {
    this.#pauses.add(reason)
    this.#protomux.stream.pause()
  }

  resume(reason: unknown): void {
    if (this.#pauses.delete(reason) && this.#pauses.size === 0) this.#protomux.stream.resume()
  }
}

class SharedChannel implements ChannelPort {
  readonly #channel: ProtomuxChannel
  readonly #stream: ForeignStream
  readonly #protocol: string
  readonly #messages: readonly { send(value: unknown): boolean }[]

  constructor(
    channel: ProtomuxChannel,
    options: Pick<ChannelOptions, 'protocol' | 'messages' | 'context'>,
    stream: ForeignStream
  ) {
    const { protocol, messages, context } = options
    this.#channel = channel
    this.#stream = stream
    this.#protocol = protocol
    this.#messages = messages.map(({ codec, onMessage }) =>
      channel.addMessage({
        encoding: codec satisfies Codec<unknown>,
        onmessage: (value: unknown) => onMessage?.(value, context)
      })
    )
  }

  get isClosed(): boolean {
    return this.#channel.closed
  }

  get drained(): boolean {
    return this.#channel.drained
  }

  send(type: number, value: unknown): boolean {
    const message = this.#messages[type]
    if (message === undefined) {
      throw new ArgumentError('INVALID_ARGUMENT', `${this.#protocol} has no message type ${type}`)
    }
    return !this.#channel.closed && message.send(value)
  }

  close(): void {
    this.#channel.close()
  }

  fail(error: Error): void {
    this.#stream.destroy(error)
  }
}

class SharedStream {
  readonly opened: Promise<void>
  readonly #stream: ForeignStream

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
    return this.#stream.publicKey ?? emptyBytes
  }

  get remotePublicKey(): Uint8Array | null {
    return this.#stream.remotePublicKey
  }

  get handshakeHash(): Uint8Array | null {
    return this.#stream.handshakeHash
  }
}
