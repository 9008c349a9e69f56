// Peer: the remote of one log on one connection, once its channel is open. Encodes out, routes in: one row per
// message of the table in the architecture, section 7. No state but its parts.
import type { Env } from '../env.ts'
import { ProofError, ProtocolError } from '../errors.ts'
import type { Proof, ProvenBlock } from '../merkle/proof.ts'
import type { Channel } from '../mux/channel.ts'
import { MAX_FALSE_PROOFS_PER_MINUTE, UNSOLICITED_ID } from './constants.ts'
import { Comparison } from './download/comparison.ts'
import { Downloader } from './download/downloader.ts'
import { Pushed } from './download/pushed.ts'
import type { Extensions } from './extensions.ts'
import { Flow } from './flow.ts'
import type { Limits } from './limits.ts'
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
import type { Exchange } from './model/exchange.ts'
import type { RemoteLog } from './model/remote-log.ts'
import type { Asked, NeedId, PeerId } from './model/types.ts'
import type { PeerSender } from './peer-sender.ts'
import type { ReplicatedLog } from './replicated-log.ts'
import type { Permits } from './switches.ts'
import type { LimitSource } from './traffic.ts'
import { Advertiser, type SyncFlags } from './upload/advertiser.ts'
import type { ConnectionLoad } from './upload/connection-load.ts'
import { Pusher } from './upload/pusher.ts'
import { Uploader } from './upload/uploader.ts'

export interface PeerContext {
  readonly log: ReplicatedLog
  readonly exchange: Exchange
  readonly extensions: Extensions
  readonly env: Env
  /** Somebody here wants the log to be downloaded. */
  isWanted(): boolean
  /** What to tell the peer with that public key if its user lets so much flow. */
  flagsFor(permits: Permits, peer: Uint8Array | null): SyncFlags
  /** The peer may be asked something new. */
  onDirty(peer: Peer): void
  onSettled(peer: Peer, asked: Asked, data: Data | null, met: readonly NeedId[]): void
  /** Something that was not asked for was stored. */
  onPushed(peer: Peer, proof: Proof): void
  onUpload(peer: Peer, block: ProvenBlock): void
  onFault(peer: Peer, error: unknown): void
  onFull(peer: Peer, full: boolean): void
  /** The rate limits of a new peer. */
  readonly limits: LimitSource
  /** Neither side wants anything of the other. */
  onIdle(peer: Peer): void
  /** The peer told of its head. */
  onHeads(): void
  /** The peer told of its head, or of blocks that it has, or has no longer. */
  onHoldings(peer: Peer): void
  /** The answer to a question about a higher fork. */
  onFork(asked: Asked, data: Data): Promise<void>
}

export class Peer implements PeerSender {
  readonly id: PeerId
  readonly remote: RemoteLog
  /** Public key of the other end of the connection. */
  readonly remotePublicKey: Uint8Array | null
  readonly advertiser: Advertiser
  /** What we tell it of ourselves. */
  readonly flags: { uploading: boolean; downloading: boolean; allowPush: boolean }
  readonly comparison: Comparison
  // Made when first needed: most peers of most logs neither ask nor answer.
  #uploader: Uploader | null = null
  #downloader: Downloader | null = null
  #pusher: Pusher | null = null
  #pushed: Pushed | null = null
  #uploadLimits: Limits | null = null
  readonly #channel: Channel
  readonly #context: PeerContext
  readonly #load: ConnectionLoad
  readonly flow: Flow
  /** What of this peer's waits in too large a number. */
  readonly #full: { questions: boolean; wants: boolean } = { questions: false, wants: false }

  constructor(
    channel: Channel,
    remotePublicKey: Uint8Array | null,
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
    this.remotePublicKey = remotePublicKey
    this.#channel = channel
    this.#context = context
    this.#load = load
    this.flow = new Flow(log, env, context.limits.download())
    this.advertiser = new Advertiser({
      log,
      remote,
      send: this,
      flags: this.flags,
      onFull: (full) => this.#tellFull('wants', full),
      onRelation: () => context.onDirty(this)
    })
    this.comparison = new Comparison({
      log,
      remote,
      send: this,
      env,
      onFault: (error) => this.#onAccusation(error)
    })
  }

  get drained(): boolean {
    return this.#channel.drained
  }

  /** Ends everything of this peer but the connection. */
  close(): void {
    this.advertiser.close()
    this.#uploader?.close()
    this.#pusher?.close()
    this.comparison.close()
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
    this.request({ id, proof: request, priority })
  }

