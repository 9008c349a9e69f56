// Attachment: one per log and connection. Opens the log's channel, checks that the other side knows the key,
// and ends the channel with the log. Owner of that channel's life.
import { type MessageHandler, message } from '../mux/channel.ts'
import type { ChannelPort, Multiplexer } from '../mux/multiplexer.ts'
import { assert } from '../util/assert.ts'
import { background } from '../util/background.ts'
import { copyOf } from '../util/bytes.ts'
import { RateCounter } from '../util/rate-counter.ts'
import { type CapabilityContext, capabilityOf, isCapability } from './capability.ts'
import { MAX_REOPENINGS_PER_MINUTE, PROTOCOL, PROTOCOL_ALIASES } from './constants.ts'
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
import { Peer } from './peer.ts'
import type { PeerContext } from './peer-context.ts'
import type { Permits } from './switches.ts'
import type { SyncFlags } from './upload/advertiser.ts'
import { ConnectionLoad } from './upload/connection-load.ts'

export interface AttachmentEvents {
  /** What its user lets flow; nothing in either direction: the other end does not even learn that we have the log. */
  authorize(peer: Uint8Array | null): Permits | Promise<Permits>
  onOpen(peer: Peer): void
  onClose(peer: Peer): void
  /** The remote closed or refused the channel; it may open it anew. */
  onEnded(): void
  /** The connection ended. */
  onDetached(): void
}

export class Attachment {
  /** The other side, once its channel is open and its capability checked. */
  peer: Peer | null = null
  readonly #mux: Multiplexer
  readonly #context: PeerContext
  readonly #events: AttachmentEvents
  /** What the user lets flow; null until it is known. */
  #permits: Permits | null = null
  #asking: Promise<void> | null = null
  #channel: ChannelPort | null = null
  readonly #reopenings: RateCounter = new RateCounter()
  #started = false
  #closed = false

  constructor(mux: Multiplexer, context: PeerContext, events: AttachmentEvents) {
    this.#mux = mux
    this.#context = context
    this.#events = events
  }

