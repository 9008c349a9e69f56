// SharedCore: what the sessions of one core share: the log, the list of sessions, the views on the log, and who waits
// for what. Opens in the background; closes when no session is left that keeps it open.
// In Hypercore this is `core.core`; the members that packages look at there are here under the same names.
import { keyToText } from '../core/key-text.ts'
import { discoveryKeyOf, isCompat, type Manifest } from '../core/manifest.ts'
import type { KeyPair } from '../crypto/key-pair.ts'
import type { Log } from '../log/log.ts'
import type { PeerInfo } from '../log/peer-info.ts'
import type { Mux } from '../mux/mux.ts'
import { MAX_REORG_DEPTH_BLOCKS } from '../replication/constants.ts'
import type { ReorgPlan } from '../replication/download/reorg.ts'
import { background } from '../util/background.ts'
import { toBuffer } from '../util/bytes.ts'
import { deferred } from '../util/deferred.ts'
import { BatchView } from './batch-view.ts'
import { Batches } from './batches.ts'
import { followLog } from './core-events.ts'
import { HypercoreError, translated } from './errors.ts'
import { openCore } from './locations.ts'
import { type ManifestInput, manifestFrom, parseManifest, withBuffers } from './manifest.ts'
import { Marks } from './marks.ts'
import type { HypercoreOptions, HypercoreStorage } from './options.ts'
import { PeerSearch } from './peer-search.ts'
import { type CorePeer, CorePeers } from './peers.ts'
import { RemoteContiguity } from './remote-contiguity.ts'
import { ReplicatorFace } from './replicator-face.ts'
import { Requests } from './requests.ts'
import { Snapshots, SnapshotView } from './snapshot-view.ts'
import { LiveView, type View } from './view.ts'
import { WriteLock } from './write-lock.ts'
import { flushAtom } from './writing.ts'

/** What a shared core knows of its sessions. */
export interface SessionPort {
  readonly weak: boolean
  readonly closing: Promise<void> | null
  /** Null until it is open. */
  readonly state: View | null
  readonly padding: number
  emit(name: string, ...args: unknown[]): boolean
  close(options?: { error?: Error | null }): Promise<void>
}

export class SharedCore {
  readonly sessions: SessionPort[] = []
  readonly requests: Requests = new Requests()
  readonly writes: WriteLock = new WriteLock()
  readonly snapshots: Snapshots = new Snapshots()
  readonly opening: Promise<void>
  opened = false
  closed = false
  closing: Promise<void> | null = null
  readonly search: PeerSearch = new PeerSearch()
  readonly batches: Batches = new Batches((batch) => flushAtom(this, batch))
  /** Sessions that keep it open. */
  activeSessions = 0
  keyPair: KeyPair | null = null
  /** How many want the last block of whatever the core grows to. */
  wantingLatest = 0
  /** For whoever keeps a list of cores. */
  onClosed: (() => void) | null = null
  readonly replicator: ReplicatorFace = new ReplicatorFace(this)
  readonly remoteContiguity: RemoteContiguity = new RemoteContiguity()
  /** False: it stays open when its last session is closed. */
  readonly autoClose: boolean
  readonly #peers: CorePeers = new CorePeers()
  readonly #exclusive: WriteLock = new WriteLock()
  readonly #allowFork: boolean
  #key: Buffer | null
  #discoveryKey: Buffer | null = null
  #manifest: Manifest | null = null
  #log: Log | null = null
  #live: LiveView | null = null
  /** Open as long as a session wants the log to be downloaded. */
  #active: Log | null = null
  #wanting = 0
  #marks: Marks | null = null
  #knewManifest = false

  constructor(
    storage: HypercoreStorage | undefined,
    key: Uint8Array | null,
    options: HypercoreOptions
  ) {
    this.#key = key === null ? null : toBuffer(key)
    this.#allowFork = options.allowFork !== false
    this.autoClose = options.autoClose !== false
    if (options.allowLatestBlock === true) this.wantingLatest++
    this.opening = this.#open(storage, key, options)
    background(this.opening, () => {})
  }

  ready(): Promise<void> {
    return this.opening
  }

  get key(): Buffer | null {
    return this.#key
  }

  get discoveryKey(): Buffer | null {
    if (this.#discoveryKey === null && this.#key !== null) {
      this.#discoveryKey = toBuffer(discoveryKeyOf(this.#key))
    }
    return this.#discoveryKey
  }

  get id(): string | null {
    return this.#key === null ? null : keyToText(this.#key)
  }

