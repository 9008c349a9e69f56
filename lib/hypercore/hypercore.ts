// Hypercore: a session of a core in the shape that npm `hypercore` 11 has, over a Logwood log, so that packages written
// for it run unmodified. The entry file of `logwood/hypercore`. No protocol here and no storage: SharedCore holds the
// log, a View is what the session looks at. What differs on purpose: docs/coming-from-hypercore.md.
import { EventEmitter } from 'node:events'
import { keyFromText } from '../core/key-text.ts'
import { discoveryKeyOf, type Manifest } from '../core/manifest.ts'
import type { KeyPair } from '../crypto/key-pair.ts'
import { blockKeyOf } from '../log/block-cipher.ts'
import type { DownloadOptions } from '../log/download.ts'
import type { Mux } from '../mux/mux.ts'
import { background } from '../util/background.ts'
import { fromUtf8, toBuffer } from '../util/bytes.ts'
import type { Codec } from '../util/codec.ts'
import { treeOf } from './batch-tree.ts'
import { BatchView } from './batch-view.ts'
import { decodeValue, encodeValue, encodingFrom, type ValueEncoding } from './encodings.ts'
import {
  DefaultEncryption,
  decrypted,
  type EncryptionProvider,
  isProvider,
  providerFrom,
  providerOf
} from './encryption.ts'
import { HypercoreError, type HypercoreErrorCode, translated } from './errors.ts'
import { CoreExtension, type ExtensionHandlers } from './extension.ts'
import { Info } from './info.ts'
import { inspected } from './inspect.ts'
import {
  type KeyOptions,
  keyFrom,
  type ManifestInput,
  manifestBytes,
  parseManifest
} from './manifest.ts'
import {
  argumentsOf,
  type HypercoreOptions,
  type HypercoreStorage,
  type PublicKeyPair,
  type SessionOptions,
  signingPair
} from './options.ts'
import type { CorePeer } from './peers.ts'
import {
  applyProof,
  type CoreProof,
  type CoreProofOptions,
  missingNodes,
  proofOf,
  type RemoteHead,
  signableOf,
  verifyFromNothing
} from './proofs.ts'
import {
  createProtocolStream,
  isStream,
  type ProtocolStream,
  protocolMux,
  type ReplicateOptions
} from './protocol-stream.ts'
import { type DownloadRange, RangeDownload } from './range-download.ts'
import { type ActiveRequests, clearRequests, destroyRequests } from './requests.ts'
import { SharedCore } from './shared-core.ts'
import { SnapshotView } from './snapshot-view.ts'
import type { ByteStreamOptions, ReadStreamOptions } from './stream-options.ts'
import { ByteStream, ReadStream, WriteStream } from './streams.ts'
import type { Extent, View } from './view.ts'
import {
  type AppendOptions,
  appendTo,
  type CommitOptions,
  clearIn,
  commitTo,
  contextOf,
  type TruncateOptions,
  truncateTo
} from './writing.ts'

export interface WaitOptions {
  /** False: null, or false, instead of waiting for peers. */
  wait?: boolean
  /** Milliseconds; 0: without end. */
  timeout?: number
  /** Where the wait is entered, so that its owner can end it; by default the session's list. */
  activeRequests?: ActiveRequests
  signal?: AbortSignal
}

export interface GetOptions extends WaitOptions {
  valueEncoding?: ValueEncoding | null
  onwait?: ((index: number, session: Hypercore<never>) => void) | null
  /** False: as it is stored, behind its padding. */
  decrypt?: boolean
  /** True: the stored block. */
  raw?: boolean
}

/** A session, whatever its values are. */
type AnySession = Pick<Hypercore<never>, 'ready' | 'core' | 'state' | 'closing'>

interface OpenOptions extends HypercoreOptions {
  readonly parent?: Hypercore<never> | null
  readonly core?: SharedCore | null
  readonly class?: unknown
}

/** Blocks above this are refused: each crosses the wire as one message. */
const MAX_BLOCK_BYTES = 15 * 1024 * 1024

export class Hypercore<T = Buffer> extends EventEmitter {
  static readonly MAX_SUGGESTED_BLOCK_SIZE: number = MAX_BLOCK_BYTES
  static readonly DefaultEncryption: typeof DefaultEncryption = DefaultEncryption

