// ChannelSender: the messages of a log to one peer, as values of its channel's message types. No state of its own.
import type { ChannelPort } from '../mux/multiplexer.ts'
import type { Flow } from './flow.ts'
import {
  type BitfieldMessage,
  type Data,
  type Extension,
  MESSAGE_TYPES,
  type NoData,
  type Range,
  type Request,
  type Sync,
  type Want
} from './messages.ts'
import type { PeerSender } from './peer-sender.ts'

export class ChannelSender implements PeerSender {
  readonly #channel: ChannelPort
  readonly #flow: Flow

  constructor(channel: ChannelPort, flow: Flow) {
    this.#channel = channel
    this.#flow = flow
  }

  get drained(): boolean {
    return this.#channel.drained
  }

  sync(message: Sync): boolean {
    return this.#channel.send(MESSAGE_TYPES.sync, message)
  }

  request(message: Request): boolean {
    return this.#channel.send(MESSAGE_TYPES.request, message)
  }

  cancel(id: number): boolean {
    return this.#channel.send(MESSAGE_TYPES.cancel, id)
  }

  data(message: Data): boolean {
    this.#flow.sent(message.proof)
    return this.#channel.send(MESSAGE_TYPES.data, message)
  }

  noData(message: NoData): boolean {
    return this.#channel.send(MESSAGE_TYPES.noData, message)
  }

  want(message: Want): boolean {
    return this.#channel.send(MESSAGE_TYPES.want, message)
  }

  unwant(message: Want): boolean {
    return this.#channel.send(MESSAGE_TYPES.unwant, message)
  }

  bitfield(message: BitfieldMessage): boolean {
    return this.#channel.send(MESSAGE_TYPES.bitfield, message)
  }

  range(message: Range): boolean {
    return this.#channel.send(MESSAGE_TYPES.range, message)
  }

  extension(message: Extension): boolean {
    return this.#channel.send(MESSAGE_TYPES.extension, message)
  }
}
