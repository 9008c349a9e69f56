// Store: what users hold: many logs in one directory, from one primary key, over one connection. A façade: a session
// of the store, in a namespace. Closing a session closes the logs that were opened through it; closing the store, which
// is the first session, closes everything.
import type { KeyPair } from '../crypto/key-pair.ts'
import type { Connections } from '../log/connections.ts'
import { type ConnectOptions, type EncryptedStream, multiplexerOf } from '../log/connections.ts'
import { Log } from '../log/log.ts'
import type { Location } from '../log/options.ts'
import { type SwitchOptions, switchedPeer } from '../log/traffic.ts'
import type { Mux } from '../mux/mux.ts'
import type { Protomux } from '../mux/shared-mux.ts'
import type { LimitChanges } from '../replication/shared-traffic.ts'
import type { RawDuplex } from '../secret-stream/raw-duplex.ts'
import type { SecretStream } from '../secret-stream/secret-stream.ts'
import type { IndexedLog, LogName } from '../storage/store-index.ts'
import { throwIfAborted } from '../util/abort.ts'
import { equalBytes } from '../util/bytes.ts'
import type { Codec } from '../util/codec.ts'
import { checkBytes, checkOptions } from '../util/options.ts'
import { Resource } from '../util/resource.ts'
import { childNamespace, keyPairOfName, ROOT_NAMESPACE } from './key-ring.ts'
import { OpenedStore } from './opened-store.ts'
import {
  checkLimitChanges,
  checkStoreOptions,
  STORE_LOG_KEYS,
  type StoreLogOptions,
  type StoreOptions,
  wantedLog
} from './options.ts'
import { watchLogs } from './watching.ts'

/** A log that the store holds. */
export interface StoreEntry {
  /** 32 bytes. */
  readonly discoveryKey: Uint8Array
  /** Those it was opened under, each with its namespace of 32 bytes. */
  readonly names: readonly LogName[]
  /** In blocks, if the log is open; null: it is not. */
  readonly length: number | null
}

export interface StoreStats {
  /** Logs held; of these, open ones; of these, those that are open for peers only. */
  readonly logs: number
  readonly openLogs: number
  readonly idleLogs: number
  /** Of the open ones, those that are at rest: nothing was asked of them for a while, and their files are closed. */
  readonly restingLogs: number
  readonly connections: number
  /** Descriptors of files. */
  readonly openFiles: number
  /** Bytes of file pages, and of buffers, in memory: `cacheBytes` at most. */
  readonly cachedBytes: number
}

export interface ReplicateOptions {
  /** Whether the peer is told of the logs that are open here. False: it has to ask. True by default. */
  offers?: boolean
}

export class Store extends Resource {
  /** 32 bytes; zeros for the store itself. */
  readonly namespaceKey: Uint8Array
  readonly #opened: OpenedStore
  readonly #isOwner: boolean
  readonly #logs: Set<Log<unknown>> = new Set()
  #pruneAt = 16

  private constructor(opened: OpenedStore, namespaceKey: Uint8Array, isOwner: boolean) {
    super()
    this.#opened = opened
    this.namespaceKey = namespaceKey
    this.#isOwner = isOwner
  }

  /**
   * Opens a store, or makes a new one.
   * @param location a directory; a function that gives the random-access-storage of a file name; null: memory
   * @throws StateError LOCKED; StorageError NOT_FOUND, CORRUPT (a lost primary key is never replaced), WRONG_KEY,
   *   FORMAT_TOO_NEW, READ_FAILED, WRITE_FAILED; ArgumentError
   */
  static async open(location: Location, options: StoreOptions = {}): Promise<Store> {
    checkStoreOptions(options)
    throwIfAborted(options.signal)
    return new Store(await OpenedStore.open(location, options), ROOT_NAMESPACE, true)
  }

  /** 32 bytes. Whoever has it may write all named logs. */
  get primaryKey(): Uint8Array {
    return this.#opened.files.primaryKey.slice()
  }

