// OpenedLog: what the sessions of one log share: its core, its replicator, its connections, and a count of the
// sessions. Closes with the last of them.
import { type CoreLimits, STORE_REST_BYTES } from '../core/constants.ts'
import { Core, type CoreConflict } from '../core/core.ts'
import type { CoreChange } from '../core/core-events.ts'
import type { LogCore } from '../core/log-core.ts'
import type { Manifest } from '../core/manifest.ts'
import type { CoreOptions } from '../core/opening.ts'
import { RestingCore, type RestingParts } from '../core/resting-core.ts'
import { type Env, systemEnv } from '../env.ts'
import { StateError } from '../errors.ts'
import type { ProvenBlock } from '../merkle/proof.ts'
import { MAX_REORG_DEPTH_BLOCKS } from '../replication/constants.ts'
import type { ReorgPlan } from '../replication/download/reorg.ts'
import type { Peer } from '../replication/peer.ts'
import { Replicator } from '../replication/replicator.ts'
import type { SharedTraffic } from '../replication/shared-traffic.ts'
import { LogFiles } from '../storage/log-files.ts'
import { memoryStorage } from '../storage/memory-storage.ts'
import { Emitter } from '../util/emitter.ts'
import { LazyMap } from '../util/lazy.ts'
import { CatchingUp, SETTLE_MS } from './catching-up.ts'
import { Connections } from './connections.ts'
import { keyOf, type Location, type LogOptions } from './options.ts'
import { type PeerInfo, peerInfo } from './peer-info.ts'
import type { Snapshot } from './session.ts'
import { authorizer, REPLICATION_KEYS, type ReplicationOptions, trafficOptions } from './traffic.ts'

/** One block that crossed the wire. */
export interface Transfer {
  readonly index: number
  readonly byteLength: number
  /** Nodes that came with it to prove it. */
  readonly uncles: number
  /** Since it was asked for; null where nothing was: it was sent, or came unasked. */
  readonly elapsedMs: number | null
  readonly peer: PeerInfo
}

export type LogEvents = {
  /** The log got longer, by an append here or by an upgrade from a peer: the new length. */
  append: [length: number]
  /** The log was cut: the new length, and the length up to which nothing changed. */
  truncate: [length: number, ancestor: number]
  /** A block came from a peer and is stored. */
  download: [block: Transfer]
  /** A block went to a peer. */
  upload: [block: Transfer]
  /** The log's key signed two histories: what was kept to prove it. Nothing more is taken in under that fork. */
  conflict: [conflict: CoreConflict]
  /** It may be appended to again: it has caught up with its peers, or was told so. */
  resumed: []
  /** A higher fork was not followed, because it would remove too much: see the option mayReorg. */
  'reorg-refused': [plan: ReorgPlan]
  'peer-add': [peer: PeerInfo]
  'peer-remove': [peer: PeerInfo]
  /** A peer told of more, or fewer, blocks from the begin on: its contiguousLength changed. */
  'peer-progress': [peer: PeerInfo]
  /** Who may sign became known here, from a peer or by setManifest. */
  manifest: [manifest: Manifest]
  /** A peer sent something false, or the disk failed; replication goes on without it. */
  fault: [error: unknown, peer: PeerInfo]
  close: []
}

/** Those of LogOptions that are not the core's. */
export type OpenedOptions = ReplicationOptions & Pick<LogOptions<unknown>, 'settleMs' | 'mayReorg'>

/** A store, which has logs open for peers, too. */
export interface LogOwner {
  /** What bounds the traffic of all its logs. */
  readonly traffic: SharedTraffic
  /** The last session is closed: instead of closing the log. */
  unused(log: OpenedLog): Promise<void>
  /** It closes, for whatever reason; may be awaited by whoever opens it next. */
  closing(log: OpenedLog, done: Promise<void>): void
}

export class OpenedLog {
  readonly core: LogCore
  readonly env: Env
  readonly events: Emitter<LogEvents> = new Emitter()
  #catchingUp: CatchingUp | null = null
  /** Of the tree that was told of last. */
  #length: number
  readonly #options: OpenedOptions
  /** Made when there is something for it to do. */
  #replicator: Replicator | null = null
  #connections: Connections | null = null
  /** Sessions that want the log to be downloaded. */
  #active = 0
  /** Each with the number of its sessions. */
  readonly #snapshots: LazyMap<Snapshot, number> = new LazyMap()
  readonly #owner: LogOwner | null
  #lastTransferAt = Number.NEGATIVE_INFINITY
  #sessions = 0
  #closing: Promise<void> | null = null

