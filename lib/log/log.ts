// Log: what users hold: one session of an append-only log. Reads that may wait for peers are called get; read
// and has never do. A façade: it has no state but its session's options; the rest is shared in OpenedLog.

import type { CoreConflict } from '../core/core.ts'
import type { LogCore } from '../core/log-core.ts'
import type { Manifest } from '../core/manifest.ts'
import type { AuditOptions, AuditReport } from '../core/rescue/audit.ts'
import type { RepairOptions, RepairReport } from '../core/rescue/repair.ts'
import type { SalvageReport } from '../core/rescue/salvage.ts'
import type { Seal } from '../core/writer.ts'
import type { KeyPair } from '../crypto/key-pair.ts'
import type { Env } from '../env.ts'
import { StateError, UnavailableError } from '../errors.ts'
import type { Proof, ProofRequest } from '../merkle/proof.ts'
import type { Mux } from '../mux/mux.ts'
import type { Protomux } from '../mux/shared-mux.ts'
import type { SyncStatus } from '../replication/insight.ts'
import type { RawDuplex } from '../secret-stream/raw-duplex.ts'
import type { SecretStream } from '../secret-stream/secret-stream.ts'
import type { StorageInfo } from '../storage/log-files.ts'
import { throwIfAborted } from '../util/abort.ts'
import type { Codec } from '../util/codec.ts'
import type { Unsubscribe } from '../util/emitter.ts'
import { checkInteger, checkOptions } from '../util/options.ts'
import { Resource } from '../util/resource.ts'
import { LogBatch } from './batch.ts'
import { type BlockCipher, cipherOf, type Encryption } from './block-cipher.ts'
import {
  BlockIterator,
  type BlockStream,
  type BlockStreamOptions,
  createBlockStream
} from './block-stream.ts'
import { type ByteStreamOptions, createByteStream } from './byte-stream.ts'
import { type ConnectOptions, type EncryptedStream, multiplexerOf } from './connections.ts'
import { Download, type DownloadOptions, downloadNeed } from './download.ts'
import { decodeBlock, type Encoding, encodingOf } from './encoding.ts'
import { type ExtensionOptions, type LogExtension, registerExtension } from './extension.ts'
import { type LogEvents, OpenedLog } from './opened-log.ts'
import { checkLogOptions, type Location, type LogOptions } from './options.ts'
import { type PeerInfo, peerInfo } from './peer-info.ts'
import { refetch, salvageLog } from './rescue.ts'
import {
  type AppendOptions,
  checkedAppend,
  checkedTruncate,
  checkGetOptions,
  type DraftOf,
  type GetOptions,
  infoOf,
  type LogInfo,
  type SessionOptions,
  type SessionParts,
  Snapshot,
  type TruncateOptions,
  type WaitOptions,
  whileWanted
} from './session.ts'
import type { Draft } from './signing.ts'
import { type BlockExplanation, explainBlock, type SyncedOptions, whenSynced } from './sync.ts'
import { checkReplicationOptions, pushBlock, type SwitchOptions, setSwitch } from './traffic.ts'
import { waitForBlock, waitForByte } from './waiting.ts'
import { createWriteStream, type WriteStream } from './write-stream.ts'

const SESSION_OPTIONS = ['encoding', 'encryption', 'active']

export class Log<T = Uint8Array> extends Resource {
  readonly #opened: OpenedLog
  readonly #encoding: Encoding<T>
  readonly #snapshot: Snapshot | null
  readonly #isActive: boolean
  #cipher: BlockCipher | null

  private constructor(opened: OpenedLog, { encoding, cipher, snapshot, active }: SessionParts<T>) {
    super()
    this.#opened = opened
    this.#encoding = encoding
    this.#cipher = cipher
    this.#snapshot = snapshot
    this.#isActive = active
    opened.acquire(snapshot, active)
  }

