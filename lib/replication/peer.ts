// Peer: the remote of one log on one connection, once its channel is open. Encodes out, routes in: one row per
// message of the table in the architecture, section 7. No state but its parts.
import type { Env } from '../env.ts'
import { ProofError, ProtocolError } from '../errors.ts'
import type { ProvenBlock } from '../merkle/proof.ts'
import type { Channel } from '../mux/channel.ts'
import { MAX_FALSE_PROOFS_PER_MINUTE, UNSOLICITED_ID } from './constants.ts'
import { Comparison } from './download/comparison.ts'
import { Downloader } from './download/downloader.ts'
import type { Extensions } from './extensions.ts'
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
import { Advertiser } from './upload/advertiser.ts'
import type { ConnectionLoad } from './upload/connection-load.ts'
import { Uploader } from './upload/uploader.ts'

export interface PeerContext {
  readonly log: ReplicatedLog
  readonly exchange: Exchange
  readonly extensions: Extensions
  readonly env: Env
  /** The peer may be asked something new. */
  onDirty(peer: Peer): void
  onSettled(peer: Peer, asked: Asked, data: Data | null, met: readonly NeedId[]): void
  onUpload(peer: Peer, block: ProvenBlock): void
  onFault(peer: Peer, error: unknown): void
  onFull(peer: Peer, full: boolean): void
  /** The peer told of its head. */
  onHeads(): void
  /** The answer to a question about a higher fork. */
  onFork(asked: Asked, data: Data): Promise<void>
}

export class Peer implements PeerSender {
  readonly id: PeerId
  readonly remote: RemoteLog
  /** Public key of the other end of the connection. */
  readonly remotePublicKey: Uint8Array | null
  readonly advertiser: Advertiser
  readonly comparison: Comparison
  // Made when first needed: most peers of most logs neither ask nor answer.
  #uploader: Uploader | null = null
  #downloader: Downloader | null = null
  readonly #channel: Channel
  readonly #context: PeerContext
  readonly #load: ConnectionLoad
  /** What of this peer's waits in too large a number. */
  readonly #full: { questions: boolean; wants: boolean } = { questions: false, wants: false }

  constructor(
    channel: Channel,
    remotePublicKey: Uint8Array | null,
    load: ConnectionLoad,
    context: PeerContext
  ) {
    const { log, exchange, env } = context
    const { id, remote } = exchange.addPeer(env.now())
    this.id = id
    this.remote = remote
    this.remotePublicKey = remotePublicKey
    this.#channel = channel
    this.#context = context
    this.#load = load
    this.advertiser = new Advertiser({
      log,
      remote,
      send: this,
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
    this.comparison.close()
    this.#context.exchange.removePeer(this.id)
  }

  /** Closes the channel of this log; the connection may carry other logs. */
  disconnect(): void {
    this.#channel.close()
  }

  // Out

  ask({ id, request, priority }: Asked): void {
    this.request({ id, proof: request, priority })
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
    const { log, onDirty, onHeads } = this.#context
    this.remote.sync(message, log.fork)
    this.advertiser.refresh()
    this.comparison.look()
    onHeads()
    onDirty(this)
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
    if (id === UNSOLICITED_ID && proof.upgrade?.start === 0) this.comparison.receive(proof)
    else this.#answers().receive(message)
    // Its window has room again, though the block is not stored yet.
    this.#context.onDirty(this)
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
    for (const { id } of this.#context.exchange.abandon(this.id)) this.cancel(id)
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
  }
  #tellFull(what: 'questions' | 'wants', full: boolean): void {
    this.#full[what] = full
    this.#context.onFull(this, this.#full.questions || this.#full.wants)
  }

  #createUploader(): Uploader {
    const { log, env, onUpload } = this.#context
    return new Uploader({
      log,
      send: this,
      env,
      load: this.#load,
      onFull: (full) => this.#tellFull('questions', full),
      onUpgrade: () => this.comparison.agreed(log.length),
      onUpload: (block) => onUpload(this, block)
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
      onUpgraded: (length) => this.comparison.agreed(length),
      onSettled: (asked, data, met) => onSettled(this, asked, data, met),
      onFault: (error) => onFault(this, error)
    })
    return this.#downloader
  }
}