  /** What it shares with its other sessions; null until its options are known. */
  core: SharedCore | null = null
  /** What it looks at; null until it is open. */
  state: View | null = null
  encryption: EncryptionProvider | null = null
  keyPair: KeyPair | PublicKeyPair | null
  valueEncoding: Codec<unknown> | null = null
  encodeBatch: ((batch: readonly unknown[]) => Uint8Array[]) | null = null
  /** All sessions of the core. */
  sessions: readonly unknown[] = []
  readonly activeRequests: ActiveRequests = []
  readonly extensions: Map<string, CoreExtension> = new Map()
  readable = true
  writable = false
  exclusive = false
  opened = false
  closed = false
  readonly weak: boolean
  readonly snapshotted: boolean
  wait: boolean
  timeout: number
  onwait: SessionOptions['onwait']
  onseq: SessionOptions['onseq']
  /** Called when the session is over. */
  ongc: SessionOptions['ongc']
  /** Options that are still to come. */
  preload: SessionOptions['preload']
  /** How often a get had to wait for peers. */
  waits = 0
  readonly opening: Promise<void>
  closing: Promise<void> | null = null
  readonly #isReadOnly: boolean
  #findingPeers = 0
  #isCounted = false
  #isActive: boolean
  /** Blocks that are read are marked, for a sweep. */
  #isMarking: boolean
  #wantsLatest: boolean
  #releaseExclusive: (() => void) | null = null

  /** Opens in the background: `ready()`. @throws ArgumentError INVALID_ARGUMENT if the key is no key */
  constructor(
    storage?: HypercoreStorage | HypercoreOptions,
    key?: Uint8Array | string | HypercoreOptions | null,
    options?: HypercoreOptions
  ) {
    super()
    const given = argumentsOf(storage, key, options)
    const session = given.options as OpenOptions
    this.keyPair = session.keyPair ?? null
    this.weak = session.weak === true
    this.snapshotted = session.snapshot === true
    this.wait = session.wait !== false
    this.timeout = session.timeout ?? 0
    this.onwait = session.onwait ?? null
    this.onseq = session.onseq ?? null
    this.#isReadOnly = session.writable === false
    this.#isActive = this.weak ? session.active === true : session.active !== false
    this.ongc = session.ongc ?? session.parent?.ongc ?? null
    this.preload = session.preload ?? session.parent?.preload ?? null
    this.#isMarking = session.parent?.isMarking === true
    this.#wantsLatest = session.allowLatestBlock === true
    this.opening = this.#open(given.storage, keyBytes(given.key), session)
    background(this.opening, () => {})
  }

  // What can be known of keys and connections without a core.

  /** @throws HypercoreError BAD_ARGUMENT */
  static key(manifest: ManifestInput, options?: KeyOptions): Buffer {
    return keyFrom(manifest, options)
  }

  static discoveryKey(key: Uint8Array): Buffer {
    return toBuffer(discoveryKeyOf(key))
  }

  /** The key of one core's blocks, for who may read nothing else. */
  static blockEncryptionKey(key: Uint8Array, encryptionKey: Uint8Array): Buffer {
    return toBuffer(blockKeyOf(encryptionKey, { key, manifest: null }))
  }

  /** @throws HypercoreError BAD_ARGUMENT, INVALID_CHECKSUM */
  static parseManifest(manifest: ManifestInput | null, key?: Uint8Array): Manifest | null {
    return parseManifest(manifest, key)
  }

  /** A connection for any number of cores. */
  static createProtocolStream(target: boolean | object, options?: ReplicateOptions): object {
    return createProtocolStream(target, options)
  }

  static getProtocolMuxer(stream: object): Mux {
    return protocolMux(stream)
  }

  static defaultStorage<S>(storage: S): S {
    return storage
  }

  /** What sessions share, by itself: it stays open without any; pass it as `core`, and close it. */
  static createCore(storage: HypercoreStorage, options: HypercoreOptions = {}): SharedCore {
    return new SharedCore(storage, keyBytes(options.key), { autoClose: false, ...options })
  }

  static treeHashFromStorage(session: Hypercore<never>, length?: number): Promise<Buffer> {
    return session.treeHash(length)
  }

  static clearRequests(requests: ActiveRequests, error?: Error | null): void {
    clearRequests(requests, error)
  }

  static destroyRequests(requests: ActiveRequests, error?: Error | null): void {
    destroyRequests(requests, error)
  }

  // What it is.

  get id(): string | null {
    return this.core?.id ?? null
  }

  /** Null until it is known; at once, if it was given. */
  get key(): Buffer | null {
    return this.core?.key ?? null
  }

  get discoveryKey(): Buffer | null {
    return this.core?.discoveryKey ?? null
  }

  get manifest(): Manifest | null {
    return this.core?.manifest ?? null
  }

  getManifest({ raw = false }: { raw?: boolean } = {}): Manifest | Buffer | null {
    const { manifest } = this
    return manifest !== null && raw ? manifestBytes(manifest) : manifest
  }