  /**
   * Opens a log, or makes a new one. The encoding decides what its values are.
   * @param location a directory; a function that gives the random-access-storage of a file name; null: memory
   * @throws StorageError NOT_FOUND, CORRUPT, WRONG_KEY, FORMAT_TOO_NEW, READ_FAILED; StateError LOCKED;
   *   ArgumentError
   */
  static open(
    location: Location,
    options: LogOptions<string> & { encoding: 'utf-8' }
  ): Promise<Log<string>>
  static open<T>(
    location: Location,
    options: LogOptions<T> & { encoding: 'json' | Codec<T> }
  ): Promise<Log<T>>
  static open(location: Location, options?: LogOptions<Uint8Array>): Promise<Log<Uint8Array>>
  static async open<T>(location: Location, options: LogOptions<T> = {}): Promise<Log<T>> {
    checkLogOptions(options)
    throwIfAborted(options.signal)
    // Before anything is made.
    encodingOf(options.encoding)
    const opened = await OpenedLog.open(location, options)
    try {
      return Log.over(opened, options)
    } catch (error) {
      await opened.close()
      throw error
    }
  }

  /** For stores: a session of a log that is open. @throws ArgumentError */
  static over<T>(opened: OpenedLog, options: SessionOptions<T>): Log<T> {
    const { encryption = null, active = true } = options
    const encoding = encodingOf(options.encoding)
    const cipher = encryption === null ? null : cipherOf(encryption, opened)
    return new Log<T>(opened, { encoding, cipher, snapshot: null, active })
  }

  /** 32 bytes: what readers need. */
  get key(): Uint8Array {
    return this.#core.key
  }

  /** 32 bytes: names the log to others without giving the key away. */
  get discoveryKey(): Uint8Array {
    return this.#core.discoveryKey
  }

  /** In blocks; fixed in a snapshot. */
  get length(): number {
    return this.#snapshot?.length ?? this.#core.tree.length
  }

  /** Of the values: what encryption adds to each block does not count. */
  get byteLength(): number {
    return this.#payloadOf(this.#snapshot ?? this.#core.tree)
  }

  /** Up to here the log outlasts a power cut. */
  get durableLength(): number {
    return this.#core.durableLength
  }

