// Core: the truth of one log, and the single writer of it. A façade: BlockReader reads, Writer makes changes,
// Committer makes them durable. It keeps apart what peers may know, which is synced (the port ReplicatedLog of
// replication, whose shape it has: `length`, `has`, `prove`, `onChange`), and what sessions may know, which is
// acknowledged (`tree`, `holds`, `read`, the event `applied`).
// Invariants: blocks that it returns hash to their leaf; what it signs lies above all it signed before (Fence).
// Design: architecture.md sections 5 and 6, reliability.md sections 2 to 6.
import type { KeyPair } from '../crypto/key-pair.ts'
import { StorageError } from '../errors.ts'
import { rootsOf } from '../merkle/flat-tree.ts'
import { emptyProof, emptyRequest, type Proof, type ProofRequest } from '../merkle/proof.ts'
import type { SeekResult } from '../merkle/seek.ts'
import type { SignedHead, Tree, TreeHead } from '../merkle/tree.ts'
import type { LogFiles, StorageInfo } from '../storage/log-files.ts'
import { copyOf } from '../util/bytes.ts'
import { Emitter, type Unsubscribe } from '../util/emitter.ts'
import { Resource } from '../util/resource.ts'
import { BlockReader } from './block-reader.ts'
import type { Change, SignedTree } from './change.ts'
import { clearBlocks } from './clearing.ts'
import { Committer } from './committer.ts'
import { type CoreChange, type CoreEvents, describe } from './core-events.ts'
import type { Durability } from './durability.ts'
import { type Conflict, decodeConflict, proofsOf } from './histories/conflict-format.ts'
import type { ForkSearch } from './histories/fork-search.ts'
import { Histories } from './histories/histories.ts'
import type { BehindReason } from './histories/standing.ts'
import { Standings } from './histories/standings.ts'
import {
  decodeManifest,
  discoveryKeyOf,
  encodeFitting,
  isCompat,
  type Manifest
} from './manifest.ts'
import { Offsets, UNKNOWN } from './offsets.ts'
import { type CoreOptions, type Opened, openLog } from './opening.ts'
import { makeProof } from './prover.ts'
import { type AuditOptions, type AuditReport, audit } from './rescue/audit.ts'
import { type RepairOptions, type RepairReport, repair } from './rescue/repair.ts'
import type { RestParts } from './rest.ts'
import type { CoreState, Damage } from './state.ts'
import { type Accepted, type AppendHow, type Seal, type TruncateHow, Writer } from './writer.ts'

/** The proof that one key signed two histories. */
export interface CoreConflict {
  readonly fork: number
  /** Both histories have that many blocks. */
  readonly length: number
  /** For whoever knows the key: see verifyConflict. */
  readonly proof: Uint8Array
}

export class Core extends Resource {
  /** 32 bytes. Secret between those who may read. */
  readonly key: Uint8Array
  readonly discoveryKey: Uint8Array
  readonly readOnly: boolean
  readonly #opened: Opened
  readonly #state: CoreState
  readonly #committer: Committer
  readonly #offsets: Offsets
  readonly #reader: BlockReader
  readonly #writer: Writer
  readonly #histories: Histories
  readonly #events: Emitter<CoreEvents> = new Emitter()
  #manifest: Manifest | null
  #conflict: Conflict | null
  #published: SignedTree
  #isPurged = false