  get length(): number {
    return this.opened ? (this.state?.length ?? 0) : 0
  }

  get signedLength(): number {
    return this.opened ? (this.state?.signedLength ?? 0) : 0
  }

  /** Of the values: what encryption adds does not count. */
  get byteLength(): number {
    if (!this.opened || this.state === null) return 0
    return this.state.byteLength - this.state.length * this.padding
  }

  get contiguousLength(): number {
    return this.opened && this.core !== null ? this.core.log.contiguousLength : 0
  }

  get remoteContiguousLength(): number {
    if (!this.opened || this.core === null) return 0
    return Math.min(this.core.log.length, this.core.remoteContiguity.length)
  }

  /** Not told, as in Hypercore. */
  get contiguousByteLength(): number {
    return 0
  }

  /** The length that was found when it turned out that this copy may lack what was signed before; else 0. */
  get recovering(): number {
    return this.opened && this.core !== null && this.core.log.behind !== null ? this.length : 0
  }

  get fork(): number {
    return this.opened ? (this.state?.fork ?? 0) : 0
  }

  /** Bytes that encryption adds to each block. */
  get padding(): number {
    const { core, encryption } = this
    if (encryption === null || core === null || core.manifest === null) return 0
    return encryption.padding(contextOf(core), this.length)
  }

  get peers(): CorePeer[] {
    return this.opened ? (this.core?.peers ?? []) : []
  }

  get replicator(): SharedCore['replicator'] | null {
    return this.core?.replicator ?? null
  }

  get globalCache(): null {
    return null
  }

  /** @throws what opening throws */
  ready(): Promise<void> {
    return this.opening
  }

  /** With `storage`, also what its files take up on the disk, in bytes. */
  async info({ storage = false }: { storage?: boolean } = {}): Promise<Info> {
    const core = await this.#toOpen()
    if (!storage) return new Info(this, null)
    const { storage: files } = await core.log.info({ storage: true })
    const { oplog, nodes: tree, blocks, presence: bitfield } = files
    return new Info(this, { oplog, tree, blocks, bitfield })
  }

  // Sessions.

  /** Another session of the core. @throws HypercoreError SESSION_CLOSED, ERR_ASSERTION */
  session<U = T>(options: SessionOptions & { class?: unknown } = {}): Hypercore<U> {
    if (this.closing !== null) throw this.#error('SESSION_CLOSED', 'The core is closing')
    if (options.checkout !== undefined && !options.name && !options.atom) {
      throw this.#error('ERR_ASSERTION', 'A checkout needs a name or an atom')
    }
    const Class = (options.class ?? Hypercore) as new (
      storage: null,
      key: Uint8Array | null,
      options: OpenOptions
    ) => Hypercore<U>
    return new Class(null, this.key, {
      ...options,
      wait: options.wait === false ? false : this.wait,
      writable: options.writable ?? !this.#isReadOnly,
      onwait: options.onwait === undefined ? (this.onwait ?? null) : options.onwait,
      onseq: options.onseq === undefined ? (this.onseq ?? null) : options.onseq,
      timeout: options.timeout ?? this.timeout,
      weak: options.weak ?? this.weak,
      parent: this as unknown as Hypercore<never>
    })
  }

  /** A session that stays as the core is now. @throws as session */
  snapshot<U = T>(options: SessionOptions & { class?: unknown } = {}): Hypercore<U> {
    return this.session<U>({ ...options, snapshot: true })
  }

  /** Idempotent. The core closes with its last session that is not weak. `error`: what waiting calls end with. */
  close({ error = null }: { error?: Error | null } = {}): Promise<void> {
    this.closing ??= this.#close(error)
    return this.closing
  }

  setKeyPair(keyPair: KeyPair | PublicKeyPair | null): void {
    this.keyPair = keyPair
  }