  /**
   * Whether the directory is a copy of a store. Logs that are new here may exist there: they open `behind`, and may be
   * appended to when they have caught up with their peers, or after `log.resume`.
   */
  get isCopy(): boolean {
    return this.#opened.files.isCopy
  }

  /**
   * A session of a log: of a `name`, whose key pair is derived from the primary key and this namespace as npm corestore
   * does; of a `key`, `keyPair` or `manifest`; of a `discoveryKey`, if the log is held; or of a new key pair. There is
   * one log behind all its sessions: how it works (durability, mayReorg, settleMs) is decided by who opens it first.
   * @throws StorageError NOT_FOUND, CORRUPT, WRONG_KEY, READ_FAILED, WRITE_FAILED; StateError CLOSED, NOT_WRITABLE (it
   *   is open without the key pair); ArgumentError; AbortError
   */
  get(options: StoreLogOptions<string> & { encoding: 'utf-8' }): Promise<Log<string>>
  get<T>(options: StoreLogOptions<T> & { encoding: 'json' | Codec<T> }): Promise<Log<T>>
  get(options?: StoreLogOptions<Uint8Array>): Promise<Log<Uint8Array>>
  async get<T>(options: StoreLogOptions<T> = {}): Promise<Log<T>> {
    this.assertOpen('store')
    checkOptions(options, STORE_LOG_KEYS, 'get')
    throwIfAborted(options.signal)
    const wanted = wantedLog(options, this.#opened.files.primaryKey, this.namespaceKey)
    const { encoding, encryption, active } = options
    const session = {
      ...(encoding === undefined ? {} : { encoding }),
      ...(encryption === undefined ? {} : { encryption }),
      ...(active === undefined ? {} : { active })
    }
    const log = await this.#opened.use(wanted, (opened) => Log.over<T>(opened, session))
    if (this.status !== 'open') {
      await log.close()
      this.assertOpen('store')
    }
    this.#keep(log)
    return log
  }

  /** A session whose names are its own: two namespaces do not share logs of the same name. @throws ArgumentError */
  namespace(name: string | Uint8Array): Store {
    this.assertOpen('store')
    return new Store(this.#opened, childNamespace(this.namespaceKey, name), false)
  }

  /** A session in the same namespace. */
  session(): Store {
    this.assertOpen('store')
    return new Store(this.#opened, this.namespaceKey, false)
  }

  /** The key pair of a name in this namespace, which is that of its log. @throws ArgumentError */
  keyPair(name: string): KeyPair {
    this.assertOpen('store')
    return keyPairOfName(this.#opened.files.primaryKey, this.namespaceKey, name)
  }

  /**
   * Replicates all logs with one peer: those that are open on either side, now and later, as far as both have them.
   * `true` or `false`: whether we initiate; the answer is a byte stream to be piped to the peer's, encrypted end to end.
   * A stream that is encrypted already is used as it is, beside its other uses. @throws ArgumentError INVALID_ARGUMENT
   */
  replicate(isInitiator: boolean): ReturnType<Connections['pipe']>
  replicate<S extends EncryptedStream | Protomux | Mux>(stream: S, options?: ReplicateOptions): S
  replicate(
    target: boolean | EncryptedStream | Protomux | Mux,
    options: ReplicateOptions = {}
  ): unknown {
    this.assertOpen('store')
    checkOptions(options, ['offers'], 'replicate')
    const { connections, hub } = this.#opened
    if (typeof target === 'boolean') return connections.pipe(target)
    hub.attach(multiplexerOf(target), options.offers ?? true)
    return target
  }

  /** Encrypts a socket, or any duplex byte stream, and replicates over it: no copy through a pipe. */
  replicateOver(raw: RawDuplex, options: ConnectOptions): SecretStream {
    this.assertOpen('store')
    return this.#opened.connections.encrypt(raw, options)
  }

  /** The logs that are held, in the order in which they came; of one namespace, those with a name in it. */
  async *list(
    options: { namespace?: Uint8Array; signal?: AbortSignal } = {}
  ): AsyncGenerator<StoreEntry, void, undefined> {
    checkOptions(options, ['namespace', 'signal'], 'list')
    if (options.namespace !== undefined) checkBytes(options.namespace, 'list: namespace', 32)
    for (const log of [...this.#opened.files.index.logs]) {
      this.assertOpen('store')
      throwIfAborted(options.signal)
      if (isIn(log, options.namespace)) yield this.#entryOf(log)
    }
  }

  /** Logs as they come to be held, or get a further name, from now on. Ends with the store, or the signal. */
  watch(options: { signal?: AbortSignal } = {}): AsyncGenerator<StoreEntry, void, undefined> {
    this.assertOpen('store')
    checkOptions(options, ['signal'], 'watch')
    return watchLogs(this.#opened.events, (log) => this.#entryOf(log), options.signal)
  }

  /**
   * Removes a log from the store, durably and with all its bytes; other sessions of it are closed.
   * @throws StorageError WRITE_FAILED
   */
  async purge(discoveryKey: Uint8Array, options: { signal?: AbortSignal } = {}): Promise<void> {
    this.assertOpen('store')
    checkBytes(discoveryKey, 'purge: discoveryKey', 32)
    checkOptions(options, ['signal'], 'purge')
    throwIfAborted(options.signal)
    if (this.#opened.files.index.has(discoveryKey)) await this.#opened.purge(discoveryKey)
  }

  /** Changes the rates that are named, within a second; null lifts one. @throws ArgumentError */
  setLimits(changes: LimitChanges): void {
    this.assertOpen('store')
    checkLimitChanges(changes)
    this.#opened.traffic.setLimits(changes)
  }

  /**
   * Whether peers get blocks of any log from here; of one peer only, with its key: null is as for all again. A log that
   * says no for itself gives none, whatever the store says. @throws ArgumentError
   */
  setUpload(on: boolean | null, options: SwitchOptions = {}): void {
    this.assertOpen('store')
    this.#opened.setSwitch('upload', on, switchedPeer('upload', on, options))
  }

  /** Whether blocks of any log are fetched from peers; otherwise as setUpload. @throws ArgumentError */
  setDownload(on: boolean | null, options: SwitchOptions = {}): void {
    this.assertOpen('store')
    this.#opened.setSwitch('download', on, switchedPeer('download', on, options))
  }

  /** What the store costs at this moment. */
  stats(): StoreStats {
    const { files, registry, hub } = this.#opened
    return {
      logs: files.index.size,
      openLogs: registry.size,
      idleLogs: registry.idleCount,
      restingLogs: registry.size - this.#opened.awakeCount,
      connections: hub.size,
      openFiles: files.openFiles,
      cachedBytes: files.cache.byteLength + files.cache.buffers.byteLength
    }
  }

  protected override async onClose(): Promise<void> {
    const results = await Promise.allSettled([...this.#logs].map((log) => log.close()))
    this.#logs.clear()
    if (this.#isOwner) await this.#opened.close()
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  #entryOf({ discoveryKey, names }: IndexedLog): StoreEntry {
    const opened = this.#opened.registry.peek(discoveryKey)
    return {
      discoveryKey: discoveryKey.slice(),
      names: names.map((each) => ({ name: each.name, namespace: each.namespace.slice() })),
      length: opened === null ? null : opened.core.tree.length
    }
  }

  /** To be closed with this session. Those that were closed before are forgotten now and then. */
  #keep(log: Log<unknown>): void {
    this.#logs.add(log)
    if (this.#logs.size < this.#pruneAt) return
    for (const each of this.#logs) if (each.status === 'closed') this.#logs.delete(each)
    this.#pruneAt = Math.max(16, 2 * this.#logs.size)
  }
}

function isIn({ names }: IndexedLog, namespace: Uint8Array | undefined): boolean {
  return namespace === undefined || names.some((each) => equalBytes(each.namespace, namespace))
}
