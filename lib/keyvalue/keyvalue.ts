// KeyValue: a store of keys and values on one log: a hash trie whose put is one append and whose get touches
// O(log n) blocks (spec hamt.md). A handle: what handles of one store share is in OpenedKeyValue.
import { ArgumentError } from '../errors.ts'
import { type Encoding, encodingOf } from '../log/encoding.ts'
import type { Log } from '../log/log.ts'
import { checkGetOptions, inTime, type WaitOptions } from '../log/session.ts'
import { throwIfAborted } from '../util/abort.ts'
import { checkInteger, checkOptions } from '../util/options.ts'
import { Resource } from '../util/resource.ts'
import type { CheckpointOptions } from './checkpoints.ts'
import { Coder } from './coder.ts'
import type { View } from './cuts.ts'
import { type Entry, type RawEntry, readEntry } from './entry.ts'
import { descend, headEntrance } from './get.ts'
import {
  type Child,
  childrenIn,
  type DiffEntry,
  type DiffOptions,
  diffBetween,
  type EntriesOptions,
  entriesIn,
  type HistoryOptions,
  historyIn,
  type KeyEntry,
  keyHistoryIn,
  type ListOptions,
  type OperationEntry,
  type RangeOptions,
  rangeIn
} from './iterators.ts'
import { checkKey, keyEncodingOf } from './key.ts'
import { OpenedKeyValue } from './opened-keyvalue.ts'
import {
  type BatchOperation,
  batchOperations,
  checkDeleteOptions,
  checkKeyValueOptions,
  checkPutOptions,
  type DeleteOptions,
  type KeyValueOptions,
  type PutOptions,
  type ReadOptions
} from './options.ts'
import { proveKeys } from './prove.ts'
import { type KeyValueStats, statsOf } from './stats.ts'
import type { Walk } from './walk.ts'
import { type VersionChange, Watcher } from './watch.ts'
import { assertWritable } from './writer.ts'

interface Parts<K, V> {
  readonly opened: OpenedKeyValue
  readonly coder: Coder<K, V>
  /** Null: the newest version. */
  readonly view: View | null
  /** Closes the store with it. */
  readonly isRoot: boolean
}

export class KeyValue<K = string, V = Uint8Array> extends Resource {
  readonly #parts: Parts<K, V>

  private constructor(parts: Parts<K, V>) {
    super()
    this.#parts = parts
  }

  /**
   * A store on a log, which stays its owner's: closing the store does not close it. A new store begins with its first
   * put; until a reader knows the log's first block, nothing is known of the store.
   * @throws ArgumentError; StateError CLOSED
   */
  static open<K = string, V = Uint8Array>(
    log: Log<never> | Log,
    options: KeyValueOptions<K, V> = {}
  ): Promise<KeyValue<K, V>> {
    checkKeyValueOptions(options)
    const { keyEncoding, valueEncoding, ...rest } = options
    const coder = new Coder<K, V>(keyEncodingOf(keyEncoding), encodingOf(valueEncoding), [])
    const opened = new OpenedKeyValue((log as Log).session({ encoding: 'binary' }), rest)
    return Promise.resolve(new KeyValue<K, V>({ opened, coder, view: null, isRoot: true }))
  }

  /** The log that it is on. */
  get log(): Log {
    return this.#parts.opened.log
  }

  /** That of a checkout; else the newest that is known: it is a length of the log. */
  get version(): number {
    const { opened, view } = this.#parts
    return view?.version ?? opened.newestKnown
  }

  /** Whether it can be written to here. */
  get writable(): boolean {
    const { opened, view } = this.#parts
    return view === null && opened.log.writable
  }

  /**
   * The entry of a key; null: it is not there. Waits for peers, without end unless told otherwise, if blocks on the way
   * are not here.
   * @throws ArgumentError KEY_INVALID; FormatError; UnavailableError NOT_AVAILABLE, GONE; AbortError; StateError CLOSED
   */
  async get(key: K, options: ReadOptions = {}): Promise<Entry<K, V> | null> {
    const entry = await this.#find(key, options, true)
    return entry === null ? null : this.#parts.coder.entryOf(entry)
  }

  /** The entries of many keys, in the order of the keys; all at one version. @throws as get */
  async getMany(keys: readonly K[], options: ReadOptions = {}): Promise<(Entry<K, V> | null)[]> {
    const at = this.#parts.view === null ? await this.snapshot(options) : this
    return await Promise.all(keys.map((key) => at.get(key, options)))
  }