  /** Whether the last block of whatever the core grows to is fetched at once. */
  async setAlwaysLatestBlock(enabled: boolean): Promise<void> {
    const core = await this.#toOpen()
    if (enabled === this.#wantsLatest) return
    this.#wantsLatest = enabled
    core.wantingLatest += enabled ? 1 : -1
  }

  /** Resolves when this copy may be appended to: it has what its peers have. */
  async recover(): Promise<void> {
    const { log } = await this.#toOpen()
    if (log.behind === null) return
    await new Promise<void>((resolve) => {
      const off = log.on('resumed', () => {
        off()
        resolve()
      })
    })
  }

  clearRequests(requests: ActiveRequests, error?: Error | null): void {
    clearRequests(requests, error)
  }

  /** Whether this session wants the core to be downloaded. */
  setActive(active: boolean): void {
    if (active === this.#isActive || this.closing !== null) return
    this.#isActive = active
    if (this.opened) this.core?.setActive(active)
  }

  /** @throws HypercoreError ERR_ASSERTION */
  async setEncryption(encryption: EncryptionProvider | null): Promise<void> {
    await this.#toOpen()
    if (encryption !== null && !isProvider(encryption)) {
      throw this.#error('ERR_ASSERTION', 'An encryption has padding, encrypt and decrypt')
    }
    this.encryption = encryption
  }

  async setEncryptionKey(key: Uint8Array | null, options: { block?: boolean } = {}): Promise<void> {
    const core = await this.#toOpen()
    const { block = false } = options
    this.encryption = key === null ? null : providerOf({ key, block }, contextOf(core).key)
  }

  // Reading.

  /**
   * The block's value. Waits for peers if it is not here, unless told otherwise.
   * @throws HypercoreError SESSION_CLOSED, REQUEST_TIMEOUT, REQUEST_CANCELLED, SNAPSHOT_NOT_AVAILABLE, DECODING_ERROR,
   *   ERR_ASSERTION
   */
  async get(index: number, options: GetOptions & { wait: false }): Promise<T | null>
  async get(index: number, options?: GetOptions): Promise<T>
  async get(index: number, options: GetOptions = {}): Promise<T | null> {
    const core = this.opened && this.core !== null ? this.core : await this.#toOpen()
    this.#assertIndex(index, 'block index')
    this.#assertNotClosing('get')
    const codec = options.valueEncoding ? encodingFrom(options.valueEncoding) : this.valueEncoding
    this.onseq?.(index, this)
    if (this.#isMarking) await core.marks.mark(index, index + 1)
    const stored = await this.#block(core, index, options)
    if (stored === null) return null
    if (options.raw === true) return toBuffer(stored) as T
    const { encryption } = this
    let block = stored
    if (encryption !== null) {
      const context = contextOf(core)
      block =
        options.decrypt === false
          ? stored.subarray(encryption.padding(context, index))
          : await decrypted(encryption, index, stored, context)
    }
    return decodeValue(codec, toBuffer(block), core.discoveryKey) as T
  }

  /** Whether all blocks of [start, end) are here. @throws HypercoreError ERR_ASSERTION */
  async has(start: number, end: number = start + 1): Promise<boolean> {
    await this.#toOpen()
    this.#assertIndex(start, 'has: start')
    this.#assertIndex(end, 'has: end')
    return this.#view.has(start, end)
  }

  /** [block, offset in it] of a byte; waits for one past the end. Null if it may not wait. @throws as get */
  async seek(byteOffset: number, options: WaitOptions = {}): Promise<[number, number] | null> {
    const core = await this.#toOpen()
    this.#assertIndex(byteOffset, 'seek')
    this.#assertNotClosing('seek')
    const wait = options.wait ?? this.wait
    const list = options.activeRequests ?? this.activeRequests
    const place = await core.requests.run(
      list,
      { timeoutMs: options.timeout ?? this.timeout, signal: options.signal },
      async (signal) => {
        const paddingBytes = this.padding
        await using log = core.log.session({ encryption: plainCipher(paddingBytes) })
        for (;;) {
          const { length } = core.log
          const found = await translated(log.seek(byteOffset, { wait, signal }), core.discoveryKey)
          if (found !== null || !wait) return found
          if (core.log.length === length) await core.whenGrown(signal)
        }
      }
    )
    return place === null ? null : [place.index, place.byteOffset]
  }

  /** Whether the core got longer; only waits for peers if told to, or somebody is looking for them. */
  async update(options: WaitOptions & { force?: boolean } = {}): Promise<boolean> {
    const core = await this.#toOpen()
    if (this.closing !== null || this.snapshotted) return false
    if (this.writable && options.force !== true) return false
    if (!(options.wait ?? core.findingPeers > 0)) return false
    const list = options.activeRequests ?? this.activeRequests
    const limits = { timeoutMs: 0, cancelled: () => false, signal: options.signal }
    return core.requests.run(list, limits, async (signal) => {
      do {
        if (await core.log.update({ signal })) return true
      } while (await core.search.mayFindMore(signal))
      return false
    })
  }

  /** Says that peers are being looked for; the answer says that this is over. */
  findingPeers(): () => void {
    const { core } = this
    if (core === null || this.closing !== null) return () => {}
    this.#findingPeers++
    core.search.begin()
    let isOver = false
    return () => {
      if (isOver || this.closing !== null) return
      isOver = true
      this.#findingPeers--
      core.search.end()
    }
  }

  /** The hash over the tree's roots at a length; waits for the last block below it, if need be. */
  async treeHash(length?: number): Promise<Buffer> {
    const core = await this.#toOpen()
    const at = length ?? this.length
    const view = this.#view
    if (view instanceof BatchView && at > view.signedLength) {
      return toBuffer((await treeOf(core, view, at)).rootHash)
    }
    if (at > 0 && !core.log.has(at - 1)) await this.get(at - 1)
    return toBuffer(await translated(core.log.treeHash(at), core.discoveryKey))
  }

  /** The bytes that are signed for a head with this core's blocks; see treeHash. */
  async signable(length?: number, fork?: number): Promise<Buffer> {
    const core = await this.#toOpen()
    const [at, under] = [length ?? this.length, fork ?? this.fork]
    return signableOf(core, { rootHash: await this.treeHash(at), length: at, fork: under })
  }

  /**
   * Nodes, and a block, that prove a part of the core to who knows its key.
   * @throws HypercoreError INVALID_OPERATION if it is not here, INVALID_PROOF if no core could answer
   */
  async proof(options: CoreProofOptions = {}): Promise<CoreProof> {
    return proofOf(await this.#toOpen(), options)
  }

  /** Stores what a proof proves; false if it is of another fork. @throws HypercoreError INVALID_PROOF, INVALID_SIGNATURE */
  async applyProof(proof: CoreProof, _from?: unknown): Promise<boolean> {
    return applyProof(await this.#toOpen(), proof)
  }

  /** The head that a proof with an upgrade from 0 proves, whatever is stored here. @throws as applyProof */
  async verifyFullyRemote(proof: CoreProof): Promise<RemoteHead> {
    return verifyFromNothing(await this.#toOpen(), proof)
  }

  /** How many levels of the tree a proof of that block has to climb for this copy. */
  async missingNodes(index: number): Promise<number> {
    return missingNodes(await this.#toOpen(), index)
  }

  createReadStream(options?: ReadStreamOptions): ReadStream & AsyncIterable<T> {
    return new ReadStream(this, options) as ReadStream & AsyncIterable<T>
  }

  createByteStream(options?: ByteStreamOptions): ByteStream & AsyncIterable<Buffer> {
    return new ByteStream(this, options) as ByteStream & AsyncIterable<Buffer>
  }

  createWriteStream(): WriteStream {
    return new WriteStream(this)
  }

  /** Fetches blocks ahead of time. */
  download(range?: DownloadRange): RangeDownload {
    return new RangeDownload(this, range)
  }

  undownload(range: RangeDownload): void {
    range.destroy()
  }

  /** Has no effect, as in Hypercore. */
  cancel(_request?: unknown): void {}

  /** For RangeDownload. */
  requestRange(list: ActiveRequests, { signal, ...range }: DownloadOptions): Promise<boolean> {
    const { core } = this
    if (core === null || this.closing !== null || signal?.aborted) return Promise.resolve(false)
    return core.requests.run(list, { timeoutMs: 0, cancelled: () => false }, async (ended) => {
      const both = signal === undefined ? ended : AbortSignal.any([ended, signal])
      const work = core.log.download({ ...range, signal: both }).done()
      return work.then(
        () => true,
        () => false
      )
    })
  }

  // Writing.

  /**
   * Appends one value, or all of an array as one unit.
   * @throws HypercoreError SESSION_CLOSED, SESSION_NOT_WRITABLE, BAD_ARGUMENT, WRITE_FAILED
   */
  async append(values: unknown, options: AppendOptions = {}): Promise<Extent> {
    const core = await this.#toOpen()
    this.#assertNotClosing('append')
    const view = this.#view
    const keyPair = options.keyPair ?? this.keyPair
    const maySign =
      view.kind !== 'live' || signingPair(keyPair) !== null || options.writable === true
    if (this.#isReadOnly || view.kind === 'snapshot' || !(maySign || options.signature)) {
      throw this.#error('SESSION_NOT_WRITABLE', 'The session may not append')
    }
    const batch = Array.isArray(values) ? (values as unknown[]) : [values]
    const blocks =
      this.encodeBatch?.(batch) ??
      batch.map((value) => encodeValue(this.valueEncoding, value, this.padding))
    for (const { byteLength } of blocks) {
      if (byteLength > MAX_BLOCK_BYTES) {
        throw this.#error(
          'BAD_ARGUMENT',
          `A block of ${byteLength} bytes, at most ${MAX_BLOCK_BYTES}`
        )
      }
    }
    const provider = this.encryption
    return appendTo({ core, view, provider, keyPair, options }, blocks)
  }

  /** Cuts the core to a length. A number as options is the fork. @throws as append; INVALID_OPERATION */
  async truncate(newLength = 0, options: TruncateOptions | number = {}): Promise<void> {
    const core = await this.#toOpen()
    this.#assertNotClosing('truncate')
    const given = typeof options === 'number' ? { fork: options } : options
    const view = this.#view
    const { fork = view.fork + 1 } = given
    const hasSigner = !!given.signature || signingPair(given.keyPair ?? this.keyPair) !== null
    const maySign = !this.#isReadOnly && hasSigner
    const isChange = newLength > 0 || fork !== view.fork
    if (view.kind === 'snapshot' || (view.kind === 'live' && !maySign && isChange)) {
      throw this.#error('SESSION_NOT_WRITABLE', 'The session may not truncate')
    }
    await truncateTo(core, view, newLength, { ...given, keyPair: given.keyPair ?? this.keyPair })
  }

  /** Gives up the stored blocks of [start, end). With `diff`, tells how many bytes that freed. */
  async clear(
    start: number,
    end: number | { diff?: boolean } = start + 1,
    options: { diff?: boolean } = {}
  ): Promise<{ blocks: number } | null> {
    const core = await this.#toOpen()
    this.#assertNotClosing('clear')
    const last = typeof end === 'number' ? end : start + 1
    const { diff = false } = typeof end === 'number' ? options : end
    this.#assertIndex(start, 'clear: start')
    this.#assertIndex(last, 'clear: end')
    const isEmpty = start >= last || start >= this.length
    const blocks = isEmpty ? 0 : await clearIn(core, start, last)
    return diff ? { blocks } : null
  }

  // What a sweep keeps.

  get isMarking(): boolean {
    return this.#isMarking
  }

  /** From now on each block that is read, here or in sessions of this one, is marked. @throws HypercoreError ERR_ASSERTION */
  async startMarking(): Promise<void> {
    if (this.#isMarking) throw this.#error('ERR_ASSERTION', 'It is marking already')
    if (this.state?.kind === 'batch') throw this.#error('ERR_ASSERTION', 'A batch marks nothing')
    await this.clearMarkings()
    this.#isMarking = true
  }

  /** Marks [start, end), whether it is here or not. */
  async markBlock(start: number, end: number = start + 1): Promise<void> {
    await (await this.#toOpen()).marks.mark(start, end)
  }

  async clearMarkings(): Promise<void> {
    await (await this.#toOpen()).marks.clear()
  }

  /** Clears all blocks without a mark, and the marks. @throws HypercoreError INVALID_OPERATION if they were lost in a crash */
  async sweep(_options: { batchSize?: number } = {}): Promise<void> {
    const { marks } = await this.#toOpen()
    if (this.snapshotted) throw this.#error('ERR_ASSERTION', 'A snapshot is not swept')
    for (const [start, end] of marks.gaps(this.length).reverse()) await this.clear(start, end)
    this.#isMarking = false
    await marks.clear()
  }

  /** Resolves when all is durable: what is cleared leaves nothing to compact here. */
  async compact(): Promise<void> {
    await (await this.#toOpen()).log.flush()
  }

  /** Removes the core from the disk; all its sessions are closed. */
  async purge(): Promise<void> {
    const core = await this.#toOpen()
    await translated(core.purge(), core.discoveryKey)
  }

  /** Makes the blocks of a batch the core's own; null if the core went another way meanwhile. */
  async commit(session: AnySession, options: CommitOptions = {}): Promise<Extent | null> {
    const core = await this.#toOpen()
    await session.ready()
    const { state } = session
    if (!(state instanceof BatchView) || session.core !== core) {
      throw this.#error('ERR_ASSERTION', 'A commit needs a batch of the same core')
    }
    if (session.closing !== null) throw this.#error('SESSION_CLOSED', 'The batch is closed')
    return commitTo(core, state, { keyPair: this.keyPair, ...options })
  }

  /** Keeps a value by name beside this copy of the core; null: no longer. Peers never see it. */
  async setUserData(name: string, value: Uint8Array | string | null): Promise<void> {
    await setUserData(await this.#toOpen(), { [name]: value })
  }

  async getUserData(name: string): Promise<Buffer | null> {
    const core = await this.#toOpen()
    const value = core.log.getUserData(name)
    return value === null ? null : toBuffer(value)
  }

  // Peers.

  /**
   * Replicates with one peer: over a stream to be piped to the peer's, if told only who begins; else over the given
   * connection, which stays its owner's to close.
   * @throws HypercoreError BAD_ARGUMENT
   */
  replicate(isInitiator: boolean, options?: ReplicateOptions): ProtocolStream
  replicate<S extends object>(stream: S, options?: ReplicateOptions): S
  replicate(target: boolean | object, options: ReplicateOptions = {}): object {
    if (!isStream(target) && typeof target === 'object') {
      throw this.#error('BAD_ARGUMENT', 'replicate: expected true, false or a stream')
    }
    const stream = createProtocolStream(target, options)
    const mux = protocolMux(stream)
    if (this.core !== null) this.core.attach(mux)
    else
      background(
        this.opening.then(() => this.core?.attach(mux)),
        () => mux.destroy()
      )
    return stream
  }

  /** Messages of an application, by name, to and from the peers of the core. */
  registerExtension(name: string, handlers: ExtensionHandlers = {}): CoreExtension {
    const known = this.extensions.get(name)
    const extension = known ?? new CoreExtension(name, this, () => this.extensions.delete(name))
    extension.handlers = handlers
    if (known === undefined) {
      this.extensions.set(name, extension)
      const attached = this.#toOpen().then((core) => extension.attach(core))
      background(attached, () => {})
    }
    return extension
  }

  // How it opens and closes.

  async #open(
    storage: HypercoreStorage | undefined,
    key: Uint8Array | null,
    given: OpenOptions
  ): Promise<void> {
    let options = given
    if (this.preload) {
      options = { ...given, ...(await this.preload) }
      this.preload = null
    }
    const core =
      options.parent?.core ??
      options.core ??
      new SharedCore(options.storage ?? storage, key, options)
    this.core = core
    this.sessions = core.sessions
    core.sessions.push(this)
    if (!this.weak) {
      this.#isCounted = true
      core.activeSessions++
    }
    try {
      await this.#openSession(core, options)
    } catch (error) {
      this.#leave(core)
      if (core.autoClose && !core.hasSession() && core.closing === null) await core.close()
      this.closed = true
      this.emit('close')
      throw error
    }
    this.emit('ready')
    if (core.closing !== null) background(this.close(), () => {})
  }

  async #openSession(core: SharedCore, options: OpenOptions): Promise<void> {
    const parent = options.parent ?? null
    if (!core.opened) await core.ready()
    if (parent !== null && !parent.opened) await parent.ready()
    this.keyPair ??= options.keyPair ?? core.keyPair ?? parent?.keyPair ?? null
    this.#applyCodecs(core, options)
    this.#look(core, viewFor(core, parent?.state ?? core.live, options))
    if (options.exclusive === true && options.writable !== false) {
      this.exclusive = true
      this.#releaseExclusive = await core.lockExclusive()
    }
    const { checkout } = options
    if (checkout !== undefined && this.#view.kind === 'batch') await this.#checkOut(core, checkout)
    if (options.manifest) await core.setManifest(options.manifest)
    this.writable =
      !this.#isReadOnly && (!this.#view.isDefault() || signingPair(this.keyPair) !== null)
    if (options.userData) await setUserData(core, options.userData)
    if (this.#isActive) core.setActive(true)
    this.opened = true
  }

  #applyCodecs(core: SharedCore, options: OpenOptions): void {
    this.encryption = options.parent?.encryption ?? providerFrom(options, contextOf(core).key)
    this.valueEncoding = encodingFrom(options.valueEncoding)
    this.encodeBatch = options.encodeBatch ?? null
  }

  #look(core: SharedCore, view: View): void {
    this.state = view
    if (view instanceof SnapshotView) core.snapshots.acquire(view)
  }

  async #checkOut(core: SharedCore, length: number): Promise<void> {
    const view = this.#view
    if (length > view.length) {
      throw this.#error('ERR_ASSERTION', `Checkout ${length} of a batch of length ${view.length}`)
    }
    if (length < view.length) await truncateTo(core, view, length, { fork: view.fork })
  }

  async #close(error: Error | null): Promise<void> {
    if (!this.opened) {
      await this.opening.catch(() => {})
      if (this.closed) return
    }
    const { core } = this
    if (core === null) return
    this.#leave(core)
    clearRequests(this.activeRequests, error)
    // Whoever closes it closes its weak sessions, and must not be waited for by them.
    if (core.autoClose && !core.hasSession() && core.closing === null) await core.close()
    this.closed = true
    this.emit('close')
  }

  #leave(core: SharedCore): void {
    const at = core.sessions.indexOf(this)
    if (at >= 0) core.sessions.splice(at, 1)
    if (this.#isCounted) core.activeSessions--
    if (this.opened && this.#isActive) core.setActive(false)
    for (const extension of [...this.extensions.values()]) extension.destroy()
    this.#isCounted = false
    this.opened = false
    this.readable = false
    this.writable = false
    core.search.end(this.#findingPeers)
    this.#findingPeers = 0
    if (this.state instanceof SnapshotView) core.snapshots.release(this.state)
    this.#releaseExclusive?.()
    this.#releaseExclusive = null
    this.ongc?.(this)
  }

  async #toOpen(): Promise<SharedCore> {
    if (!this.opened) await this.opening
    if (this.core === null) throw this.#error('SESSION_CLOSED', 'The session is closed')
    return this.core
  }

  get #view(): View {
    if (this.state === null) throw this.#error('SESSION_CLOSED', 'The session is closed')
    return this.state
  }

  async #block(core: SharedCore, index: number, options: GetOptions): Promise<Uint8Array | null> {
    const view = this.#view
    const mayWait = options.wait ?? this.wait
    const here = await translated(view.read(index, mayWait), core.discoveryKey)
    if (here !== null) return here
    this.#assertNotClosing('get')
    if (view instanceof SnapshotView) view.check(index)
    if (!mayWait) return null
    this.waits++
    options.onwait?.(index, this as unknown as Hypercore<never>)
    this.onwait?.(index, this)
    const list = options.activeRequests ?? this.activeRequests
    const wish = { timeoutMs: options.timeout ?? this.timeout, signal: options.signal }
    const limits = index < this.length ? { ...wish, index } : wish
    return core.requests.run(list, limits, (signal) =>
      translated(view.fetch(index, signal), core.discoveryKey)
    )
  }

  #assertIndex(value: number, what: string): void {
    if (value >= 0) return
    throw this.#error('ERR_ASSERTION', `${what} is invalid`)
  }

  #assertNotClosing(call: string): void {
    if (this.closing !== null) {
      throw this.#error('SESSION_CLOSED', `Cannot ${call} on a closed session`)
    }
  }

  #error(code: HypercoreErrorCode, message: string): HypercoreError {
    return new HypercoreError(code, message, { discoveryKey: this.discoveryKey })
  }
}

Object.defineProperty(Hypercore.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value(this: Hypercore): string {
    return inspected(this.constructor.name, this)
  }
})

/** @throws ArgumentError INVALID_ARGUMENT if the text is no key */
function keyBytes(key: Uint8Array | string | null | undefined): Uint8Array | null {
  return typeof key === 'string' ? keyFromText(key) : (key ?? null)
}

function viewFor(core: SharedCore, parent: View, options: OpenOptions): View {
  const { name, atom, snapshot, overwrite = false } = options
  if (atom) return core.batches.get(atom, core.live, false)
  if (name) return core.batches.get(name, core.live, overwrite)
  return snapshot === true && !(parent instanceof SnapshotView) ? core.snapshotOf(parent) : parent
}

async function setUserData(
  core: SharedCore,
  data: Readonly<Record<string, Uint8Array | string | null>>
): Promise<void> {
  for (const [name, value] of Object.entries(data)) {
    const bytes = typeof value === 'string' ? fromUtf8(value) : value
    await translated(core.log.setUserData(name, bytes), core.discoveryKey)
  }
}

/** For Log.seek, which leaves out the padding of an encrypted log. */
function plainCipher(paddingBytes: number): {
  paddingBytes: number
  encrypt(block: Uint8Array): Uint8Array
  decrypt(block: Uint8Array): Uint8Array
} {
  return { paddingBytes, encrypt: (block) => block, decrypt: (block) => block }
}

export type { EncryptionInput, EncryptionProvider } from './encryption.ts'
export type { HypercoreError, HypercoreErrorCode } from './errors.ts'
export type { Info } from './info.ts'
export type { ManifestInput } from './manifest.ts'
export type { HypercoreOptions, HypercoreStorage, SessionOptions } from './options.ts'
export type { CorePeer } from './peers.ts'
export type { CoreNode, CoreProof, CoreProofOptions, RemoteHead } from './proofs.ts'
export type { ProtocolStream, ReplicateOptions } from './protocol-stream.ts'
export type { DownloadRange, RangeDownload } from './range-download.ts'
export type { ActiveRequests } from './requests.ts'
export type { ByteStreamOptions, ReadStreamOptions } from './stream-options.ts'
export type { Extent } from './view.ts'
export type { AppendOptions, CommitOptions, TruncateOptions } from './writing.ts'
export { Hypercore as 'module.exports' }
// biome-ignore lint/style/noDefaultExport: the shape of npm hypercore, for who imports it so
export default Hypercore
