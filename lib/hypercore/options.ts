// What a core, and a session of one, can be opened with. Options that are not listed are ignored, as packages written
// for Hypercore count on that.
import type { Durability } from '../core/durability.ts'
import type { KeyPair } from '../crypto/key-pair.ts'
import type { Log } from '../log/log.ts'
import type { LogOptions } from '../log/options.ts'
import type { StorageFactory } from '../storage/file.ts'
import type { ValueEncoding } from './encodings.ts'
import type { EncryptionInput } from './encryption.ts'
import type { ManifestInput } from './manifest.ts'

/**
 * Where a core lives: a directory; a function that gives the random-access-storage of a file name; an object with the
 * path of a directory, such as one of npm `hypercore-storage` (a directory `logwood` in it is used, nothing of its
 * own is read); null: memory.
 */
export type HypercoreStorage =
  | string
  | StorageFactory
  | { readonly path: string }
  | CorePlace
  | null

/** A store of cores, which opens them itself. */
export interface CorePlace {
  openCore(key: Uint8Array | null, options: HypercoreOptions, hooks: CoreHooks): Promise<OpenedCore>
}

export type CoreHooks = Pick<LogOptions<Uint8Array>, 'mayReorg'>

export interface OpenedCore {
  readonly log: Log
  /** Whoever may sign by default. */
  readonly keyPair: KeyPair | null
}

/** A pair that may lack its secret half. */
export interface PublicKeyPair {
  readonly publicKey: Uint8Array
  readonly secretKey?: Uint8Array | null
}

export interface SessionOptions {
  valueEncoding?: ValueEncoding | null
  /** Makes the blocks of a whole append, in place of the valueEncoding. */
  encodeBatch?: ((batch: readonly unknown[]) => Uint8Array[]) | null
  keyPair?: KeyPair | PublicKeyPair | null
  encryption?: EncryptionInput | null
  /** The older way to say `encryption`. */
  encryptionKey?: Uint8Array | null
  isBlockKey?: boolean
  /** False: gets give null instead of waiting for peers. */
  wait?: boolean
  onwait?: ((index: number, session: unknown) => void) | null
  onseq?: ((index: number, session: unknown) => void) | null
  /** Milliseconds that gets and seeks may wait; 0: without end. */
  timeout?: number
  /** False: this session changes nothing. */
  writable?: boolean
  /** Does not keep the core open, and closes with the last session that does. */
  weak?: boolean
  /** Waits until it is the only session that asked for this. */
  exclusive?: boolean
  /** Whether it wants the core to be downloaded; a weak session does not, by default. */
  active?: boolean
  snapshot?: boolean
  /** A batch: sessions with one name share blocks that are the core's only once they are committed. In memory. */
  name?: string | null
  /** As name, for whoever has the same object. */
  atom?: object | null
  /** Length at which a batch begins. */
  checkout?: number
  /** A batch of that name begins anew. */
  overwrite?: boolean
  manifest?: ManifestInput | null
  userData?: Readonly<Record<string, string | Uint8Array>> | null
  ongc?: ((session: unknown) => void) | null
  /** Options that come later, but before anything is opened. */
  preload?: Promise<HypercoreOptions | null | undefined> | null
}

export interface HypercoreOptions extends SessionOptions {
  storage?: HypercoreStorage
  key?: Uint8Array | string | null
  /** Default true. False: opening what does not exist is STORAGE_EMPTY. */
  createIfMissing?: boolean
  /** What is stored there is purged first. */
  overwrite?: boolean
  force?: boolean
  /** True: the key of a new core is its public key, as before manifests. */
  compat?: boolean
  /** False: higher forks of the writer are not followed. */
  allowFork?: boolean
  /** Milliseconds that a core goes on downloading when no session wants it any more. */
  notDownloadingLinger?: number
  /** True: the last block of whatever the core grows to is fetched at once. */
  allowLatestBlock?: boolean
  /** Opens what is stored under that discovery key, instead of a key; else STORAGE_EMPTY. */
  discoveryKey?: Uint8Array | null
  /** Waited for before anything is opened. */
  preopen?: Promise<unknown> | null
  /** Of `Hypercore.createCore`, where it is false: whether the core closes with its last session. */
  autoClose?: boolean
  /** What append means by done; `power` by default, see the README. Hypercore itself is at `process`. */
  durability?: Durability
}

export interface HypercoreArguments {
  readonly storage: HypercoreStorage | undefined
  readonly key: Uint8Array | string | null
  readonly options: HypercoreOptions
}

/** (storage), (storage, key), (storage, options), (storage, key, options) or (options). */
export function argumentsOf(
  storage: unknown,
  key: unknown,
  options: HypercoreOptions | undefined
): HypercoreArguments {
  if (isOptions(storage) && !isPlace(storage)) {
    const given = storage as HypercoreOptions
    return { storage: given.storage, key: given.key ?? null, options: given }
  }
  const place = storage as HypercoreStorage | undefined
  if (isOptions(key)) {
    const given = key as HypercoreOptions
    return { storage: place ?? given.storage, key: given.key ?? null, options: given }
  }
  const given = options ?? {}
  const named = (key as Uint8Array | string | null | undefined) ?? given.key ?? null
  return { storage: place ?? given.storage, key: named, options: given }
}

function isOptions(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array)
}

function isPlace(value: object): boolean {
  const { path, openCore } = value as { path?: unknown; openCore?: unknown }
  return typeof path === 'string' || typeof openCore === 'function'
}

/** The whole pair, or null. */
export function signingPair(pair: KeyPair | PublicKeyPair | null | undefined): KeyPair | null {
  const secretKey = pair?.secretKey
  return pair && secretKey ? { publicKey: pair.publicKey, secretKey } : null
}
