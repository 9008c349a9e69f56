// Peer: the remote of one log on one connection, once its channel is open. Routes what comes in: one row per message
// of the table in the architecture, section 7. No state but its parts.
import { ProofError } from '../errors.ts'
import type { Proof } from '../merkle/proof.ts'
import type { ChannelPort } from '../mux/multiplexer.ts'
import { ChannelSender } from './channel-sender.ts'
import { UNSOLICITED_ID } from './constants.ts'
import { Comparison } from './download/comparison.ts'
import { Downloader } from './download/downloader.ts'
import { Trust } from './download/trust.ts'
import { Flow } from './flow.ts'
import type { Limits } from './limits.ts'
import type {
  BitfieldMessage,
  Data,
  Extension,
  NoData,
  Range,
  Request,
  Sync,
  Want
} from './messages.ts'
import type { RemoteLog } from './model/remote-log.ts'
import type { Asked, PeerId } from './model/types.ts'
import type { PeerContext } from './peer-context.ts'
import type { PeerSender } from './peer-sender.ts'
import { Push } from './push.ts'
import { Advertiser, type SyncFlags } from './upload/advertiser.ts'
import type { ConnectionLoad } from './upload/connection-load.ts'
import { Uploader } from './upload/uploader.ts'

/** Of the two ends of the connection; null where the stream below does not tell. */
export interface PeerKeys {
  readonly publicKey: Uint8Array | null
  readonly remotePublicKey: Uint8Array | null
}

export class Peer {
  readonly id: PeerId
  readonly remote: RemoteLog
  /** Public key of the other end of the connection. */
  readonly remotePublicKey: Uint8Array | null
  /** Ours, towards it. */
  readonly publicKey: Uint8Array | null
  readonly advertiser: Advertiser
  /** What we tell it of ourselves. */
  readonly flags: { uploading: boolean; downloading: boolean; allowPush: boolean }
  readonly comparison: Comparison
  // Made when first needed: most peers of most logs neither ask nor answer.
  #uploader: Uploader | null = null
  #downloader: Downloader | null = null
  #uploadLimits: Limits | null = null
  #toldHeld = 0
  readonly #channel: ChannelPort
  readonly #context: PeerContext
  readonly #load: ConnectionLoad
  readonly flow: Flow
  readonly send: PeerSender
  readonly #push: Push
  readonly #trust: Trust
  /** What of this peer's waits in too large a number. */
  readonly #full: { questions: boolean; wants: boolean } = { questions: false, wants: false }