  /** Whether a key is there. @throws as get */
  async has(key: K, options: ReadOptions = {}): Promise<boolean> {
    return (await this.#find(key, options, false)) !== null
  }

  /**
   * Writes a value; the answer is the entry, or null if a condition did not hold. Calls made together are written
   * together, each with a version of its own.
   * @throws ArgumentError KEY_INVALID, TOO_LARGE; StateError NOT_WRITABLE, COLLISION, CLOSED; as Log.append
   */
  async put(key: K, value: V, options: PutOptions<K, V> = {}): Promise<Entry<K, V> | null> {
    checkPutOptions(options)
    const { signal, ...conditions } = options
    throwIfAborted(signal)
    const { opened, coder } = this.#writing()
    const operation = coder.putOperation(key, value, conditions)
    const { outcomes } = await opened.writer.write([operation], false)
    const leaf = outcomes[0]?.leaf ?? null
    return leaf === null ? null : { key, value, version: leaf.writtenIn, prev: leaf.prev }
  }

  /** Deletes a key. Whether it was there, and its conditions held. @throws as put */
  async del(key: K, options: DeleteOptions<K, V> = {}): Promise<boolean> {
    checkDeleteOptions(options)
    const { signal, ...conditions } = options
    throwIfAborted(signal)
    const { opened, coder } = this.#writing()
    const operation = coder.deleteOperation(key, conditions)
    const { outcomes } = await opened.writer.write([operation], false)
    return outcomes[0]?.isDone ?? false
  }

  /**
   * Writes and deletes many keys as one: all of it is stored, or nothing. Later operations on a key win. The answer is
   * the new version.
   * @throws StateError CONDITION_FAILED if a condition does not hold; ArgumentError TOO_LARGE; as put
   */
  async batch(
    operations: readonly BatchOperation<K, V>[],
    options: WaitOptions = {}
  ): Promise<number> {
    checkOptions(options, ['signal'], 'batch')
    throwIfAborted(options.signal)
    const { opened, coder } = this.#writing()
    const coded = batchOperations(operations, coder, (store) => KeyValue.#coderOf(store, opened))
    const { version } = await opened.writer.write(coded, true)
    return version
  }

  /** Entries in the order of their keys' paths: of hashes, or of the keys if the store is ordered. @throws as get */
  entries(
    options: EntriesOptions<K> & { keysOnly: true }
  ): AsyncIterableIterator<KeyEntry<K>, undefined>
  entries(options?: EntriesOptions<K>): AsyncIterableIterator<Entry<K, V>, undefined>
  entries(options: EntriesOptions<K> = {}): unknown {
    return entriesIn(this.#reading(), options)
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Entry<K, V>, undefined> {
    return this.entries()
  }

  /** The components that follow a prefix, each once, whatever lies below them. @throws as get */
  children(
    prefix: K | null = null,
    options: ListOptions = {}
  ): AsyncIterableIterator<Child, undefined> {
    return childrenIn(this.#reading(), prefix, options)
  }

  /** Entries between two keys, in the order of the keys' bytes: of ordered stores. @throws as get */
  range(options: RangeOptions<K> = {}): AsyncIterableIterator<Entry<K, V>, undefined> {
    return rangeIn(this.#reading(), options)
  }

  /** What changed since a version. Keys whose entries were written anew differ, even if the values are the same. */
  diff(
    from: number,
    options: DiffOptions<K> = {}
  ): AsyncIterableIterator<DiffEntry<K, V>, undefined> {
    return diffBetween(this.#reading(), from, options)
  }

  /** The operations that were written, in their order. */
  history(options: HistoryOptions = {}): AsyncIterableIterator<OperationEntry<K, V>, undefined> {
    return historyIn(this.#reading(), options)
  }

  /** The entries that a key had, the newest first, back to the first or to its last deletion. */
  keyHistory(key: K, options: ListOptions = {}): AsyncIterableIterator<Entry<K, V>, undefined> {
    return keyHistoryIn(this.#reading(), key, options)
  }

  /** Tells each time that something below a prefix, or anywhere, changed; changes that come together are told as one. */
  watch(
    prefix: K | null = null,
    options: WaitOptions = {}
  ): AsyncIterableIterator<VersionChange, undefined> {
    checkOptions(options, ['signal'], 'watch')
    this.assertOpen('store')
    const { opened, coder } = this.#parts
    const components = prefix === null ? coder.prefix : coder.componentsOf(prefix)
    return new Watcher(opened, components, options.signal)
  }

  /** The store as it is now, for good. @throws as get */
  async snapshot(options: ReadOptions = {}): Promise<KeyValue<K, V>> {
    checkGetOptions(options, 'snapshot')
    this.assertOpen('store')
    const { opened, view } = this.#parts
    return this.#derive({ view: view ?? (await opened.newest(options)) })
  }

  /**
   * The store as it was: a version is a length of the log that ends with a commit.
   * @throws ArgumentError BAD_VERSION; as get
   */
  async checkout(version: number, options: ReadOptions = {}): Promise<KeyValue<K, V>> {
    checkInteger(version, 0, 'checkout: version')
    checkGetOptions(options, 'checkout')
    this.assertOpen('store')
    const { opened } = this.#parts
    await opened.assertVersion(version, options)
    return this.#derive({ view: opened.cuts.view(version) })
  }

  /** A handle on the keys below a prefix, which is left out of them; with encodings of its own if given. */
  sub(prefix: K): KeyValue<K, V>
  sub<K2 = K, V2 = V>(
    prefix: K,
    options: Pick<KeyValueOptions<K2, V2>, 'keyEncoding' | 'valueEncoding'>
  ): KeyValue<K2, V2>
  sub(
    prefix: K,
    options: Pick<KeyValueOptions<unknown, unknown>, 'keyEncoding' | 'valueEncoding'> = {}
  ): unknown {
    checkOptions(options, ['keyEncoding', 'valueEncoding'], 'sub')
    this.assertOpen('store')
    const { coder, ...parts } = this.#parts
    const { keyEncoding, valueEncoding } = options
    const keys = keyEncoding === undefined ? coder.keys : keyEncodingOf(keyEncoding)
    const values =
      valueEncoding === undefined ? coder.values : (encodingOf(valueEncoding) as Encoding<unknown>)
    const components = coder.ownKey(prefix)
    const own = new Coder<unknown, unknown>(
      keys as Coder<unknown, unknown>['keys'],
      values as Encoding<unknown>,
      components
    )
    return this.adopt(new KeyValue<unknown, unknown>({ ...parts, coder: own, isRoot: false }))
  }

  /**
   * Writes the branches anew, so that cold readers need few round trips; with kind `full` the entries, too, so that older
   * blocks are needed only by older versions. Happens by itself unless the store was opened otherwise. The answer is
   * the new version.
   * @throws StateError NOT_WRITABLE; as Log.append
   */
  async checkpoint(options: CheckpointOptions = {}): Promise<number> {
    checkOptions(options, ['kind', 'moveValues', 'split', 'signal'], 'checkpoint')
    throwIfAborted(options.signal)
    return await this.#writing().opened.checkpoints.write(options)
  }

  /** How many keys there are, in the whole store. @throws as get */
  async count(options: ReadOptions = {}): Promise<number> {
    return (await this.stats(options)).count
  }

  /** Figures of a version. @throws as get */
  async stats(options: ReadOptions = {}): Promise<KeyValueStats> {
    checkGetOptions(options, 'stats')
    this.assertOpen('store')
    const { opened, view } = this.#parts
    return await statsOf(opened, view, options)
  }

  /** Bytes that were given when the store was made; null: nothing is known of it yet. @throws as get */
  async metadata(options: ReadOptions = {}): Promise<Uint8Array | null> {
    checkGetOptions(options, 'metadata')
    this.assertOpen('store')
    return (await this.#parts.opened.header(options))?.metadata ?? null
  }

  /**
   * A few KB that show whoever knows the log's key what this version says about keys: their entries, or that they are not
   * there; see verifyProof. Not of encrypted logs: who checks it would have to read them.
   * @throws ArgumentError INVALID_ARGUMENT (more than 256 keys, or an encrypted log); UnavailableError NOT_AVAILABLE if the
   *   store is empty, or the log's tree is not known well enough here; as get
   */
  async prove(keys: readonly K[], options: ReadOptions = {}): Promise<Uint8Array> {
    checkGetOptions(options, 'prove')
    const { opened, coder, view } = this.#reading()
    const components = keys.map((key) => coder.componentsOf(key))
    return await proveKeys(opened, view, components, options)
  }

  protected override async onClose(): Promise<void> {
    if (this.#parts.isRoot) await this.#parts.opened.close()
  }

  #find(
    key: K,
    options: ReadOptions,
    withValue: boolean
  ): RawEntry | null | Promise<RawEntry | null> {
    this.assertOpen('store')
    checkGetOptions(options, 'get')
    const { opened, view, coder } = this.#parts
    if (options.timeoutMs !== undefined) {
      const { timeoutMs: _, ...rest } = options
      return inTime(
        opened.log.env,
        options,
        async (signal) =>
          await this.#find(key, signal === undefined ? rest : { ...rest, signal }, withValue)
      )
    }
    const components = coder.componentsOf(key)
    checkKey(components, false)
    return opened.read(
      view,
      function* (version, paths): Walk<RawEntry | null> {
        if (paths.isOrdered) checkKey(components, true)
        const leaf = yield* descend(paths.pathOf(components), headEntrance(version))
        return leaf?.hasKey(components) === true ? yield* readEntry(leaf, withValue) : null
      },
      null,
      options
    )
  }

  #reading(): { opened: OpenedKeyValue; coder: Coder<K, V>; view: View | null } {
    this.assertOpen('store')
    return this.#parts
  }

  /** @throws StateError NOT_WRITABLE */
  #writing(): { opened: OpenedKeyValue; coder: Coder<K, V> } {
    this.assertOpen('store')
    const { opened, view, coder } = this.#parts
    assertWritable(view === null && opened.log.writable)
    return { opened, coder }
  }

  #derive({ view }: { view: View }): KeyValue<K, V> {
    return this.adopt(new KeyValue<K, V>({ ...this.#parts, view, isRoot: false }))
  }

  /** Of a handle on the same store. @throws ArgumentError */
  static #coderOf(store: object, opened: OpenedKeyValue): Coder<unknown, unknown> {
    if (store instanceof KeyValue && store.#parts.opened === opened) return store.#parts.coder
    throw new ArgumentError('INVALID_ARGUMENT', 'batch: sub is no handle on this store')
  }
}
