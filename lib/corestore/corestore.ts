// Corestore: many cores in one directory in the shape that npm `corestore` 7 has, over a Logwood store: the same primary
// key, namespaces and names give the same cores. The entry file of `logwood/corestore`. What is opened, and how it is
// replicated, the store knows; which sessions belong together, SharedCore.
import { EventEmitter } from 'node:events'
import { Readable } from 'streamx'
import { keyFromText } from '../core/key-text.ts'
import { discoveryKeyOf } from '../core/manifest.ts'
import type { KeyPair } from '../crypto/key-pair.ts'
import { HypercoreError } from '../hypercore/errors.ts'
import { Hypercore } from '../hypercore/hypercore.ts'
import { keyFrom } from '../hypercore/manifest.ts'
import type { HypercoreOptions, SessionOptions } from '../hypercore/options.ts'
import {
  createProtocolStream,
  isStream,
  type ProtocolStream,
  protocolMux,
  type ReplicateOptions
} from '../hypercore/protocol-stream.ts'
import type { SharedCore } from '../hypercore/shared-core.ts'
import { childNamespace, keyPairOfName, ROOT_NAMESPACE } from '../store/key-ring.ts'
import { background } from '../util/background.ts'
import { copyOf, toBuffer } from '../util/bytes.ts'
import { Cores } from './cores.ts'
import type { CorestoreOptions, CorestoreStorage, GetOptions } from './options.ts'

type Watcher = (core: SharedCore) => void

export class Corestore extends EventEmitter {
  /** The store that others are sessions of; null: this one. */
  readonly root: Corestore | null
  /** The cores that are open, for all sessions of the store. */
  readonly cores: Cores
  /** Open sessions of cores that were opened through this session of the store. */
  readonly sessions: Set<Hypercore> = new Set()
  /** Sessions of the store that are open. */
  readonly corestores: Set<Corestore>
  /** The namespace: 32 bytes. */
  readonly ns: Buffer
  readonly readOnly: boolean
  readonly active: boolean
  readonly manifestVersion: number
  /** 32 bytes, once it is ready. */
  primaryKey: Buffer | null
  opened = false
  closed = false
  readonly opening: Promise<void>
  closing: Promise<void> | null = null
  readonly #watchers: Set<Watcher> = new Set()
  readonly #searches: Set<() => void> = new Set()
  #findingPeers = 0

  /**
   * Opens in the background: `ready()`.
   * @param storage a directory; a function that gives the random-access-storage of a file name; null: memory
   * @throws HypercoreError ERR_ASSERTION if a primary key is given without `unsafe`
   */
  constructor(storage?: CorestoreStorage, options: CorestoreOptions = {}) {
    super()
    const { root = null } = options
    if (options.primaryKey && root === null && options.unsafe !== true) {
      throw new HypercoreError('ERR_ASSERTION', 'A primary key is given away: say unsafe: true')
    }
    this.root = root
    this.cores = root?.cores ?? new Cores(storage ?? null, options)
    this.corestores = root?.corestores ?? new Set()
    this.ns = toBuffer(options.namespace ?? ROOT_NAMESPACE)
    this.readOnly = options.writable === false || options.readOnly === true
    this.active = options.active !== false
    this.manifestVersion = options.manifestVersion ?? 1
    this.primaryKey = root?.primaryKey ?? null
    this.opening = this.#open()
    background(this.opening, () => {})
  }

  /** @throws as Store.open */
  ready(): Promise<void> {
    return this.opening
  }

  /** Closes the cores that were opened through this session; the store's own, which is the first, closes all. */
  close(): Promise<void> {
    this.closing ??= this.#close()
    return this.closing
  }

  /** Another session of the store, in the root's namespace unless told otherwise. @throws HypercoreError */
  session(options: CorestoreOptions = {}): Corestore {
    this.#assertOpen()
    const root = this.root ?? this
    return new Corestore(null, { manifestVersion: this.manifestVersion, ...options, root })
  }

