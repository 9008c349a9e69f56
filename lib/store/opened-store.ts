// OpenedStore: what the sessions of one store share: its files, the logs that are open, its connections.
// Closes with the session that opened it.
import { RestRoster, type RosterLimits } from '../core/rest-roster.ts'
import type { RestingParts } from '../core/resting-core.ts'
import { type Env, systemEnv } from '../env.ts'
import { StateError, StorageError } from '../errors.ts'
import { Connections } from '../log/connections.ts'
import { OpenedLog } from '../log/opened-log.ts'
import type { Location, LogOptions } from '../log/options.ts'
import type { Multiplexer } from '../mux/multiplexer.ts'
import { SharedTraffic } from '../replication/shared-traffic.ts'
import type { Direction } from '../replication/switches.ts'
import type { LogFiles } from '../storage/log-files.ts'
import { StoreFiles } from '../storage/store-files.ts'
import type { IndexedLog } from '../storage/store-index.ts'
import { toHex } from '../util/bytes.ts'
import { Emitter } from '../util/emitter.ts'
import { sleep } from '../util/sleep.ts'
import {
  BUSY_MS,
  CROWDED_REST_AFTER_MS,
  IDLE_AFTER_MS,
  JOURNAL_BYTES,
  MAX_AWAKE_LOGS,
  MAX_IDLE_LOGS,
  MAX_OPEN_FILES,
  REST_AFTER_MS,
  ROOM_WITHIN_MS,
  STORE_CACHE_BYTES
} from './constants.ts'
import { Hub } from './hub.ts'
import type { StoreOptions, Wanted } from './options.ts'
import { Registry } from './registry.ts'

export type StoreEvents = {
  /** A log is held that was not, or has a further name. */
  held: [log: IndexedLog]
  close: []
}

export class OpenedStore {
  readonly files: StoreFiles
  readonly env: Env
  readonly registry: Registry
  readonly hub: Hub
  readonly traffic: SharedTraffic
  readonly connections: Connections
  readonly events: Emitter<StoreEvents> = new Emitter()
  readonly #resting: RestingParts
  readonly #durability: StoreOptions['durability']
  #closing: Promise<void> | null = null

  private constructor(files: StoreFiles, env: Env, options: StoreOptions) {
    this.files = files
    this.env = env
    this.#durability = options.durability
    const { idleLogs = MAX_IDLE_LOGS, idleAfterMs = IDLE_AFTER_MS } = options.limits ?? {}
    const openFiles = (discoveryKey: Uint8Array): Promise<LogFiles> => files.openLog(discoveryKey)
    this.#resting = { openFiles, roster: new RestRoster(env, REST_LIMITS) }
    this.traffic = new SharedTraffic(options)
    this.hub = new Hub({
      env,
      opened: () => this.registry.opened,
      isHeld: (discoveryKey) => files.index.has(discoveryKey),
      use: (discoveryKey, run) => this.#useForPeer(discoveryKey, run),
      authorize: options.authorize ?? null
    })
    this.registry = new Registry({
      env,
      idleLogs,
      idleAfterMs,
      traffic: this.traffic,
      onOpened: (log) => this.hub.logOpened(log)
    })
    this.connections = new Connections({ attach: (mux: Multiplexer) => this.hub.attach(mux) }, env)
  }

  /** @throws as Store.open */
  static async open(location: Location, options: StoreOptions): Promise<OpenedStore> {
    const { env = systemEnv, primaryKey, createIfMissing, limits = {} } = options
    const files = await StoreFiles.open(location, {
      env,
      cacheBytes: options.cacheBytes ?? STORE_CACHE_BYTES,
      maxOpenFiles: options.maxOpenFiles ?? MAX_OPEN_FILES,
      journalBytes: limits.journalBytes ?? JOURNAL_BYTES,
      discardJournal: options.journal === 'discard',
      ...(primaryKey === undefined ? {} : { primaryKey }),
      ...(createIfMissing === undefined ? {} : { createIfMissing })
    })
    return new OpenedStore(files, env, options)
  }

