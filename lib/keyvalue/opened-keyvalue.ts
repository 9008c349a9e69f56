// OpenedKeyValue: what the handles of one store share: the log, its blocks, the path function, the writer.
import { ArgumentError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import { allocate, copyOf, emptyBytes } from '../util/bytes.ts'
import type { Unsubscribe } from '../util/emitter.ts'
import { Resource } from '../util/resource.ts'
import { Blocks } from './blocks.ts'
import { Checkpoints } from './checkpoints.ts'
import { CACHE_BYTES, INLINE_BYTES, PAGE_BYTES, SEED_BYTES } from './constants.ts'
import { Cuts, type View } from './cuts.ts'
import { COMMIT, readPlace } from './fragment.ts'
import { EMPTY_LENGTH, floorVersion } from './head.ts'
import { encodeHeader, type Header, readHeader } from './header.ts'
import type { KeyValueOptions, ReadOptions } from './options.ts'
import { HASHED, ORDERED, type Paths, pathsOf } from './path.ts'
import type { Walk } from './walk.ts'
import { Writer, type WriterPolicy, type WriterStore } from './writer.ts'

export type OpenedKeyValueOptions = Omit<
  KeyValueOptions<unknown, unknown>,
  'keyEncoding' | 'valueEncoding'
>

export class OpenedKeyValue extends Resource implements WriterStore {
  readonly log: Log
  readonly blocks: Blocks
  readonly policy: WriterPolicy
  readonly cuts: Cuts = new Cuts()
  readonly writer: Writer
  readonly checkpoints: Checkpoints
  readonly #wanted: OpenedKeyValueOptions
  readonly #off: Unsubscribe
  #header: Header | null = null
  #paths: Paths | null = null
  /** The version at the length that was looked at last. */
  #known: { readonly length: number; readonly view: View } | null = null

  /** @param log a session of binary values that is this store's own */
  constructor(log: Log, options: OpenedKeyValueOptions) {
    super()
    this.log = log
    this.#wanted = options
    const { cacheBytes = CACHE_BYTES, pageBytes = PAGE_BYTES, inlineBytes = INLINE_BYTES } = options
    this.blocks = new Blocks(log, cacheBytes)
    this.policy = { pageBytes, inlineBytes }
    this.writer = new Writer(this)
    const { checkpoints: policy = 'default', checkpointOperations: operations } = options
    const { blocks, writer } = this
    this.checkpoints = new Checkpoints({ blocks, writer, pageBytes, policy, operations })
    this.#off = log.on('truncate', (_, ancestor) => this.#cut(ancestor))
  }

  /** Null as long as the log is not known to have one. @throws FormatError; ArgumentError if it is another kind of store */
  async header(options: ReadOptions = {}): Promise<Header | null> {
    if (this.#header !== null) return this.#header
    if (this.log.length === 0) return null
    const header = readHeader(await this.header0(options))
    this.#assertWanted(header)
    this.#paths ??= pathsOf(header)
    this.#header = header
    return header
  }

  /** For the writer: a new store's header is made here, and known only once it is appended. */
  async paths(): Promise<{ paths: Paths; header: Uint8Array | null }> {
    const known = await this.header()
    if (known !== null) return { paths: this.#paths!, header: null }
    const { ordered = false, metadata = emptyBytes } = this.#wanted
    const seed = ordered
      ? allocate(SEED_BYTES)
      : (this.#wanted.seed ?? this.log.env.randomBytes(SEED_BYTES))
    const header: Header = {
      pathFunction: ordered ? ORDERED : HASHED,
      seed,
      metadata: copyOf(metadata)
    }
    return { paths: pathsOf(header), header: encodeHeader(header) }
  }

  wrote(operations: number): void {
    this.checkpoints.wrote(operations)
  }

  /**
   * The result of a walk over a version, the newest one unless one is given; `empty` if that has no entries. What is
   * read at the newest version begins again if it is cut off meanwhile.
   */
  read<R>(pinned: View | null, walk: ReadWalk<R>, empty: R, options: ReadOptions): R | Promise<R> {
    const view = pinned ?? this.#newestNow()
    if (view === null || this.#paths === null) return this.#readSlowly(pinned, walk, empty, options)
    this.cuts.assertWhole(view)
    if (view.version <= EMPTY_LENGTH) return empty
    const result = this.blocks.run(walk(view.version, this.#paths), options)
    if (!(result instanceof Promise)) return result
    return this.#whole(result, view, () =>
      pinned === null ? this.read(null, walk, empty, options) : null
    )
  }

  /** The newest version, as far as it is known without reading. */
  get newestKnown(): number {
    return this.#newestNow()?.version ?? this.log.length
  }

  /** Whether a block ends a group, and so a version. */
  async #isCommit(seq: number, options: ReadOptions): Promise<boolean> {
    const block = this.blocks.now(seq) ?? (await this.blocks.fetch(seq, options))
    return readPlace(block, seq).kind === COMMIT
  }

  /** @throws ArgumentError BAD_VERSION; as Log.get */
  async assertVersion(version: number, options: ReadOptions): Promise<void> {
    if (version <= EMPTY_LENGTH) return
    const { wait, signal } = options
    const how = {
      ...(wait === undefined ? {} : { wait }),
      ...(signal === undefined ? {} : { signal })
    }
    if (version <= this.log.length && (await this.#isCommit(version - 1, how))) return
    throw new ArgumentError('BAD_VERSION', `${version} is no version of this store`)
  }

  /** The newest version; asks peers if nothing at all is known of the log. */
  async newest(options: ReadOptions = {}): Promise<View> {
    const now = this.#newestNow()
    if (now !== null) return now
    const { log } = this
    const { wait = true, signal } = options
    if (log.length === 0 && !log.writable && wait)
      await log.update(signal === undefined ? {} : { signal })
    const { length } = log
    const view = this.cuts.view(await this.blocks.run(floorVersion(length), options))
    if (length > 0) this.#known = { length, view }
    return view
  }

  protected override async onClose(): Promise<void> {
    this.#off()
    await this.writer.idle()
    await this.log.close()
  }

  #newestNow(): View | null {
    const known = this.#known
    return known !== null && known.length === this.log.length ? known.view : null
  }

  /** The path function, as far as the header is known. @throws as header */
  async knownPaths(options: ReadOptions): Promise<Paths | null> {
    await this.header(options)
    return this.#paths
  }

  async #readSlowly<R>(
    pinned: View | null,
    walk: ReadWalk<R>,
    empty: R,
    options: ReadOptions
  ): Promise<R> {
    const view = pinned ?? (await this.newest(options))
    if (view.version <= EMPTY_LENGTH) return empty
    await this.header(options)
    return await this.read(pinned, walk, empty, options)
  }

  async #whole<R>(result: Promise<R>, view: View, again: () => R | Promise<R> | null): Promise<R> {
    let found: R | undefined
    let failure: unknown
    try {
      found = await result
    } catch (error) {
      failure = error
    }
    if (!this.cuts.isWhole(view)) {
      const other = await again()
      if (other !== null) return other
      this.cuts.assertWhole(view)
    }
    if (failure !== undefined) throw failure
    return found as R
  }

  /** Block 0 as it is. @throws as Log.get */
  async header0(options: ReadOptions): Promise<Uint8Array> {
    return this.blocks.now(0) ?? (await this.blocks.fetch(0, options))
  }

  #assertWanted({ pathFunction }: Header): void {
    const { ordered } = this.#wanted
    if (ordered === undefined || ordered === (pathFunction === ORDERED)) return
    throw new ArgumentError(
      'INVALID_ARGUMENT',
      `KeyValue.open: the store is ${ordered ? 'not ' : ''}ordered, which was settled when it was made`
    )
  }

  #cut(ancestor: number): void {
    this.cuts.add(ancestor)
    this.blocks.cut(ancestor)
    this.#known = null
    if (ancestor > 0) return
    this.#header = null
    this.#paths = null
  }
}

/** A walk over one version. */
export type ReadWalk<R> = (version: number, paths: Paths) => Walk<R>