  get manifest(): Manifest | null {
    const manifest = this.#log?.manifest ?? null
    if (manifest !== null && this.#manifest === null) this.#manifest = withBuffers(manifest)
    return this.#manifest
  }

  /** For who knows it before any peer tells it. @throws HypercoreError INVALID_CHECKSUM, BAD_ARGUMENT */
  async setManifest(input: ManifestInput): Promise<void> {
    if (this.manifest !== null) return
    const manifest = parseManifest(input, this.log.key)
    if (manifest === null) return
    await translated(this.log.setManifest(manifest), this.discoveryKey)
  }

  get compat(): boolean {
    const { manifest } = this
    return manifest !== null && this.#key !== null && isCompat(manifest, this.#key)
  }

  get fork(): number {
    return this.#log?.fork ?? 0
  }

  /** The log. Only once it is open. */
  get log(): Log {
    if (this.#log === null) throw new HypercoreError('SESSION_CLOSED', 'The core is not open')
    return this.#log
  }

  /** The view on the log as it is now. Only once it is open. */
  get live(): View {
    if (this.#live === null) throw new HypercoreError('SESSION_CLOSED', 'The core is not open')
    return this.#live
  }

  get peers(): CorePeer[] {
    if (this.#log === null || this.#log.status !== 'open') return []
    return this.#log.peers.map((info) => this.#peers.of(info))
  }

  peerOf(info: PeerInfo): CorePeer {
    return this.#peers.of(info)
  }

  infoOf(peer: CorePeer): PeerInfo | undefined {
    return this.#peers.infoOf(peer)
  }

  /** Which blocks are here, as packages ask for it. */
  get bitfield(): { get(index: number): boolean } {
    return { get: (index) => this.opened && this.log.has(index) }
  }

  /** The manifest may have become known. */
  tellManifest(): void {
    if (this.#knewManifest || this.manifest === null) return
    this.#knewManifest = true
    this.emitToAll('manifest')
  }

  /** What packages look at there. */
  get header(): object {
    const { key, manifest, keyPair, fork } = this
    const { length = 0, contiguousLength = 0 } = this.#log ?? {}
    const hints = { contiguousLength, remoteContiguousLength: this.remoteContiguity.length }
    return { key, manifest, keyPair, tree: { fork, length }, hints }
  }

  get state(): View | null {
    return this.#live
  }

  get findingPeers(): number {
    return this.search.searches
  }

  get isWanted(): boolean {
    return this.#wanting > 0
  }

  /** Which blocks a sweep keeps. Only once it is open. */
  get marks(): Marks {
    this.#marks ??= new Marks(this.log)
    return this.#marks
  }

  isAttached(mux: Mux): boolean {
    return this.#attached.has(mux)
  }

  readonly #attached: WeakSet<Mux> = new WeakSet()

  /** Replicates over the connection, as soon as the log is open. */
  attach(mux: Mux): void {
    if (this.#attached.has(mux)) return
    this.#attached.add(mux)
    if (this.opened) {
      this.log.replicate(mux)
      return
    }
    mux.pause(this)
    const attached = this.opening.then(() => {
      if (this.closing === null) this.log.replicate(mux)
      mux.resume(this)
    })
    background(attached, () => mux.destroy())
  }

  /** Resolves, with how to end it, when no other session is exclusive. */
  async lockExclusive(): Promise<() => void> {
    const [taken, held] = [deferred<void>(), deferred<void>()]
    const lock = this.#exclusive.exclusive(() => {
      taken.resolve()
      return held.promise
    })
    background(lock, () => {})
    await taken.promise
    return () => held.resolve()
  }

  /** One session more, or less, wants the log to be downloaded. */
  setActive(active: boolean): void {
    this.#wanting += active ? 1 : -1
    if (this.#log?.status !== 'open') return
    if (this.#wanting > 0) this.#active ??= this.#log.session({ active: true })
    else this.#rest()
  }

  /** Removes the log from the disk, for all sessions. */
  async purge(): Promise<void> {
    this.#rest()
    await this.log.purge()
    await this.closeSessions(null)
  }

  /** Resolves when the log gets longer, or the signal fires. */
  async whenGrown(signal: AbortSignal): Promise<void> {
    const grown = deferred<void>()
    const off = this.log.on('append', () => grown.resolve())
    const stop = (): void => grown.resolve()
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    try {
      await grown.promise
    } finally {
      off()
      signal.removeEventListener('abort', stop)
    }
  }

  hasSession(): boolean {
    return this.activeSessions > 0
  }

  snapshotOf(view: View): SnapshotView {
    return new SnapshotView(view)
  }

  snapshotsOf(view: View): Snapshots {
    return view instanceof BatchView ? view.snapshots : this.snapshots
  }

  /** To all sessions, the youngest first. */
  emitToAll(name: string, ...args: unknown[]): void {
    for (const session of [...this.sessions].reverse()) session.emit(name, ...args)
  }

  /** To the sessions that look at that view. */
  emitToView(view: View, name: string, ...args: unknown[]): void {
    for (const session of [...this.sessions].reverse()) {
      if (session.state === view) session.emit(name, ...args)
    }
  }

  /** The last session that kept it open is closed. */
  close(): Promise<void> {
    this.closing ??= this.#close()
    return this.closing
  }

  async closeSessions(error: Error | null): Promise<void> {
    await Promise.allSettled([...this.sessions].map((session) => session.close({ error })))
  }

  async #open(
    storage: HypercoreStorage | undefined,
    key: Uint8Array | null,
    options: HypercoreOptions
  ): Promise<void> {
    const mayReorg = (plan: ReorgPlan): Promise<boolean> => this.#judge(plan)
    const opening = openCore(storage, key, options, { mayReorg })
    const { log, keyPair } = await translated(opening, this.discoveryKey)
    this.#log = log
    this.#key = toBuffer(log.key)
    this.#live = new LiveView(log)
    this.keyPair = keyPair
    followLog(this, log)
    if (options.manifest) this.#manifest = manifestFrom(options.manifest)
    this.#knewManifest = this.manifest !== null
    this.opened = true
  }

  #rest(): void {
    const active = this.#active
    this.#active = null
    if (active !== null) background(active.close(), () => {})
  }

  /** As Logwood judges by default; what goes is kept for the snapshots first. */
  async #judge({ ancestor, depth }: ReorgPlan): Promise<boolean> {
    if (!this.#allowFork) return false
    const { length } = this.log
    if (depth > Math.max(MAX_REORG_DEPTH_BLOCKS, Math.floor(length / 2))) return false
    await this.snapshots.keep(this.live, ancestor, length)
    return true
  }

  async #close(): Promise<void> {
    await this.opening.catch(() => {})
    this.#rest()
    await this.#marks?.store()
    await this.#log?.close()
    this.closed = true
    this.onClosed?.()
    await this.closeSessions(null)
  }
}