  /** Logs whose files are open. */
  get awakeCount(): number {
    return this.#resting.roster.awakeCount
  }

  /** Opens the log that is wanted, or makes it, and runs with it before it can close. @throws as Store.get */
  async use<T>(wanted: Wanted, run: (log: OpenedLog) => T): Promise<T> {
    const { discoveryKey, name, options, mustExist } = wanted
    const isHeld = this.files.index.has(discoveryKey)
    if (mustExist && !isHeld) {
      throw new StorageError('NOT_FOUND', `The store does not hold the log ${toHex(discoveryKey)}`)
    }
    return this.registry.use(discoveryKey, {
      open: () => this.#open(discoveryKey, options),
      fits: (log) => fits(log, options),
      // What is appended after this must not belong to a stranger.
      prepare: () => this.#note(discoveryKey, name),
      run
    })
  }

  /** Removes a log that is held, with all its bytes. Its sessions are closed. @throws StorageError WRITE_FAILED */
  async purge(discoveryKey: Uint8Array): Promise<void> {
    const open = (): Promise<OpenedLog> => this.#open(discoveryKey, {})
    const purging = await this.registry.use(discoveryKey, {
      open,
      run: (log) => ({ done: log.purge() })
    })
    await purging.done
  }

  /** For the peer with that public key, or for all; null: as for all again. */
  setSwitch(direction: Direction, on: boolean | null, peer: Uint8Array | null): void {
    const { switches } = this.traffic
    if (peer === null) switches.set(direction, on ?? true)
    else switches.setFor(peer, direction, on)
    for (const log of this.registry.opened) log.sharedTrafficChanged()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.events.emit('close')
    this.hub.close()
    try {
      await this.registry.close()
    } finally {
      this.connections.close()
      await this.files.close()
    }
  }

  async #open(discoveryKey: Uint8Array, options: LogOptions<unknown>): Promise<OpenedLog> {
    const { durability = this.#durability } = options
    const shared = {
      ...options,
      env: this.env,
      ...(durability === undefined ? {} : { durability })
    }
    return OpenedLog.owned(discoveryKey, shared, this.registry, this.#resting)
  }

  async #useForPeer(discoveryKey: Uint8Array, run: (log: OpenedLog) => void): Promise<void> {
    const end = this.env.now() + ROOM_WITHIN_MS
    while (this.registry.peek(discoveryKey) === null && !this.registry.hasRoom()) {
      if (this.#closing !== null || this.env.now() >= end) {
        throw new StateError('NOT_WRITABLE', 'Too many logs are open for peers')
      }
      await sleep(this.env, BUSY_MS)
    }
    await this.registry.use(discoveryKey, { open: () => this.#open(discoveryKey, {}), run })
  }

  async #note(discoveryKey: Uint8Array, name: Wanted['name']): Promise<void> {
    const isNews = await this.files.index.add(discoveryKey, name)
    const log = this.files.index.get(discoveryKey)
    if (isNews && log !== undefined) this.events.emit('held', log)
  }
}

const REST_LIMITS: RosterLimits = {
  maxAwake: MAX_AWAKE_LOGS,
  restAfterMs: REST_AFTER_MS,
  crowdedRestAfterMs: CROWDED_REST_AFTER_MS
}

/** Whether a log that is open will do for these options. */
function fits({ core }: OpenedLog, options: LogOptions<unknown>): 'yes' | 'if-idle' | 'no' {
  if (options.keyPair !== undefined && !core.writable) return 'no'
  return PARTICULARS.some((name) => options[name] !== undefined) ? 'if-idle' : 'yes'
}

/** What whoever opens a log decides for all its sessions. */
const PARTICULARS: readonly (keyof LogOptions<unknown>)[] = [
  'durability',
  'mayReorg',
  'settleMs',
  'upload',
  'download',
  'lingerMs',
  'limits',
  'authorize'
]