  /** Opens the log's channel, after the handshake of the connection; and again whenever the remote opens its side. */
  open(): void {
    // Before anything can come: the remote's open may arrive along with the last bytes of the handshake.
    for (const protocol of [PROTOCOL, ...PROTOCOL_ALIASES]) {
      this.#mux.pair({ protocol, id: this.#context.log.discoveryKey }, () => this.#meet())
    }
    if (this.#mux.stream.handshakeHash !== null) {
      this.#start()
      return
    }
    background(
      this.#mux.stream.opened.then(() => {
        if (!this.#closed) this.#start()
      }),
      () => this.#events.onDetached()
    )
  }

  #start(): void {
    this.#started = true
    if (this.#context.isWanted()) this.#open()
    else this.#events.onEnded()
  }

  /** The remote has opened its side before this one was here. */
  meet(): void {
    if (!this.#closed && this.#channel === null) this.#open()
  }

  /** The log is wanted again: opens its channel if it is not. */
  wake(): void {
    if (!this.#started || this.#closed || this.#channel !== null || this.#mux.isClosed) return
    if (!this.#context.isWanted()) return
    if (this.#permits === null || this.#flags(this.#permits).downloading) this.#open()
  }

  #open(): void {
    const asked = this.#meet()
    if (asked !== undefined) background(asked, () => {})
  }

  /** Asks again what may flow, and ends what may not any more. */
  async review(): Promise<void> {
    if (!this.#started || this.#closed) return
    const permits = await this.#events.authorize(this.remotePublicKey)
    if (this.#closed) return
    this.#permits = permits
    const { peer } = this
    if (!isAny(permits)) this.#end()
    else if (peer !== null) peer.setFlags(this.#flags(permits))
    else this.wake()
  }

  /** Something that flags follow from has changed. */
  tellFlags(): void {
    if (this.#permits !== null) this.peer?.setFlags(this.#flags(this.#permits))
    this.closeIfIdle()
  }

  closeIfIdle(): void {
    if (this.peer?.isIdle) this.#end()
  }

  close(): void {
    this.#closed = true
    for (const protocol of [PROTOCOL, ...PROTOCOL_ALIASES]) {
      this.#mux.unpair({ protocol, id: this.#context.log.discoveryKey })
    }
    this.#end()
  }

  /** Whether this connection may still tell of a longer log: not known yet, or known to have one. */
  mayBringMore(): boolean {
    if (!this.#started) return true
    if (this.#channel === null) return this.#asking !== null
    const remote = this.peer?.remote
    if (remote === undefined || !remote.synced) return true
    if (remote.distrusted) return false
    const stands = relation(this.#context.log, remote)
    if (stands === 'they-forked')
      return this.#context.exchange.mayFollow(remote, this.#context.env.now())
    if (stands !== 'behind' || this.#context.log.frozen) return false
    if (remote.lengthAcked !== this.#context.log.length) return true
    return remote.canUpgrade && remote.mayProve(this.#context.env.now())
  }

  /** Null until the handshake is done, or where the stream below does not tell. */
  get remotePublicKey(): Uint8Array | null {
    const { remotePublicKey } = this.#mux.stream
    return remotePublicKey === null ? null : copyOf(remotePublicKey)
  }

  /** The other side may have this log, and has not said what it has of it. */
  get isUnheard(): boolean {
    if (!this.#started) return true
    if (this.#channel === null) return this.#asking !== null
    return this.peer === null || !this.peer.remote.synced
  }

  pauseReading(pause: boolean): void {
    if (pause) this.#mux.pause(this)
    else this.#mux.resume(this)
  }

  /** Opens our side, if that is allowed; the promise is there if that has to be asked. */
  #meet(): undefined | Promise<void> {
    if (this.#asking !== null) return this.#asking
    const permits = this.#permits ?? this.#events.authorize(this.remotePublicKey)
    if (!(permits instanceof Promise)) {
      this.#meetWith(permits)
      return undefined
    }
    this.#asking = permits.then((known) => {
      this.#asking = null
      this.#meetWith(known)
    })
    return this.#asking
  }

  #meetWith(permits: Permits): void {
    if (this.#closed) return
    this.#permits = permits
    if (isAny(permits) && this.#channel === null) this.#openChannel()
    else if (!isAny(permits)) this.#events.onEnded()
  }

  #flags(permits: Permits): SyncFlags {
    return this.#context.flagsFor(permits, this.remotePublicKey)
  }

  #end(): void {
    this.#channel?.close()
  }

  #openChannel(): void {
    const { log } = this.#context
    const capability = capabilityOf(this.#capability(), this.#mux.stream.isInitiator)
    const channel = this.#mux.open<Handshake>({
      protocol: PROTOCOL,
      aliases: PROTOCOL_ALIASES,
      id: log.discoveryKey,
      handshake: { codec: handshakeCodec, value: { seeks: true, capability } },
      messages: MESSAGES,
      context: this,
      onOpen: (remote) => this.#opened(remote),
      onClose: (isRemote) => {
        if (this.#channelEnded() && isRemote) this.#reopen()
      },
      onDrain: () => this.peer?.onDrain()
    })
    if (channel !== null) this.#channel = channel
    else this.#openWhenFree()
  }

  /** A channel like ours was closed here and the remote has not answered to that yet. */
  #openWhenFree(): void {
    const key = { protocol: PROTOCOL, id: this.#context.log.discoveryKey }
    if (this.#mux.isClosed || this.#mux.opened(key)) return
    background(
      this.#mux.whenFree(key).then(() => {
        if (!this.#closed && this.#channel === null) this.#open()
      }),
      () => {}
    )
  }

  #opened(remote: Handshake): void {
    const channel = this.#channel
    if (channel === null) return
    const { isInitiator } = this.#mux.stream
    if (!isCapability(remote.capability, this.#capability(), !isInitiator)) {
      channel.close()
      return
    }
    const flags = this.#flags(this.#permits ?? NOTHING)
    const load = ConnectionLoad.of(this.#mux)
    const { publicKey } = this.#mux.stream
    const keys = {
      publicKey: publicKey && copyOf(publicKey),
      remotePublicKey: this.remotePublicKey
    }
    this.peer = new Peer(channel, keys, flags, load, this.#context)
    this.#events.onOpen(this.peer)
  }

  /** The remote closed the channel while nobody here wanted the log, and now somebody does. */
  #reopen(): void {
    if (this.#closed || this.#permits === null || !this.#flags(this.#permits).downloading) return
    // Else a log that one side has open without need would be closed by the other, for room, again and again.
    if (!this.#context.isPressing()) return
    const count = this.#reopenings.count(this.#context.env.now())
    if (count <= MAX_REOPENINGS_PER_MINUTE) this.wake()
  }

  /** Whether the other side had nothing to download any more. */
  #channelEnded(): boolean {
    const { peer } = this
    const wasIdle = peer?.remote.synced === true && !peer.remote.downloading
    this.peer = null
    this.#channel = null
    this.pauseReading(false)
    if (peer !== null) this.#events.onClose(peer)
    this.#events.onEnded()
    if (this.#mux.isClosed) this.#events.onDetached()
    return wasIdle
  }

  #capability(): CapabilityContext {
    const { handshakeHash } = this.#mux.stream
    assert(handshakeHash !== null, 'a channel is opened after the handshake')
    return { handshakeHash, key: this.#context.log.key }
  }
}

const NOTHING: Permits = { upload: false, download: false }

function isAny({ upload, download }: Permits): boolean {
  return upload || download
}

/** What all channels of logs share, in the order of the wire's types. Nothing is handled before the capability was checked. */
const MESSAGES: readonly MessageHandler<unknown>[] = [
  message(syncCodec, (value, { peer }: Attachment) => peer?.onSync(value)),
  message(requestCodec, (value, { peer }: Attachment) => peer?.onRequest(value)),
  message(cancelCodec, (value, { peer }: Attachment) => peer?.onCancel(value)),
  message(dataCodec, (value, { peer }: Attachment) => peer?.onData(value)),
  message(noDataCodec, (value, { peer }: Attachment) => peer?.onNoData(value)),
  message(wantCodec, (value, { peer }: Attachment) => peer?.onWant(value)),
  message(wantCodec, (value, { peer }: Attachment) => peer?.onUnwant(value)),
  message(bitfieldCodec, (value, { peer }: Attachment) => peer?.onBitfield(value)),
  message(rangeCodec, (value, { peer }: Attachment) => peer?.onRange(value)),
  message(extensionCodec, (value, { peer }: Attachment) => peer?.onExtension(value))
]