  constructor(
    channel: ChannelPort,
    keys: PeerKeys,
    flags: SyncFlags,
    load: ConnectionLoad,
    context: PeerContext
  ) {
    const { log, exchange, env } = context
    const { id, remote } = exchange.addPeer(env.now())
    this.id = id
    this.flags = { ...flags }
    exchange.setOn(id, this.flags.downloading)
    this.remote = remote
    this.publicKey = keys.publicKey
    this.remotePublicKey = keys.remotePublicKey
    this.#channel = channel
    this.#context = context
    this.#load = load
    this.flow = new Flow(log, env, context.limits.download(keys.remotePublicKey))
    this.send = new ChannelSender(channel, this.flow)
    this.#push = this.#createPush()
    this.#trust = new Trust({
      remote,
      env,
      falseProofs: load.falseProofs,
      onRegained: () => context.onDirty(this),
      onTooMany: (error) => channel.fail(error)
    })
    this.advertiser = new Advertiser({
      log,
      remote,
      send: this.send,
      flags: this.flags,
      onFull: (full) => this.#tellFull('wants', full),
      onRelation: () => context.onDirty(this)
    })
    this.comparison = new Comparison({
      log,
      remote,
      send: this.send,
      env,
      onFault: (error) => this.#onAccusation(error)
    })
  }

  /** Ends everything of this peer but the connection. */
  close(): void {
    this.advertiser.close()
    this.#uploader?.close()
    this.#push.close()
    this.comparison.close()
    this.#trust.close()
    this.#context.exchange.removePeer(this.id)
  }

  /** Closes the channel of this log; the connection may carry other logs. */
  disconnect(): void {
    this.#channel.close()
  }

  /** What may flow, from now on; the peer is told. */
  setFlags(flags: SyncFlags): void {
    const { uploading, downloading, allowPush } = this.flags
    const isSame =
      uploading === flags.uploading &&
      downloading === flags.downloading &&
      allowPush === flags.allowPush
    if (isSame) return
    Object.assign(this.flags, flags)
    for (const asked of this.#context.exchange.setOn(this.id, flags.downloading)) this.giveUp(asked)
    this.advertiser.flagsChanged()
    if (uploading !== flags.uploading) this.#setUploading(uploading)
    this.#context.onDirty(this)
  }

  /** Nothing is to be had from the other, on either side. */
  get isIdle(): boolean {
    return this.remote.synced && !this.remote.downloading && !this.flags.downloading
  }

  // Out

  ask(asked: Asked): void {
    const { id, request, priority } = asked
    this.flow.asked(asked)
    this.send.request({ id, proof: request, priority })
  }

  /** Sends a block that the peer did not ask for, if it wants such; false: it does not, or is known to have it. */
  push(index: number): boolean {
    return this.#push.send(index)
  }

  /** The log moved on: what waits to be pushed may be ready. */
  advanced(): void {
    this.#push.work()
  }

  /** A question that is given up. */
  giveUp(asked: Asked): void {
    this.flow.ended(asked)
    this.send.cancel(asked.id)
  }

  // In

  onSync(message: Sync): void {
    const { log, onDirty, onHeads, onIdle } = this.#context
    this.remote.sync(message, log.fork)
    this.advertiser.refresh()
    this.comparison.look()
    onHeads()
    onDirty(this)
    this.#tellProgress()
    if (this.isIdle) onIdle(this)
  }

  onRequest(message: Request): void {
    this.#uploader ??= this.#createUploader()
    this.#uploader.enqueue(message)
  }

  onCancel(id: number): void {
    this.#uploader?.cancel(id)
  }

  onData(message: Data): void {
    const { id, proof } = message
    this.flow.arrived(proof)
    if (id === UNSOLICITED_ID) this.#onUnasked(proof)
    else this.#answers().receive(message)
    // Its window has room again, though the block is not stored yet.
    this.#context.onDirty(this)
  }

  /** A history from its begin, to compare with ours; or a push, which brings a block. */
  #onUnasked(proof: Proof): void {
    const { allowPush } = this.flags
    const isHistory = proof.upgrade?.start === 0 && (proof.block === null || !allowPush)
    if (isHistory) this.comparison.receive(proof)
    else if (allowPush) this.#push.receive(proof)
  }

  onNoData(message: NoData): void {
    this.#answers().refused(message)
    this.#tellProgress()
  }

  onWant(message: Want): void {
    this.advertiser.subscribe(message)
  }

  onUnwant(message: Want): void {
    this.advertiser.unsubscribe(message)
  }

  onBitfield(message: BitfieldMessage): void {
    this.remote.setWords(message)
    this.#learned()
  }

  onRange(message: Range): void {
    this.remote.setRange(message)
    this.#learned()
  }

  #learned(): void {
    this.#context.exchange.learned(this.id)
    this.#context.onDirty(this)
    this.#tellProgress()
  }

  #tellProgress(): void {
    const { held } = this.remote
    if (held === this.#toldHeld) return
    this.#toldHeld = held
    this.#context.onProgress(this)
  }

  onExtension(message: Extension): void {
    this.#context.extensions.receive(message, this)
  }

  /** Questions were given up: answers that waited for theirs go on. */
  onExpired(): void {
    this.#downloader?.unpark()
  }

  /** It sent a false proof. */
  onFalseProof(error: ProofError): void {
    if (!this.#trust.lose(error)) return
    for (const asked of this.#context.exchange.abandon(this.id)) this.giveUp(asked)
    // What does not fit our history may be true of another one.
    if (error.code !== 'BAD_MESSAGE') this.comparison.suspect()
  }

  /** Of an accusation, of which it may send more although it is asked nothing. */
  #onAccusation(error: unknown): void {
    if (this.remote.distrusted && error instanceof ProofError) this.#trust.count(error)
    this.#context.onFault(this, error)
  }

  onDrain(): void {
    this.advertiser.drained()
    this.#uploader?.work()
    this.#push.work()
  }

  #setUploading(before: boolean): void {
    // Without an uploader, none of its questions has come yet: those that do are belated all the same.
    if (before) this.#uploader ??= this.#createUploader(true)
    this.#uploader?.setOn(this.flags.uploading)
  }

  #tellFull(what: 'questions' | 'wants', full: boolean): void {
    this.#full[what] = full
    this.#context.onFull(this, this.#full.questions || this.#full.wants)
  }

  #createUploader(isOn: boolean = this.flags.uploading): Uploader {
    const { log, env, onUpload } = this.#context
    const uploader = new Uploader({
      log,
      send: this.send,
      env,
      load: this.#load,
      limits: this.#limits(),
      onFull: (full) => this.#tellFull('questions', full),
      onUpgrade: (upgrade) => {
        this.comparison.agreed(log.length)
        this.#push.proved(upgrade)
      },
      onUpload: (block) => onUpload(this, block)
    })
    if (!isOn) uploader.hold()
    return uploader
  }

  /** What may go to this peer, asked for or not. */
  #limits(): Limits {
    this.#uploadLimits ??= this.#context.limits.upload(this.remotePublicKey)
    return this.#uploadLimits
  }

  #createPush(): Push {
    const { log, env, onUpload, onPushed, onFault } = this.#context
    return new Push({
      log,
      remote: this.remote,
      send: this.send,
      env,
      limits: () => this.#limits(),
      isOn: () => this.flags.uploading,
      onUpload: (block) => onUpload(this, block),
      onStored: (proof) => onPushed(this, proof),
      onFault: (error) => onFault(this, error)
    })
  }

  #answers(): Downloader {
    const { log, env, exchange, onFork, onSettled, onFault } = this.#context
    this.#downloader ??= new Downloader({
      peer: this.id,
      remote: this.remote,
      log,
      exchange,
      env,
      onFork,
      onAnswered: (asked) => this.flow.ended(asked),
      onUpgraded: (length) => this.comparison.agreed(length),
      onSettled: (asked, data, met) => onSettled(this, asked, data, met),
      onFault: (error) => onFault(this, error)
    })
    return this.#downloader
  }
}
