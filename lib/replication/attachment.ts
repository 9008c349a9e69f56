// Attachment: one per log and connection. Opens the log's channel, checks that the other side knows the key,
// and ends the channel with the log. Owner of that channel's life.
import type { Channel } from '../mux/channel.ts'
import type { Mux } from '../mux/mux.ts'
import { copyOf } from '../util/bytes.ts'
import { type CapabilityContext, capabilityOf, isCapability } from './capability.ts'
import { PROTOCOL, PROTOCOL_ALIASES } from './constants.ts'
import {
  bitfieldCodec,
  cancelCodec,
  dataCodec,
  extensionCodec,
  type Handshake,
  handshakeCodec,
  noDataCodec,
  rangeCodec,
  requestCodec,
  syncCodec,
  wantCodec
} from './messages.ts'
import { relation } from './model/relation.ts'
import { Peer, type PeerContext } from './peer.ts'

export interface AttachmentEvents {
  onOpen(peer: Peer): void
  onClose(peer: Peer): void
  /** The channel is gone for good: closed by either side, refused, or the connection ended. */
  onDetached(): void
}

export class Attachment {
  /** The other side, once its channel is open and its capability checked. */
  peer: Peer | null = null
  readonly #mux: Mux
  readonly #context: PeerContext
  readonly #events: AttachmentEvents
  readonly #capability: CapabilityContext
  #channel: Channel | null = null
  #closed = false

  constructor(mux: Mux, context: PeerContext, events: AttachmentEvents) {
    this.#mux = mux
    this.#context = context
    this.#events = events
    this.#capability = { handshakeHash: mux.handshakeHash, key: context.log.key }
  }

  open(): void {
    const { log } = this.#context
    const handshake: Handshake = {
      seeks: true,
      capability: capabilityOf(this.#capability, this.#mux.isInitiator)
    }
    this.#channel = this.#mux.open<Handshake>({
      protocol: PROTOCOL,
      aliases: PROTOCOL_ALIASES,
      id: log.discoveryKey,
      handshake: { codec: handshakeCodec, value: handshake },
      messages: this.#messages(),
      onOpen: (remote) => this.#opened(remote),
      onClose: () => this.#ended(),
      onDrain: () => this.peer?.onDrain()
    })
    if (this.#channel === null) this.#ended()
  }

  close(): void {
    this.#channel?.close()
    this.#ended()
  }

  /** Whether this connection may still tell of a longer log: not known yet, or known to have one. */
  mayBringMore(): boolean {
    if (this.#closed) return false
    const remote = this.peer?.remote
    if (remote === undefined || !remote.synced) return true
    if (remote.distrusted || relation(this.#context.log, remote) !== 'behind') return false
    return remote.canUpgrade || remote.lengthAcked !== this.#context.log.length
  }

  pauseReading(pause: boolean): void {
    if (pause) this.#mux.pause()
    else this.#mux.resume()
  }

  #opened(remote: Handshake | null): void {
    const channel = this.#channel
    if (channel === null || remote === null) return
    if (!isCapability(remote.capability, this.#capability, !this.#mux.isInitiator)) {
      this.close()
      return
    }
    const { remotePublicKey } = this.#mux
    const key = remotePublicKey === null ? null : copyOf(remotePublicKey)
    this.peer = new Peer(channel, key, this.#context)
    this.#events.onOpen(this.peer)
  }

  #ended(): void {
    if (this.#closed) return
    this.#closed = true
    const { peer } = this
    this.peer = null
    if (peer !== null) this.#events.onClose(peer)
    this.#events.onDetached()
  }

  /** In the order of the wire's types. Nothing is handled before the capability was checked. */
  #messages(): MessageHandlers {
    return [
      { codec: syncCodec, onMessage: (message) => this.peer?.onSync(message) },
      { codec: requestCodec, onMessage: (message) => this.peer?.onRequest(message) },
      { codec: cancelCodec, onMessage: (message) => this.peer?.onCancel(message) },
      { codec: dataCodec, onMessage: (message) => this.peer?.onData(message) },
      { codec: noDataCodec, onMessage: (message) => this.peer?.onNoData(message) },
      { codec: wantCodec, onMessage: (message) => this.peer?.onWant(message) },
      { codec: wantCodec, onMessage: (message) => this.peer?.onUnwant(message) },
      { codec: bitfieldCodec, onMessage: (message) => this.peer?.onBitfield(message) },
      { codec: rangeCodec, onMessage: (message) => this.peer?.onRange(message) },
      { codec: extensionCodec, onMessage: (message) => this.peer?.onExtension(message) }
    ]
  }
}