  private constructor(opened: Opened) {
    super()
    const { state } = opened
    this.key = opened.key
    this.discoveryKey = discoveryKeyOf(this.key)
    this.readOnly = opened.readOnly
    this.#opened = opened
    this.#state = state
    this.#manifest = opened.manifest
    this.#conflict = conflictOf(state)
    this.#published = opened.synced
    this.#offsets = new Offsets(state.nodes)
    this.#reader = new BlockReader(state, this.#offsets)
    const onApplied = (change: Change): void => this.#onApplied(change)
    const onPublished = (change: Change): void => this.#onPublished(change)
    const parts = { ...opened, onApplied, onPublished }
    this.#committer = new Committer(parts, opened.isClean)
    const committer = this.#committer
    const shared = {
      opened,
      committer,
      standings: new Standings(opened, committer),
      manifest: () => this.#manifest
    }
    this.#writer = new Writer({ ...shared, reader: this.#reader })
    this.#histories = new Histories({
      ...shared,
      writer: this.#writer,
      proveUpTo: (length) =>
        this.prove({ ...emptyRequest, fork: this.fork, upgrade: { start: 0, length } })
    })
  }

  /**
   * Takes the files over: it closes them with itself, and if it cannot open.
   * @throws StorageError NOT_FOUND, WRONG_KEY, CORRUPT, FORMAT_TOO_NEW, READ_FAILED, WRITE_FAILED;
   *   ArgumentError INVALID_ARGUMENT
   */
  static async open(files: LogFiles, options: CoreOptions = {}): Promise<Core> {
    try {
      const core = new Core(await openLog(files, options))
      // A full disk keeps nobody from reading: what changes the log tries again.
      await core.#writer.settle().catch(() => {})
      return core
    } catch (error) {
      await files.close().catch(() => {})
      throw error
    }
  }

  // What peers may know: all of it is synced.

  get fork(): number {
    return this.#published.tree.fork
  }

  get length(): number {
    return this.#published.tree.length
  }

  get byteLength(): number {
    return this.#published.tree.byteLength
  }

  get contiguousLength(): number {
    return Math.min(this.#state.contiguousLength, this.length)
  }

  get hasManifest(): boolean {
    return this.#manifest !== null && !isCompat(this.#manifest, this.key)
  }

  /** The published length, under the name that says why. */
  get durableLength(): number {
    return this.length
  }

  has(index: number): boolean {
    return index < this.length && this.holds(index)
  }

  /** 32 presence bits from a multiple of 32 on, least significant first. */
  word(start: number): number {
    return this.#state.word(start, this.length)
  }

  /** First held (or missing) block in [start, end), or -1. */
  findBlock(start: number, end: number, present: boolean): number {
    return this.#state.findBlock(start, end, present, this.length)
  }

  /** Whether all full roots of that length are stored. */
  async canUpgradeFrom(length: number): Promise<boolean> {
    if (length > this.length) return false
    const roots = await this.#state.nodes.getNodes(rootsOf(length))
    return !roots.includes(null)
  }

  /**
   * The answer, or null if it cannot be made.
   * @throws ProofError BAD_MESSAGE if no log of this length could answer
   */
  prove(request: ProofRequest): Promise<Proof | null> {
    this.assertOpen('log')
    const { tree, signature } = this.#published
    const context = {
      tree,
      signature,
      nodes: this.#state.nodes,
      key: this.key,
      manifest: this.#manifest,
      block: (index: number) => this.#readForPeer(index)
    }
    return makeProof(context, request)
  }

  /** The bytes of a proven block are not needed any more. */
  release(block: Uint8Array): void {
    this.#state.blocks.release(block)
  }

  /** Two histories were signed under the present fork number: nothing more is taken in or signed under it. */
  get frozen(): boolean {
    return this.#conflict !== null && this.#conflict.fork >= this.fork
  }

  /** What shows peers that the log is frozen: proofs of two histories up to one length; null if it is not. */
  get evidence(): { readonly length: number; readonly proofs: readonly Proof[] } | null {
    if (this.#conflict === null || !this.frozen) return null
    return { length: this.#conflict.length, proofs: proofsOf(this.#conflict) }
  }

  /** Verifies the head of a higher fork, from nothing; null: it is not higher. @throws ProofError if it is false */
  follow(proof: Proof): Promise<ForkSearch | null> {
    this.assertOpen('log')
    return this.#histories.follow(proof)
  }

  /** Moves to a fork whose ancestor is known. @throws StorageError if that cannot be kept */
  moveTo(search: ForkSearch): Promise<Accepted> {
    this.assertOpen('log')
    return this.#histories.moveTo(search)
  }

  /**
   * Compares a proof of this log's history, from 0 on, with ours. If it is another one, that is kept and the log
   * frozen before this resolves.
   * @throws ProofError if it is false
   */
  judge(proof: Proof): Promise<'same' | 'unknown' | 'conflict'> {
    this.assertOpen('log')
    return this.#histories.judge(proof)
  }

  onChange(listener: (change: CoreChange) => void): Unsubscribe {
    return this.#events.on('published', listener)
  }

  // What sessions may know: acknowledged.

  /** Immutable: keeping it is a snapshot. */
  get tree(): Tree {
    return this.#state.tree
  }

  /** Whether there is a key pair that may sign; it may still be `behind`. */
  get writable(): boolean {
    return this.#opened.keyPair !== null && !this.readOnly
  }

  /** Whether the storage can make writes outlast a power cut. */
  get canSync(): boolean {
    return this.#opened.files.canSync
  }

  /** Why nothing may be appended; null if it may. */
  get behind(): BehindReason | null {
    return this.#opened.fence.reason
  }

  /** The newest proof that the key signed two histories, also if a higher fork has settled it; else null. */
  get conflict(): CoreConflict | null {
    const bytes = this.#state.standing.conflict
    if (this.#conflict === null || bytes === null) return null
    return { fork: this.#conflict.fork, length: this.#conflict.length, proof: bytes.slice() }
  }

  get keyPair(): KeyPair | null {
    return this.readOnly ? null : this.#opened.keyPair
  }

  get manifest(): Manifest | null {
    return this.#manifest
  }

  /** What was found damaged since opening. */
  get damages(): readonly Damage[] {
    return this.#opened.damages
  }

  on<Name extends keyof CoreEvents>(
    name: Name,
    listener: (...args: CoreEvents[Name]) => void
  ): Unsubscribe {
    return this.#events.on(name, listener)
  }

  /** Whether the block is held, also if that is not synced yet. */
  holds(index: number): boolean {
    return this.#state.holds(index)
  }

  /** Whether all blocks of [start, end) are held, also those that are not synced yet. */
  holdsAll(start: number, end: number): boolean {
    return this.#state.holdsAll(start, end)
  }

  /** The block if that takes no waiting; null says nothing. */
  readNow(index: number): Uint8Array | null {
    return this.status === 'open' ? this.#reader.readNow(index) : null
  }

  /**
   * The block in a buffer of its own, or null if it is not held.
   * @throws StorageError CORRUPT if it is damaged, after which it is not held; READ_FAILED
   */
  async read(index: number): Promise<Uint8Array | null> {
    this.assertOpen('log')
    const block = this.#reader.readNow(index) ?? (await this.#reader.read(index))
    if (block !== 'damaged') return block
    await this.#reportDamage(index)
    throw new StorageError('CORRUPT', `Block ${index} or its nodes are damaged on disk`)
  }

  /** Where the bytes of a block begin; null if nodes before it are not stored. */
  async byteOffset(index: number): Promise<number | null> {
    if (index > this.tree.length) return null
    const byteOffset = await this.#reader.byteOffset(index)
    return byteOffset === UNKNOWN ? null : byteOffset
  }

  /** Which block holds a byte, as far as the stored nodes tell. `padding`: bytes per block that do not count. */
  seek(byteOffset: number, padding = 0): Promise<SeekResult> {
    return this.#reader.seek(byteOffset, padding)
  }

  /** The root hash at a length; null if the roots of that length are not stored. */
  async treeHash(length: number = this.tree.length): Promise<Uint8Array | null> {
    return (await this.#reader.treeAt(length))?.rootHash ?? null
  }

  /** What setUserData kept; null: nothing. */
  userData(name: string): Uint8Array | null {
    const value = this.#state.userData.get(name)
    return value === undefined ? null : copyOf(value)
  }

  get userDataNames(): readonly string[] {
    return [...this.#state.userData.keys()]
  }

  // Changes.

  /**
   * All blocks or none. They must not change until it resolves. `seal` makes blocks of them, for the place they get.
   * @throws ArgumentError LIMIT_EXCEEDED; StateError NOT_WRITABLE, BEHIND, CLOSED; StorageError WRITE_FAILED
   */
  async append(
    blocks: readonly Uint8Array[],
    options: { durability?: Durability } & AppendHow = {}
  ): Promise<SignedHead> {
    this.assertOpen('log')
    const { durability = this.#opened.durability, ...how } = options
    return this.#writer.append(blocks, durability, how)
  }

  /**
   * Keeps the first `length` blocks, under the next fork number or a given higher one.
   * @throws ArgumentError INVALID_ARGUMENT; else as append
   */
  async truncate(length: number, how: TruncateHow = {}): Promise<SignedHead> {
    this.assertOpen('log')
    return this.#writer.truncate(length, how)
  }

  /** The head that an append of these would make now, to be signed elsewhere. */
  draftAppend(blocks: readonly Uint8Array[], seal?: Seal): TreeHead {
    this.assertOpen('log')
    return this.#writer.draftAppend(blocks, seal)
  }

  /** The head that cutting to that length would make. @throws as truncate */
  async draftTruncate(length: number, fork?: number): Promise<TreeHead> {
    this.assertOpen('log')
    return this.#writer.draftTruncate(length, fork)
  }

  /** Keeps bytes of this copy's own, or removes them. @throws ArgumentError; else as clear */
  async setUserData(name: string, value: Uint8Array | null): Promise<void> {
    this.assertOpen('log')
    await this.#writer.setUserData({
      name,
      value: value instanceof Uint8Array ? copyOf(value) : value
    })
  }

  /** Gives up the blocks in [start, end); the head stays. Resolves to the bytes that the disk got back. */
  async clear(start: number, end: number): Promise<number> {
    this.assertOpen('log')
    const parts = { state: this.#state, committer: this.#committer }
    return clearBlocks({ ...parts, reader: this.#reader, writer: this.#writer }, start, end)
  }

  /** What the log's files take up on the disk. @throws StorageError READ_FAILED */
  storage(): Promise<StorageInfo> {
    this.assertOpen('log')
    return this.#opened.files.storage()
  }

  /**
   * Checks a proof and keeps what it brings. The block's bytes must not change until it resolves. A new head is
   * synced, and so published, when it resolves; a block alone is within `syncAfterMs`.
   * @throws ProofError if it is false; StorageError if it cannot be kept
   */
  async accept(proof: Proof): Promise<Accepted> {
    this.assertOpen('log')
    return this.#writer.accept(proof)
  }

  /** Keeps who may sign, if that is not known yet. @throws ProofError BAD_MANIFEST; StorageError WRITE_FAILED */
  async setManifest(manifest: Manifest): Promise<void> {
    this.assertOpen('log')
    const encoded = encodeFitting(manifest, this.key)
    // A change of fork meanwhile leaves the proof behind.
    while (this.#manifest === null) {
      await this.#writer.accept({ ...emptyProof, fork: this.tree.fork, manifest: encoded })
    }
  }

  /** Checks a proof against the key and what is known of the tree; keeps nothing. @throws ProofError */
  async verify(proof: Proof): Promise<void> {
    this.assertOpen('log')
    await this.#writer.verify(proof)
  }

  /** Everything acknowledged so far is at level `power`. @throws StorageError WRITE_FAILED */
  async flush(): Promise<void> {
    this.assertOpen('log')
    if (!this.readOnly) await this.#committer.flush()
  }

  /**
   * Ends `behind`. Trusting `local`: goes on with what is stored here under the next fork number, so no index is
   * signed twice in one fork. Trusting `peers`: what was fetched from them meanwhile is all there is.
   */
  async resume(options: { trust: 'local' | 'peers' }): Promise<void> {
    this.assertOpen('log')
    await this.#histories.resume(options.trust)
  }

  /** Looks for damage, also where nobody reads. Changes nothing. @throws AbortError */
  audit(options: AuditOptions = {}): Promise<AuditReport> {
    this.assertOpen('log')
    return audit(this.#opened, options)
  }

  /** @throws StateError NOT_WRITABLE; StorageError WRITE_FAILED; AbortError */
  repair(options: RepairOptions = {}): Promise<RepairReport> {
    this.assertOpen('log')
    return repair(
      { opened: this.#opened, committer: this.#committer, writer: this.#writer },
      options
    )
  }

  /** What is enough to know of the log while it is closed, to open it again; null if that is not all there is. */
  restParts(): RestParts | null {
    const { tree, contiguousLength, userData } = this.#state
    const isWhole = contiguousLength === tree.length && this.#published.tree === tree
    const isWell = this.damages.length === 0 && this.behind === null && this.#conflict === null
    if (this.status !== 'open' || this.readOnly || !isWhole || !isWell) return null
    if (!this.#committer.isAtRest) return null
    const { manifest, hasManifest, keyPair, canSync } = this
    const { signature } = this.#published
    return { tree, signature, manifest, hasManifest, keyPair, canSync, userData }
  }

  /** Closes, and removes the log's files for good. @throws StateError NOT_WRITABLE; StorageError WRITE_FAILED */
  async purge(): Promise<void> {
    this.assertOpen('log')
    this.#writer.assertChangeable()
    this.#isPurged = true
    await this.close()
  }

  protected override async onClose(): Promise<void> {
    const { files } = this.#opened
    try {
      if (!this.readOnly) await this.#committer.close()
    } catch (error) {
      if (!this.#isPurged) throw error
    } finally {
      this.#state.close()
      await (this.#isPurged ? files.purge() : files.close())
    }
  }

  /** A damaged block cannot be served; it is reported like any other. */
  async #readForPeer(index: number): Promise<Uint8Array | null> {
    try {
      return await this.read(index)
    } catch (error) {
      if (error instanceof StorageError && error.code === 'CORRUPT') return null
      throw error
    }
  }

  /** Resolves when the block does not count as held any more, or that could not be stored. */
  async #reportDamage(index: number): Promise<void> {
    const damage: Damage = { file: 'blocks', byteOffset: 0, index }
    this.#opened.damages.push(damage)
    this.#events.emit('damaged', damage)
    if (!this.readOnly) await this.#writer.drop(index).catch(() => {})
  }

  #onApplied(change: Change): void {
    if (change.manifest !== null) this.#manifest = decodeManifest(change.manifest)
    if (change.standing !== null) this.#conflict = conflictOf(this.#state)
    if (change.head !== null && !change.isAppend) this.#offsets.cut(change.ancestor)
    this.#events.emit('applied', describe(change))
  }

  #onPublished(change: Change): void {
    if (change.head !== null) this.#published = change.head
    this.#events.emit('published', describe(change))
  }
}

function conflictOf({ standing }: CoreState): Conflict | null {
  return standing.conflict === null ? null : decodeConflict(standing.conflict)
}
