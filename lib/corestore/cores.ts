// Cores: the cores of one store that are open, one SharedCore each, however many sessions there are; and the store that
// holds them, which opens in the background. Owner: the root Corestore.
import type { Manifest } from '../core/manifest.ts'
import { manifestFrom } from '../hypercore/manifest.ts'
import {
  type CoreHooks,
  type CorePlace,
  type OpenedCore,
  signingPair
} from '../hypercore/options.ts'
import { SharedCore } from '../hypercore/shared-core.ts'
import { Log } from '../log/log.ts'
import type { LogOptions } from '../log/options.ts'
import type { Mux } from '../mux/mux.ts'
import type { LogName } from '../storage/store-index.ts'
import { OpenedStore } from '../store/opened-store.ts'
import type { Wanted } from '../store/options.ts'
import { background } from '../util/background.ts'
import { equalBytes, toBuffer, toHex } from '../util/bytes.ts'
import type { CoreOptions, CorestoreOptions, CorestoreStorage } from './options.ts'

export interface ReadyStore {
  readonly files: OpenedStore['files']
  readonly primaryKey: Uint8Array
}

export class Cores implements CorePlace {
  readonly watchers: Set<(core: SharedCore) => void> = new Set()
  readonly #opening: Promise<OpenedStore>
  readonly #cores: Map<string, SharedCore> = new Map()
  #store: OpenedStore | null = null

  constructor(storage: CorestoreStorage, options: CorestoreOptions) {
    const location =
      typeof storage === 'object' && storage !== null ? `${storage.path}/logwood` : storage
    const { primaryKey, durability } = options
    this.#opening = OpenedStore.open(location, {
      ...(primaryKey ? { primaryKey } : {}),
      ...(durability === undefined ? {} : { durability })
    })
    const opened = this.#opening.then((store) => {
      this.#store = store
    })
    background(opened, () => {})
  }

  get size(): number {
    return this.#cores.size
  }

  /** By discovery key, as bytes or in hex. */
  get(id: Uint8Array | string): SharedCore | null {
    const core = this.#cores.get(typeof id === 'string' ? id : toHex(id))
    return core === undefined || core.closing !== null ? null : core
  }

  *[Symbol.iterator](): Generator<SharedCore> {
    for (const core of this.#cores.values()) if (core.closing === null) yield core
  }

  async ready(): Promise<ReadyStore> {
    const { files } = await this.#opening
    return { files, primaryKey: files.primaryKey }
  }

  open(discoveryKey: Uint8Array, key: Uint8Array | null, options: CoreOptions): SharedCore {
    const id = toHex(discoveryKey)
    const known = this.#cores.get(id)
    if (known !== undefined && known.closing === null) return known
    const preopen = known?.closing ?? null
    const core = new SharedCore(this, key, { ...options, ...(preopen === null ? {} : { preopen }) })
    this.#cores.set(id, core)
    const gone = (): void => {
      if (this.#cores.get(id) === core) this.#cores.delete(id)
    }
    core.onClosed = gone
    background(core.opening, gone)
    for (const watcher of this.watchers) watcher(core)
    return core
  }

  /** For SharedCore. @throws as Store.get */
  async openCore(
    key: Uint8Array | null,
    options: CoreOptions,
    hooks: CoreHooks
  ): Promise<OpenedCore> {
    const store = await this.#opening
    const wanted = wantedOf(key, options, hooks)
    if (options.overwrite === true && store.files.index.has(wanted.discoveryKey)) {
      await store.purge(wanted.discoveryKey)
    }
    const log = await store.use(wanted, (opened) => Log.over<Uint8Array>(opened, { active: false }))
    return { log, keyPair: signingPair(options.keyPair) ?? log.keyPair }
  }

  /** Replicates what is open, now or later, over this connection. */
  attach(mux: Mux, offers: boolean): void {
    if (this.#store !== null) {
      this.#store.hub.attach(mux, offers)
      return
    }
    mux.pause(this)
    const attached = this.#opening.then((store) => {
      store.hub.attach(mux, offers)
      mux.resume(this)
    })
    background(attached, () => mux.destroy())
  }

  async *list(namespace?: Uint8Array): AsyncGenerator<Buffer, void, undefined> {
    const { files } = await this.#opening
    for (const { discoveryKey, names } of [...files.index.logs]) {
      const isIn = names.some((each) => equalBytes(each.namespace, namespace ?? each.namespace))
      if (namespace === undefined || isIn) yield toBuffer(discoveryKey)
    }
  }

  async flush(): Promise<void> {
    await this.#opening
    await Promise.all([...this].map((core) => (core.opened ? core.log.flush() : null)))
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#cores.values()].map((core) => core.close()))
    const store = await this.#opening.catch(() => null)
    await store?.close()
  }
}

function wantedOf(key: Uint8Array | null, options: CoreOptions, hooks: CoreHooks): Wanted {
  const { discoveryKey, alias = null, durability, notDownloadingLinger } = options
  const keyPair = signingPair(options.keyPair)
  const manifest: Manifest | null = options.manifest ? manifestFrom(options.manifest) : null
  const log: LogOptions<unknown> = {
    ...hooks,
    ...(key === null ? {} : { key }),
    ...(keyPair === null ? {} : { keyPair }),
    ...(manifest === null ? {} : { manifest }),
    ...(durability === undefined ? {} : { durability }),
    ...(notDownloadingLinger === undefined ? {} : { lingerMs: notDownloadingLinger })
  }
  const name: LogName | null = alias
  const mustExist = key === null || options.createIfMissing === false
  return { discoveryKey: discoveryKey as Uint8Array, name, options: log, mustExist }
}