  /** Sends a block that the peer did not ask for, if it wants such; false: it does not, or is known to have it. */
  push(index: number): boolean {
    if (!this.remote.allowPush) return false
    this.#pusher ??= this.#createPusher()
    return this.#pusher.push(index)
  }

  /** The log moved on: what waits to be pushed may be ready. */
  advanced(): void {
    this.#pusher?.work()
  }

  sync(message: Sync): boolean {
    return this.#channel.send(MESSAGE_TYPES.sync, message)
  }

  request(message: Request): boolean {
    return this.#channel.send(MESSAGE_TYPES.request, message)
  }

  /** A question that is given up. */
  giveUp(asked: Asked): void {
    this.flow.ended(asked)
    this.cancel(asked.id)
  }

  cancel(id: number): boolean {
    return this.#channel.send(MESSAGE_TYPES.cancel, id)
  }

  data(message: Data): boolean {
    this.flow.sent(message.proof)
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

  // In

  onSync(message: Sync): void {
    const { log, onDirty, onHeads, onIdle } = this.#context
    this.remote.sync(message, log.fork)
    this.advertiser.refresh()
    this.comparison.look()
    onHeads()
    this.#context.onHoldings(this)
    onDirty(this)
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
    else if (allowPush) this.#pushes().receive(proof)
  }

  onNoData(message: NoData): void {
    this.#answers().refused(message)
  }

  onWant(message: Want): void {
    this.advertiser.subscribe(message)
  }

  onUnwant(message: Want): void {
    this.advertiser.unsubscribe(message)
  }

  onBitfield(message: BitfieldMessage): void {
    this.remote.setWords(message)
    this.#context.exchange.learned(this.id)
    this.#context.onDirty(this)
  }

  onRange(message: Range): void {
    this.remote.setRange(message)
    this.#context.exchange.learned(this.id)
    this.#context.onHoldings(this)
    this.#context.onDirty(this)
  }

  onExtension(message: Extension): void {
    this.#context.extensions.receive(message, this)
  }

  /** Questions were given up: answers that waited for theirs go on. */
  onExpired(): void {
    this.#downloader?.unpark()
  }

  /** It sent a false proof: it is asked nothing more on this log, and what it was asked before is not judged. */
  onFalseProof(error: ProofError): void {
    if (this.remote.distrusted) return
    this.remote.distrusted = true
    for (const asked of this.#context.exchange.abandon(this.id)) this.giveUp(asked)
    // What does not fit our history may be true of another one.
    if (error.code !== 'BAD_MESSAGE') this.comparison.suspect()
    this.#countFalseProof(error)
  }

  /** Of an accusation, of which it may send more although it is asked nothing. */
  #onAccusation(error: unknown): void {
    if (this.remote.distrusted && error instanceof ProofError) this.#countFalseProof(error)
    this.#context.onFault(this, error)
  }

  /** Too many, and the connection ends. */
  #countFalseProof(error: ProofError): void {
    const count = this.#load.falseProofs.count(this.#context.env.now())
    if (count < MAX_FALSE_PROOFS_PER_MINUTE) return
    this.#channel.fail(new ProtocolError('LIMIT_EXCEEDED', 'Too many false proofs', error))
  }

  onDrain(): void {
    this.advertiser.drained()
    this.#uploader?.work()
    this.#pusher?.work()
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
      send: this,
      env,
      load: this.#load,
      limits: this.#limits(),
      onFull: (full) => this.#tellFull('questions', full),
      onUpgrade: (upgrade) => {
        this.comparison.agreed(log.length)
        if (!this.remote.allowPush) return
        this.#pusher ??= this.#createPusher()
        this.#pusher.proved(upgrade)
      },
      onUpload: (block) => onUpload(this, block)
    })
    if (!isOn) uploader.hold()
    return uploader
  }

  /** What may go to this peer, asked for or not. */
  #limits(): Limits {
    this.#uploadLimits ??= this.#context.limits.upload()
    return this.#uploadLimits
  }

  #createPusher(): Pusher {
    const { log, env, onUpload } = this.#context
    return new Pusher({
      log,
      remote: this.remote,
      send: this,
      env,
      limits: this.#limits(),
      isOn: () => this.flags.uploading,
      onUpload: (block) => onUpload(this, block)
    })
  }

  #pushes(): Pushed {
    const { log, env, onPushed, onFault } = this.#context
    this.#pushed ??= new Pushed({
      log,
      remote: this.remote,
      env,
      onStored: (proof) => onPushed(this, proof),
      onFault: (error) => onFault(this, error)
    })
    return this.#pushed
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