  /** A session whose names are its own. @throws HypercoreError; ArgumentError */
  namespace(name: string | Uint8Array, options: CorestoreOptions = {}): Corestore {
    return this.session({ ...options, namespace: childNamespace(this.ns, name) })
  }

  /**
   * A session of a core: of a `name` in this namespace, a `key`, a `keyPair`, a `manifest`, or a `discoveryKey` that is
   * held here. Opens in the background.
   * @throws HypercoreError SESSION_CLOSED, BAD_ARGUMENT if nothing says which core
   */
  get<T = Buffer>(given: GetOptions | Uint8Array | string = {}): Hypercore<T> {
    this.#assertOpen()
    const options: GetOptions =
      typeof given === 'string' || given instanceof Uint8Array ? { key: given } : given
    const session = new Hypercore<T>(null, null, this.#sessionOptions(options))
    const known = session as unknown as Hypercore
    this.sessions.add(known)
    session.on('close', () => this.sessions.delete(known))
    if (this.#findingPeers > 0) this.#searchWith(known)
    return session
  }

  /**
   * Replicates all cores with one peer: those that are open on either side, now and later, as far as both have them.
   * @throws HypercoreError SESSION_CLOSED, BAD_ARGUMENT
   */
  replicate(isInitiator: boolean, options?: ReplicateOptions): ProtocolStream
  replicate<S extends object>(stream: S, options?: ReplicateOptions): S
  replicate(target: boolean | object, options: ReplicateOptions = {}): object {
    this.#assertOpen()
    if (!isStream(target) && typeof target === 'object') {
      throw new HypercoreError('BAD_ARGUMENT', 'replicate: expected true, false or a stream')
    }
    const stream = createProtocolStream(target, options)
    this.cores.attach(protocolMux(stream), this.active)
    return stream
  }

  /** The key pair of a name in a namespace, by default this one. */
  async createKeyPair(name: string, namespace: Uint8Array = this.ns): Promise<KeyPair> {
    const { primaryKey } = await this.cores.ready()
    const { publicKey, secretKey } = keyPairOfName(primaryKey, namespace, name)
    return { publicKey: toBuffer(publicKey), secretKey: toBuffer(secretKey) }
  }

  /** The discovery keys of all cores that are held, or of those with a name in a namespace. */
  list(namespace?: Uint8Array): Readable & AsyncIterable<Buffer> {
    return Readable.from(this.cores.list(namespace)) as Readable & AsyncIterable<Buffer>
  }

  /** Called with each core that is opened from now on. */
  watch(watcher: Watcher): void {
    this.#watchers.add(watcher)
    this.cores.watchers.add(watcher)
  }

  unwatch(watcher: Watcher): void {
    this.#watchers.delete(watcher)
    this.cores.watchers.delete(watcher)
  }

  /** Says that peers are being looked for, for all cores; the answer says that this is over. */
  findingPeers(): () => void {
    if (this.#findingPeers++ === 0) for (const core of this.sessions) this.#searchWith(core)
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      if (--this.#findingPeers === 0) this.#endSearches()
    }
  }

  /** Resolves when all that was acknowledged outlasts a power cut: nothing needs to be closed for a rest. */
  async suspend(): Promise<void> {
    await this.cores.flush()
  }

  async resume(): Promise<void> {
    await this.ready()
  }

  /** What a core is opened with, if it is held; else null. */
  async getAuth(
    discoveryKey: Uint8Array
  ): Promise<{ key: Buffer | null; discoveryKey: Buffer; manifest: unknown } | null> {
    const { files } = await this.cores.ready()
    if (!files.index.has(discoveryKey)) return null
    const core = this.get({ discoveryKey: copyOf(discoveryKey), active: false })
    try {
      await core.ready()
      return { key: core.key, discoveryKey: toBuffer(discoveryKey), manifest: core.manifest }
    } finally {
      await core.close()
    }
  }

  async #open(): Promise<void> {
    if (this.root !== null) {
      this.corestores.add(this)
      await this.root.ready()
    }
    const { primaryKey } = await this.cores.ready()
    this.primaryKey = toBuffer(primaryKey)
    this.opened = true
    this.emit('ready')
  }

  async #close(): Promise<void> {
    await this.opening.catch(() => {})
    for (const watcher of [...this.#watchers]) this.unwatch(watcher)
    this.#endSearches()
    const closing = [...this.sessions].map((session) => session.close())
    if (this.root !== null) {
      this.corestores.delete(this)
      await Promise.all(closing)
    } else {
      await Promise.all([...closing, ...[...this.corestores].map((store) => store.close())])
      await this.cores.close()
    }
    this.opened = false
    this.closed = true
    this.emit('close')
  }

  #sessionOptions(given: GetOptions): HypercoreOptions {
    const { name, preload, key, discoveryKey, createIfMissing, overwrite, ...rest } = given
    const session: SessionOptions = { ...rest, preload: null }
    if (this.readOnly && session.writable === undefined) session.writable = false
    const isLater = name !== undefined && name !== null
    if (isLater || preload || (discoveryKey && !key && !given.manifest)) {
      return { ...session, preload: this.#preload(given) }
    }
    return { ...session, core: this.#core(given) } as HypercoreOptions
  }

  /** Which core it is turns out later. */
  async #preload(given: GetOptions): Promise<HypercoreOptions> {
    const more = given.preload ? await given.preload : null
    const options: GetOptions = { ...given, ...more }
    const { primaryKey } = await this.cores.ready()
    this.#assertOpen()
    const { name } = options
    const alias = name ? { name, namespace: this.ns } : null
    const keyPair = alias ? keyPairOfName(primaryKey, this.ns, alias.name) : options.keyPair
    const core = this.#core({ ...options, keyPair: keyPair ?? null }, alias)
    const { manifest = null, encryption = null, encryptionKey = null, isBlockKey } = options
    const session = { core, keyPair: keyPair ?? null, manifest, encryption, encryptionKey }
    return { ...session, ...(isBlockKey === undefined ? {} : { isBlockKey }) } as HypercoreOptions
  }

  #core(
    options: GetOptions,
    alias: { readonly name: string; readonly namespace: Uint8Array } | null = null
  ): SharedCore {
    const { manifest, keyPair } = options
    let key = options.key === undefined || options.key === null ? null : keyBytes(options.key)
    if (key === null && manifest) key = keyFrom(manifest)
    if (key === null && keyPair && !options.discoveryKey) {
      key = keyFrom({ version: this.manifestVersion, signers: [{ publicKey: keyPair.publicKey }] })
    }
    const discoveryKey = key === null ? options.discoveryKey : discoveryKeyOf(key)
    if (!discoveryKey) {
      throw new HypercoreError('BAD_ARGUMENT', 'get: which core? A name, key or key pair is needed')
    }
    const { name: _, preload: __, ...rest } = options
    return this.cores.open(discoveryKey, key, { ...rest, discoveryKey, alias })
  }

  #searchWith(core: Hypercore): void {
    const begun = core.ready().then(() => {
      if (this.#findingPeers > 0) this.#searches.add(core.findingPeers())
    })
    background(begun, () => {})
  }

  #endSearches(): void {
    for (const end of this.#searches) end()
    this.#searches.clear()
  }

  #assertOpen(): void {
    if (this.closing === null && (this.root === null || this.root.closing === null)) return
    throw new HypercoreError('SESSION_CLOSED', 'The corestore is closed')
  }
}

/** @throws ArgumentError INVALID_ARGUMENT if the text is no key */
function keyBytes(key: Uint8Array | string): Uint8Array {
  return typeof key === 'string' ? keyFromText(key) : key
}

export type { CorestoreOptions, CorestoreStorage, GetOptions } from './options.ts'
export { Corestore as 'module.exports' }
// biome-ignore lint/style/noDefaultExport: the shape of npm corestore, for who imports it so
export default Corestore