  private constructor(core: LogCore, env: Env, options: OpenedOptions, owner: LogOwner | null) {
    this.core = core
    this.#owner = owner
    this.env = env
    this.#options = ownOptions(options)
    this.#length = core.tree.length
    // For as long as there is a core: it is ours alone.
    core.on('applied', (change) => this.#applied(change))
    core.onChange(() => this.#lookAtPeers())
  }

  /** @throws as Log.open */
  static async open<T>(location: Location, options: LogOptions<T>): Promise<OpenedLog> {
    const { env = systemEnv } = options
    const files = await LogFiles.open(location ?? memoryStorage(), { ...options, env })
    return new OpenedLog(await Core.open(files, coreOptions(options, env)), env, options, null)
  }

  /** For an owner, who has more of them: its files are open while it is used. The last session does not close it. */
  static async owned<T>(
    discoveryKey: Uint8Array,
    options: LogOptions<T>,
    owner: LogOwner,
    parts: RestingParts
  ): Promise<OpenedLog> {
    const { env = systemEnv } = options
    const wanted = coreOptions(options, env, STORE_LIMITS)
    const core = await RestingCore.open(discoveryKey, wanted, parts)
    return new OpenedLog(core, env, options, owner)
  }

  get replicator(): Replicator {
    this.#replicator ??= this.#createReplicator()
    return this.#replicator
  }

  /** Peers that have this log, as far as anybody replicates it. */
  get peers(): Iterable<Peer> {
    return this.#replicator?.peers ?? []
  }

  /** What the owner says for all its logs has changed. */
  sharedTrafficChanged(): void {
    this.#replicator?.traffic.sharedChanged()
  }

  get connections(): Connections {
    this.#connections ??= new Connections(this.replicator, this.env)
    return this.#connections
  }

  /** What a cipher has to know. */
  get key(): Uint8Array {
    return this.core.key
  }

  get manifest(): Manifest | null {
    return this.core.manifest
  }

  get fork(): number {
    return this.core.tree.fork
  }

  /** One more session shares this log, perhaps as it was at some moment. */
  acquire(snapshot: Snapshot | null, active = false): void {
    this.#sessions++
    if (active) {
      this.#active++
      this.#replicator?.traffic.activity.hold()
    }
    if (snapshot !== null) this.#count(snapshot, 1)
  }

  /** Closes for all sessions, and removes the log's files. @throws StateError NOT_WRITABLE; StorageError */
  purge(): Promise<void> {
    if (this.core.readOnly) {
      // Before anything is closed: the log stays open as it was.
      return Promise.reject(new StateError('NOT_WRITABLE', 'The log is open read only'))
    }
    return this.#beginClosing(() => this.core.purge())
  }

  /** One session less; the last one closes all. */
  release(snapshot: Snapshot | null, active = false): Promise<void> {
    this.#sessions--
    if (active) {
      this.#active--
      this.#replicator?.traffic.activity.release()
    }
    if (snapshot !== null) this.#count(snapshot, -1)
    if (this.#sessions > 0) return Promise.resolve()
    return this.#owner === null ? this.close() : this.#owner.unused(this)
  }

  /** For the last session, or the owner: closes all. */
  close(): Promise<void> {
    return this.#beginClosing(() => this.core.close())
  }

  get isOpen(): boolean {
    return this.#closing === null
  }

  get sessions(): number {
    return this.#sessions
  }

  /** When a block came or went last, by the clock of `env`. */
  get lastTransferAt(): number {
    return this.#lastTransferAt
  }

  #applied(change: CoreChange): void {
    if (!this.isOpen) return
    const { core, events } = this
    const before = this.#length
    this.#length = core.tree.length
    if (change.manifestChanged && core.manifest !== null) events.emit('manifest', core.manifest)
    if (change.standingChanged) this.#tellStanding()
    if (change.ancestor < before) this.#cut(this.#length, change.ancestor)
    else if (change.headChanged) events.emit('append', this.#length)
  }

  /** Most logs are never behind. */
  #lookAtPeers(): void {
    if (!this.isOpen) return
    if (this.core.behind !== null && this.#catchingUp === null) {
      const { settleMs = SETTLE_MS } = this.#options
      this.#catchingUp = new CatchingUp(this.core, () => this.peers, this.env, settleMs)
    }
    this.#catchingUp?.look()
  }

  #createReplicator(): Replicator {
    const { core, env, events } = this
    const info = (peer: Peer): PeerInfo => peerInfo(peer)
    const authorize = authorizer(this.#options, core.key)
    const replicator = new Replicator(
      core,
      {
        onPeerAdd: (peer) => events.emit('peer-add', info(peer)),
        onPeerRemove: (peer) => events.emit('peer-remove', info(peer)),
        onDownload: (peer, block, askedAt) => this.#tell('download', peer, block, askedAt),
        onUpload: (peer, block) => this.#tell('upload', peer, block, null),
        onFault: (peer, error) => events.emit('fault', error, info(peer)),
        onPeerProgress: (peer) => events.emit('peer-progress', info(peer)),
        onHeads: () => this.#lookAtPeers(),
        mayReorg: (plan) => this.#judgeReorg(plan),
        ...(authorize === undefined ? {} : { authorize })
      },
      env,
      trafficOptions(this.#options, this.#owner?.traffic ?? null)
    )
    const { activity } = replicator.traffic
    if (core.length === 0 && !core.writable) activity.begin()
    for (let i = 0; i < this.#active; i++) activity.hold()
    if (this.#closing !== null) replicator.close()
    return replicator
  }

  #count(snapshot: Snapshot, step: 1 | -1): void {
    const sessions = (this.#snapshots.get(snapshot) ?? 0) + step
    if (sessions === 0) this.#snapshots.delete(snapshot)
    else this.#snapshots.set(snapshot, sessions)
  }

  /** For every block that passes: costs nothing unless somebody listens. */
  #tell(
    event: 'download' | 'upload',
    peer: Peer,
    { index, value, nodes }: ProvenBlock,
    askedAt: number | null
  ): void {
    const now = this.env.now()
    this.#lastTransferAt = now
    if (this.events.listenerCount(event) === 0) return
    this.events.emit(event, {
      index,
      byteLength: value.byteLength,
      uncles: nodes.length,
      elapsedMs: askedAt === null ? null : now - askedAt,
      peer: peerInfo(peer)
    })
  }

  #tellStanding(): void {
    const { behind, conflict, frozen } = this.core
    if (frozen && conflict !== null) this.events.emit('conflict', conflict)
    else if (behind === null) this.events.emit('resumed')
  }

  async #judgeReorg(plan: ReorgPlan): Promise<boolean> {
    const most = Math.max(MAX_REORG_DEPTH_BLOCKS, Math.floor(this.core.length / 2))
    const follows = (await this.#options.mayReorg?.(plan)) ?? plan.depth <= most
    if (!follows) this.events.emit('reorg-refused', plan)
    return follows
  }

  #cut(length: number, ancestor: number): void {
    for (const snapshot of this.#snapshots.keys()) snapshot.cut(ancestor)
    this.events.emit('truncate', length, ancestor)
  }

  #beginClosing(closeCore: () => Promise<void>): Promise<void> {
    if (this.#closing === null) {
      this.#closing = this.#close(closeCore)
      this.#owner?.closing(this, this.#closing)
    }
    return this.#closing
  }

  async #close(closeCore: () => Promise<void>): Promise<void> {
    this.#catchingUp?.close()
    this.#replicator?.close()
    this.#connections?.close()
    await closeCore()
    this.events.emit('close')
  }
}

/** Without what else they may hold on to: most logs have none. */
function ownOptions(options: OpenedOptions): OpenedOptions {
  const set = OWN_OPTIONS.filter((name) => options[name] !== undefined)
  return set.length === 0 ? NONE : Object.fromEntries(set.map((name) => [name, options[name]]))
}

const OWN_OPTIONS: readonly (keyof OpenedOptions)[] = [...REPLICATION_KEYS, 'settleMs', 'mayReorg']
const NONE: OpenedOptions = {}
const STORE_LIMITS = { restBytes: STORE_REST_BYTES }

function coreOptions<T>(
  options: LogOptions<T>,
  env: Env,
  limits: Partial<CoreLimits> = {}
): CoreOptions {
  const { key, keyPair, manifest, createIfMissing, readOnly, durability } = options
  return {
    env,
    limits,
    ...(key === undefined ? {} : { key: keyOf(key) }),
    ...(keyPair === undefined ? {} : { keyPair }),
    ...(manifest === undefined ? {} : { manifest }),
    ...(createIfMissing === undefined ? {} : { createIfMissing }),
    ...(readOnly === undefined ? {} : { readOnly }),
    ...(durability === undefined ? {} : { durability })
  }
}
