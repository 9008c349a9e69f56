// One channel: messages of numbered types in both directions (spec channel.md sections 3.4, 3.6, 3.7).
//
//   opening ──▶ open ──▶ closed        messages may be sent at once, also while the remote has not opened its side;
//      └───────────────────▲           they are received from `open` on
//
// Made by Mux.open. The members marked so are for the mux, which owns the ids and the pairing.
import { ArgumentError } from '../errors.ts'
import { copyOf } from '../util/bytes.ts'
import { type Codec, type CodecState, decode, decodeAt } from '../util/codec.ts'
import type { Outbox } from './outbox.ts'

export interface MessageHandler<T, C = unknown> {
  readonly codec: Codec<T>
  /** A throw ends the connection. What is decoded may be a view of a larger buffer. `context` is the channel's. */
  onMessage?(value: T, context: C): void
}

export interface ChannelOptions<H = null> {
  /** Up to 128 bytes. Both sides must name the same. */
  readonly protocol: string
  /** Other names that the remote may use. They are not told to it. */
  readonly aliases?: readonly string[]
  /** Tells channels of one protocol apart. Empty is the same as none. */
  readonly id?: Uint8Array | null
  /** What both sides say when they open. Whether there is one is part of the protocol. */
  readonly handshake?: { readonly codec: Codec<H>; readonly value: H }
  /** The types of messages, numbered from 0, in the same order on both sides. */
  readonly messages: readonly MessageHandler<unknown>[]
  /** Handed to each handler: so that many channels can share one list of handlers. */
  readonly context?: unknown
  /** The remote has opened too. Null if the protocol has no handshake. */
  onOpen?(handshake: H): void
  /** Once. isRemote: the remote closed or rejected the channel, or the connection ended. */
  onClose?(isRemote: boolean): void
  /** There is room again after send said false. */
  onDrain?(): void
  /** True by default: no second channel with that protocol and id. */
  readonly unique?: boolean
}

/** Keeps the type of a message's value. */
export function message<T, C = unknown>(
  codec: Codec<T>,
  onMessage?: (value: T, context: C) => void
): MessageHandler<unknown> {
  const handler: MessageHandler<T, C> = onMessage === undefined ? { codec } : { codec, onMessage }
  return handler as MessageHandler<unknown, unknown>
}

export interface ChannelOwner {
  readonly outbox: Outbox
  closeChannel(channel: Channel): void
  /** Ends the connection. */
  fail(error: Error): void
}

export class Channel {
  readonly protocol: string
  readonly id: Uint8Array | null
  /** Ours, which stands in the messages that we send. For the mux. */
  readonly localId: number
  /** The remote's. For the mux. */
  remoteId = 0
  /** When the remote had opened too. For the mux. */
  openedAt = 0
  messagesIn = 0
  messagesOut = 0
  bytesIn = 0
  bytesOut = 0
  #state: 'opening' | 'open' | 'closed' = 'opening'
  #options: ChannelOptions<unknown>
  #owner: ChannelOwner
  #hasToldFull = false

  /** For the mux. */
  constructor(owner: ChannelOwner, localId: number, options: ChannelOptions<unknown>) {
    this.protocol = options.protocol
    this.id = options.id && options.id.byteLength > 0 ? copyOf(options.id) : null
    this.localId = localId
    this.#owner = owner
    this.#options = options
  }

  /** Whether both sides have opened, and none has closed. */
  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  /** False: the connection is full. Asking is as good as sending: onDrain follows. */
  get drained(): boolean {
    const { isFull } = this.#owner.outbox
    if (isFull) this.#hasToldFull = true
    return !isFull
  }

  /** Bytes of the whole connection that have not left. */
  get bufferedBytes(): number {
    return this.#owner.outbox.bufferedBytes
  }

  /**
   * Sends a message with the others of this tick. False: full (onDrain follows), or closed and dropped.
   * @throws ArgumentError INVALID_ARGUMENT for an unknown type or a message above the largest frame
   */
  send(type: number, value: unknown): boolean {
    const handler = this.#options.messages[type]
    if (handler === undefined) {
      throw new ArgumentError('INVALID_ARGUMENT', `${this.protocol} has no message type ${type}`)
    }
    if (this.#state === 'closed') return false
    const { outbox } = this.#owner
    this.bytesOut += outbox.push(this.localId, type, handler.codec, value)
    this.messagesOut++
    if (outbox.isFull) this.#hasToldFull = true
    return !outbox.isFull
  }

  /** Gathers the messages of the whole connection over ticks, until uncork. */
  cork(): void {
    this.#owner.outbox.cork()
  }

  uncork(): void {
    this.#owner.outbox.uncork()
  }

  /** What was sent before still arrives; what still comes is dropped. */
  close(): void {
    if (this.#state !== 'closed') this.#owner.closeChannel(this)
  }

  /** The remote broke the rules of this channel: ends the whole connection. */
  fail(error: Error): void {
    this.#owner.fail(error)
  }

  /** For the mux. @throws ProtocolError if the handshake does not decode */
  becomeOpen(remoteId: number, handshake: Uint8Array, now: number): void {
    const codec = this.#options.handshake?.codec
    const value = codec === undefined ? null : decode(codec, handshake)
    this.remoteId = remoteId
    this.openedAt = now
    this.#state = 'open'
    this.#options.onOpen?.(value)
  }

  /** For the mux. The cursor stands behind the type. @throws ProtocolError if the message does not decode */
  receive(type: number, state: CodecState): void {
    const handler = this.#options.messages[type]
    if (handler?.onMessage === undefined || this.#state === 'closed') return
    this.messagesIn++
    this.bytesIn += state.end - state.start
    handler.onMessage(decodeAt(handler.codec, state), this.#options.context)
  }

  /** For the mux. */
  becomeClosed(isRemote: boolean): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#options.onClose?.(isRemote)
  }

  /** For the mux. */
  becomeDrained(): void {
    if (!this.#hasToldFull || this.#state === 'closed') return
    this.#hasToldFull = false
    this.#options.onDrain?.()
  }
}