  /** Blocks 0 up to here are all held. */
  get contiguousLength(): number {
    return Math.min(this.#core.contiguousLength, this.length)
  }

  /** How often the history was cut. */
  get fork(): number {
    return this.#snapshot?.fork ?? this.#core.tree.fork
  }

  get writable(): boolean {
    return this.#snapshot === null && this.#core.writable
  }

  /** Clock, timers and chance: what is built on the log uses the same, so that it runs in simulated time, too. */
  get env(): Env {
    return this.#opened.env
  }

  /** Who may sign; null as long as only the key is known. */
  get manifest(): Manifest | null {
    return this.#core.manifest
  }

  /** The pair that signs here; null: none. */
  get keyPair(): KeyPair | null {
    return this.#core.keyPair
  }

  /**
   * Tells a log that was opened by its key who may sign; peers would tell it with their first proof. Nothing happens
   * if it is known.
   * @throws ProofError BAD_MANIFEST if it is not that of the key; ArgumentError; StateError NOT_WRITABLE if the log
   *   was opened read only, CLOSED; StorageError WRITE_FAILED
   */
  async setManifest(manifest: Manifest, options: WaitOptions = {}): Promise<void> {
    this.assertOpen('log')
    await whileWanted('setManifest', options, () => this.#core.setManifest(manifest))
  }

  /** Connected peers that have this log, as they are now. */
  get peers(): readonly PeerInfo[] {
    return [...this.#opened.peers].map(peerInfo)
  }

  /** Calls the listener at each event of that name until unsubscribed. All sessions see all events. */
  on<Name extends keyof LogEvents>(
    name: Name,
    listener: (...args: LogEvents[Name]) => void
  ): Unsubscribe {
    return this.#opened.events.on(name, listener)
  }

  /**
   * Appends one value, or all of an array as one unit. Resolves, with the log's new length in blocks and bytes,
   * when they are stored at the log's level of durability.
   * @throws StateError NOT_WRITABLE, BEHIND, CLOSED; ArgumentError INVALID_ARGUMENT, LIMIT_EXCEEDED (a block above
   *   15 MiB); StorageError WRITE_FAILED. What is rejected is not stored.
   */
  async append(
    values: T | readonly T[],
    options: AppendOptions = {}
  ): Promise<{ length: number; byteLength: number }> {
    this.assertOpen('log')
    const how = checkedAppend(options)
    this.#assertNoSnapshot()
    const head = await this.#core.append(this.#encoded(values), { ...how, ...this.#seal })
    return { length: head.length, byteLength: this.#payloadOf(head) }
  }

  /** Gathers values that are appended as one unit, if the log is still as it is now by then. */
  batch(): LogBatch<T> {
    this.assertOpen('log')
    this.#assertNoSnapshot()
    return new LogBatch(this)
  }

  /** A stream that appends what is written to it. @throws ArgumentError */
  createWriteStream(options: AppendOptions = {}): WriteStream<T> {
    this.assertOpen('log')
    checkedAppend(options)
    this.#assertNoSnapshot()
    return createWriteStream(this, options)
  }

  /**
   * The head that an append of these values, or cutting to a length, would make now: for logs that take more than one
   * signer; see signDraft.
   * @throws ArgumentError; StateError BEHIND
   */
  async draft(of: DraftOf<T>, options: WaitOptions = {}): Promise<Draft> {
    checkOptions(of, ['append', 'truncate', 'fork'], 'draft')
    this.assertOpen('log')
    return await whileWanted('draft', options, async () =>
      'append' in of
        ? this.#core.draftAppend(this.#encoded(of.append), this.#seal.seal)
        : this.#core.draftTruncate(of.truncate, of.fork)
    )
  }

  /**
   * The block's value. Waits for peers, without end unless told otherwise, if it is not here.
   * @throws UnavailableError NOT_AVAILABLE past the end of a snapshot; AbortError; StateError CLOSED;
   *   StorageError READ_FAILED, CORRUPT
   */
  async get(index: number, options: GetOptions & { wait: false }): Promise<T | null>
  async get(index: number, options?: GetOptions): Promise<T>
  async get(index: number, options?: GetOptions): Promise<T | null> {
    const block = this.#plain(index, await this.#block(index, options))
    return block === null ? null : decodeBlock(this.#encoding, index, block)
  }

  /** The block's value if it is here, else null; asks nobody. @throws StorageError READ_FAILED, CORRUPT */
  read(index: number, options: WaitOptions = {}): Promise<T | null> {
    return this.get(index, { ...options, wait: false })
  }

  /**
   * The block's value if it can be had at once, without waiting for a disk's queue; null: use get or read.
   * @throws StorageError READ_FAILED, CORRUPT; UnavailableError NOT_AVAILABLE past the end of a snapshot
   */
  peek(index: number): T | null {
    checkInteger(index, 0, 'peek: index')
    this.assertOpen('log')
    this.#snapshot?.check(index)
    const block = this.#plain(index, this.#core.readNow(index))
    return block === null ? null : decodeBlock(this.#encoding, index, block)
  }

  /** Whether all blocks of [start, end) are here; end is start + 1 by default. At once, from memory. */
  has(start: number, end: number = start + 1): boolean {
    checkInteger(start, 0, 'has: start')
    checkInteger(end, start, 'has: end')
    this.assertOpen('log')
    if (end > this.length) return false
    return this.#core.holdsAll(start, end)
  }

  /**
   * The block that holds a byte of the log, and the byte's offset in it; a border belongs to the block behind it,
   * so the log's end is { index: length, byteOffset: 0 }. Asks peers where the tree is not known well enough;
   * null past the end.
   * @throws AbortError; StateError CLOSED
   */
  async seek(
    byteOffset: number,
    options: GetOptions = {}
  ): Promise<{ index: number; byteOffset: number } | null> {
    checkInteger(byteOffset, 0, 'seek: byteOffset')
    checkGetOptions(options, 'seek')
    this.assertOpen('log')
    return await waitForByte(this.#opened, byteOffset, this.#paddingBytes, options)
  }

  /**
   * The root hash at a length, the present one by default: equal logs have equal ones.
   * @throws UnavailableError NOT_AVAILABLE if the tree at that length is not known here
   */
  async treeHash(length: number = this.length, options: WaitOptions = {}): Promise<Uint8Array> {
    checkInteger(length, 0, 'treeHash: length')
    this.assertOpen('log')
    const hash = await whileWanted('treeHash', options, () => this.#core.treeHash(length))
    if (hash === null) {
      throw new UnavailableError('NOT_AVAILABLE', `The tree at length ${length} is not known here`)
    }
    return hash
  }

  /**
   * The nodes, and the block, that prove a part of the log to whoever knows its key; null if it is not here.
   * @throws ProofError BAD_MESSAGE if no log of this length could answer the request
   */
  async prove(request: ProofRequest, options: WaitOptions = {}): Promise<Proof | null> {
    this.assertOpen('log')
    return await whileWanted('prove', options, () => this.#core.prove(request))
  }

  /**
   * Checks a proof against the log's key and what is known of its tree; stores nothing.
   * @throws ProofError BAD_HASH, BAD_SIGNATURE, BAD_MANIFEST, BAD_MESSAGE
   */
  async verify(proof: Proof, options: WaitOptions = {}): Promise<void> {
    this.assertOpen('log')
    await whileWanted('verify', options, () => this.#core.verify(proof))
  }

  /** Stores what a proof proves, as if it had come from a peer. @throws ProofError as verify; StorageError */
  async accept(proof: Proof, options: WaitOptions = {}): Promise<void> {
    this.assertOpen('log')
    await whileWanted('accept', options, () => this.#core.accept(proof))
  }

  /** Whether the log got longer: asks connected peers, and says false when none of them knows of more. */
  update(options: WaitOptions = {}): Promise<boolean> {
    this.assertOpen('log')
    checkOptions(options, ['signal'], 'update')
    return this.#opened.replicator.update(options.signal)
  }

  /**
   * Sends a block that is here to the peers that want blocks unasked (see the option `push`) and are not known to have
   * it, at most once to each, as their connections have room. The answer: to how many. Others may ask for it as ever.
   * @throws ArgumentError INVALID_ARGUMENT; UnavailableError NOT_AVAILABLE if it is not here; StateError CLOSED
   */
  push(index: number): number {
    checkInteger(index, 0, 'push: index')
    this.assertOpen('log')
    return pushBlock(this.#opened, index)
  }

  /** Fetches blocks ahead of time: a range, a list, or all that ever comes. */
  download(options: DownloadOptions = {}): Download {
    this.assertOpen('log')
    const need = downloadNeed(options, this.length)
    return new Download((signal) => this.#opened.replicator.need(need, signal), options.signal)
  }

  /**
   * Replicates with one peer. `true` or `false`: whether we initiate; the answer is a byte stream to be piped to
   * the peer's, encrypted end to end. A stream that is encrypted already is used as it is, beside its other uses:
   * those of npm `protomux`, too, if it was there first.
   * @throws ArgumentError INVALID_ARGUMENT
   */
  replicate(isInitiator: boolean): ReturnType<OpenedLog['connections']['pipe']>
  replicate<S extends EncryptedStream | Protomux | Mux>(stream: S): S
  replicate(target: boolean | EncryptedStream | Protomux | Mux): unknown {
    this.assertOpen('log')
    const { connections } = this.#opened
    if (typeof target === 'boolean') return connections.pipe(target)
    connections.attach(multiplexerOf(target))
    return target
  }

  /**
   * Messages of an application, by name, to and from the peers of this log; lost if a peer does not know the name.
   * @throws ArgumentError INVALID_ARGUMENT if the name is taken; StateError CLOSED
   */
  registerExtension<M = Uint8Array>(
    name: string,
    options: ExtensionOptions<M> = {}
  ): LogExtension<M> {
    this.assertOpen('log')
    return registerExtension(this.#opened, name, options)
  }

  /** Encrypts a socket, or any duplex byte stream, and replicates over it: no copy through a pipe. */
  replicateOver(raw: RawDuplex, options: ConnectOptions): SecretStream {
    this.assertOpen('log')
    return this.#opened.connections.encrypt(raw, options)
  }

  /** From now on this session, and those derived from it, encrypt and decrypt so; null: neither. */
  setEncryption(encryption: Encryption | BlockCipher | null): void {
    this.assertOpen('log')
    this.#cipher = encryption === null ? null : cipherOf(encryption, this.#opened)
  }

  /** Blocks that are here and that are not, and where each peer stands. Counted when asked for. */
  get sync(): SyncStatus {
    return this.#opened.replicator.insight.status()
  }

  /**
   * Resolves once this copy has caught up, and fetches what that takes: every connected peer has said what it has,
   * none of them is ahead, and all blocks are here, at one moment. With nobody connected it waits; with an `end`, only
   * until those blocks are here. A peer that claims more and does not deliver is waited for: see explain.
   * @throws ArgumentError; AbortError; ConflictError; StateError CLOSED
   */
  async synced(options: SyncedOptions = {}): Promise<void> {
    this.assertOpen('log')
    await whenSynced(this.#opened, options)
  }

  /** Why a block is not here: what has to change first. @throws ArgumentError INVALID_ARGUMENT */
  explain(index: number): BlockExplanation {
    this.assertOpen('log')
    return explainBlock(this.#opened, index)
  }

  /**
   * Whether peers get blocks from here, all of them or one; null for one: as all others. Off, they are told, and
   * what they had asked for already is still answered. @throws ArgumentError INVALID_ARGUMENT
   */
  setUpload(on: boolean | null, options: SwitchOptions = {}): void {
    this.assertOpen('log')
    setSwitch(this.#opened, 'upload', on, options)
  }

  /** The same for what comes in: off, nothing more is asked for, and what was is cancelled. */
  setDownload(on: boolean | null, options: SwitchOptions = {}): void {
    this.assertOpen('log')
    setSwitch(this.#opened, 'download', on, options)
  }

  /** Asks `authorize` about every connection again; who is refused now loses the log. */
  async reauthorize(options: WaitOptions = {}): Promise<void> {
    this.assertOpen('log')
    await whileWanted('reauthorize', options, () => this.#opened.replicator.reauthorize())
  }

  /** Another handle on the same log, perhaps with another encoding. The log closes with its last session. */
  session(options: SessionOptions<Uint8Array> & { encoding: 'binary' }): Log<Uint8Array>
  session(options: SessionOptions<string> & { encoding: 'utf-8' }): Log<string>
  session<U>(options: SessionOptions<U> & { encoding: 'json' | Codec<U> }): Log<U>
  session(options?: Omit<SessionOptions<T>, 'encoding'>): Log<T>
  session<U>(options: SessionOptions<U> = {}): Log<U> {
    return this.#derive('session', options, this.#snapshot)
  }

  /** A session that stays at the present length, whatever is appended. */
  snapshot(options: SessionOptions<Uint8Array> & { encoding: 'binary' }): Log<Uint8Array>
  snapshot(options: SessionOptions<string> & { encoding: 'utf-8' }): Log<string>
  snapshot<U>(options: SessionOptions<U> & { encoding: 'json' | Codec<U> }): Log<U>
  snapshot(options?: Omit<SessionOptions<T>, 'encoding'>): Log<T>
  snapshot<U>(options: SessionOptions<U> = {}): Log<U> {
    return this.#derive('snapshot', options, this.#snapshot ?? new Snapshot(this.#core.tree))
  }

  /**
   * Values of [start, end) in order, fetched ahead. `live`: does not end, but waits for what is appended.
   * Stop by leaving the loop, or by the signal.
   */
  createReadStream(options: BlockStreamOptions = {}): BlockStream<T> {
    this.assertOpen('log')
    return createBlockStream(this, options)
  }

  /**
   * The log's bytes from one position on, in pieces, as if it were a file; blocks are fetched ahead.
   * @throws ArgumentError; the stream fails with NOT_AVAILABLE if the log ends before
   */
  createByteStream(options: ByteStreamOptions = {}): BlockStream<Uint8Array> {
    this.assertOpen('log')
    const get = async (index: number, how?: GetOptions): Promise<Uint8Array> =>
      this.#plain(index, await this.#block(index, how)) as Uint8Array
    const { length, byteLength } = this
    return createByteStream(
      {
        length,
        byteLength,
        get,
        seek: (byteOffset, how) => this.seek(byteOffset, how),
        download: (range) => this.download(range)
      },
      options
    )
  }

  /** All values, in order, up to the present length. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    this.assertOpen('log')
    return new BlockIterator(this, {})
  }

  /**
   * Cuts the log to a length, under the next fork number, or a higher one that is given.
   * @throws StateError NOT_WRITABLE; ArgumentError INVALID_ARGUMENT
   */
  async truncate(length: number, options: TruncateOptions = {}): Promise<void> {
    const how = checkedTruncate(options)
    const { signal } = options
    checkInteger(length, 0, 'truncate: length')
    this.assertOpen('log')
    this.#assertNoSnapshot()
    const waiting = signal === undefined ? {} : { signal }
    await whileWanted('truncate', waiting, () => this.#core.truncate(length, how))
  }

  /**
   * Forgets the bytes of blocks [start, end); they can be fetched again. `freedBytes` is what the disk got back: only
   * whole pages go, and 0 where the system cannot punch holes into files, or does not tell.
   */
  async clear(
    start: number,
    end: number = start + 1,
    options: WaitOptions = {}
  ): Promise<{ freedBytes: number }> {
    checkInteger(start, 0, 'clear: start')
    checkInteger(end, start, 'clear: end')
    this.assertOpen('log')
    this.#assertNoSnapshot()
    const freedBytes = await whileWanted('clear', options, () => this.#core.clear(start, end))
    return { freedBytes }
  }

  /**
   * The newest proof that this log's key signed two histories; null if none is known. The log is frozen as long as
   * `conflict.fork` is its fork: it can be read, but nothing more is taken in or signed until its owner goes on
   * under a higher fork number: with truncate, or resume trusting `local`. verifyConflict checks the proof.
   */
  get conflict(): CoreConflict | null {
    return this.#core.conflict
  }

  /** Why nothing may be appended although there is a key pair; null if it may. */
  get behind(): string | null {
    return this.#core.behind
  }

  /**
   * Ends `behind`: this copy may lack what was signed before. Trusting `local` goes on under the next fork number,
   * and ends a conflict, too; trusting `peers` takes what was fetched from them for all there is. A log that caught
   * up with its peers resumes by itself (`settleMs`).
   * @throws StateError NOT_WRITABLE, FROZEN; StorageError WRITE_FAILED
   */
  async resume(options: { trust: 'local' | 'peers' } & WaitOptions): Promise<void> {
    const { trust, ...rest } = options
    this.assertOpen('log')
    await whileWanted('resume', rest, () => this.#core.resume({ trust }))
  }

  /**
   * Keeps bytes under a name beside this copy of the log, never sent to anybody; null removes them. Durable when it
   * resolves. All names and values together have at most 64 KiB.
   * @throws ArgumentError INVALID_ARGUMENT, LIMIT_EXCEEDED; StateError NOT_WRITABLE (opened read only)
   */
  async setUserData(
    name: string,
    value: Uint8Array | null,
    options: WaitOptions = {}
  ): Promise<void> {
    this.assertOpen('log')
    await whileWanted('setUserData', options, () => this.#core.setUserData(name, value))
  }

  /** What setUserData kept under that name; null: nothing. */
  getUserData(name: string): Uint8Array | null {
    this.assertOpen('log')
    return this.#core.userData(name)
  }

  /** Resolves when everything acknowledged before outlasts a power cut. @throws StorageError WRITE_FAILED */
  async flush(options: WaitOptions = {}): Promise<void> {
    this.assertOpen('log')
    await whileWanted('flush', options, () => this.#core.flush())
  }

  /** A description of the log as it is now; with `storage`, also what its files take up on the disk. */
  info(): LogInfo
  info(options: { storage: true } & WaitOptions): Promise<LogInfo & { storage: StorageInfo }>
  info(options: { storage?: boolean } & WaitOptions = {}): unknown {
    const { storage = false, ...rest } = options
    const info = infoOf(this, this.#core)
    if (!storage) return info
    this.assertOpen('log')
    const files = whileWanted('info', rest, () => this.#core.storage())
    return files.then((found) => ({ ...info, storage: found }))
  }

  /**
   * Removes the log from the disk for good, for all its sessions: they are closed. What a crash leaves of it is
   * removed by whoever opens the place next.
   * @throws StateError NOT_WRITABLE (opened read only); StorageError WRITE_FAILED
   */
  async purge(): Promise<void> {
    this.assertOpen('log')
    await this.#opened.purge()
    await this.close()
  }

  /**
   * Reads the log's files as they are and says what is damaged; `deep` also hashes every block. Changes nothing.
   * @throws AbortError
   */
  audit(options: AuditOptions = {}): Promise<AuditReport> {
    checkOptions(options, ['deep', 'signal'], 'audit')
    this.assertOpen('log')
    return this.#core.audit(options)
  }

  /**
   * Puts right what an audit found, from what is left; blocks that are gone become absent, and connected peers are
   * asked for them. Never makes the log shorter. The damaged bytes are kept in the directory `damaged`.
   * @throws StateError NOT_WRITABLE (opened read only); StorageError WRITE_FAILED; AbortError
   */
  async repair(options: RepairOptions = {}): Promise<RepairReport> {
    checkOptions(options, ['findings', 'signal'], 'repair')
    this.assertOpen('log')
    const report = await this.#core.repair(options)
    if (this.#opened.replicator.isConnected) refetch(this, report)
    return report
  }

  /**
   * Makes a log that does not open (CORRUPT) openable again, as far as its files go: unreadable ones are moved to
   * `damaged`. A log with its key pair opens `behind`. Where nothing else tells the key, it has to be given.
   * @throws StorageError CORRUPT, WRITE_FAILED; StateError LOCKED, NOT_WRITABLE; ArgumentError; AbortError
   */
  static salvage(
    location: Exclude<Location, null>,
    options: { key?: Uint8Array | string } & WaitOptions = {}
  ): Promise<SalvageReport> {
    return salvageLog(location, options)
  }

  protected override onClose(): Promise<void> {
    return this.#opened.release(this.#snapshot, this.#isActive)
  }

  get #core(): LogCore {
    return this.#opened.core
  }

  #plain(index: number, stored: Uint8Array | null): Uint8Array | null {
    return stored === null || this.#cipher === null ? stored : this.#cipher.decrypt(stored, index)
  }

  async #block(index: number, options: GetOptions = {}): Promise<Uint8Array | null> {
    checkInteger(index, 0, 'get: index')
    checkGetOptions(options, 'get')
    this.assertOpen('log')
    this.#snapshot?.check(index)
    const now = this.#core.readNow(index)
    if (now !== null) return now
    return await waitForBlock(this.#opened, index, options)
  }

  #encoded(values: T | readonly T[]): Uint8Array[] {
    const list = (Array.isArray(values) ? values : [values]) as readonly T[]
    return list.map((value) => this.#encoding.encode(value))
  }

  get #seal(): { seal?: Seal } {
    const cipher = this.#cipher
    return cipher === null ? {} : { seal: (block, at) => cipher.encrypt(block, at) }
  }

  get #paddingBytes(): number {
    return this.#cipher?.paddingBytes ?? 0
  }

  #payloadOf({ length, byteLength }: { length: number; byteLength: number }): number {
    return byteLength - length * this.#paddingBytes
  }

  #assertNoSnapshot(): void {
    if (this.#snapshot !== null) throw new StateError('NOT_WRITABLE', 'A snapshot is read only')
  }

  #derive<U>(call: string, options: SessionOptions<U>, snapshot: Snapshot | null): Log<U> {
    this.assertOpen('log')
    checkOptions(options, SESSION_OPTIONS, call)
    checkReplicationOptions(options, call)
    const { encryption } = options
    const encoding =
      options.encoding === undefined
        ? (this.#encoding as unknown as Encoding<U>)
        : encodingOf(options.encoding)
    let cipher = this.#cipher
    if (encryption !== undefined) {
      cipher = encryption === null ? null : cipherOf(encryption, this.#opened)
    }
    const { active = true } = options
    return new Log<U>(this.#opened, { encoding, cipher, snapshot, active })
  }
}
