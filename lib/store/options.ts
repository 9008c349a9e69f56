// What a store is opened with, and what of its logs is asked for.

import type { Durability } from '../core/durability.ts'
import { discoveryKeyOf, manifestKey } from '../core/manifest.ts'
import { createKeyPair, type KeyPair } from '../crypto/key-pair.ts'
import type { Env } from '../env.ts'
import { ArgumentError } from '../errors.ts'
import { checkLogOptions, keyOf, type LogOptions } from '../log/options.ts'
import { checkBoolean, checkRates, LIMIT_KEYS, REPLICATION_KEYS } from '../log/traffic.ts'
import type { LimitOptions } from '../replication/rate-limit.ts'
import type { LimitChanges } from '../replication/shared-traffic.ts'
import { MIN_OPEN_FILES } from '../storage/descriptor-pool.ts'
import type { LogName } from '../storage/store-index.ts'
import { checkBytes, checkInteger, checkOptions } from '../util/options.ts'
import { keyOfPair, keyPairOfName } from './key-ring.ts'

/**
 * The rates hold for all logs together, whatever each says for itself besides: `upload` and `download` for all peers,
 * the others for each peer, whichever logs it has.
 */
export interface StoreLimits extends LimitOptions {
  /** Logs that are open for peers only. 1,024 by default. */
  readonly idleLogs: number
  /** Such a log is closed when its last peer is gone for so long; milliseconds, 60,000 by default. */
  readonly idleAfterMs: number
  /** Bytes of one half of a new store's journal, 4 MiB by default. */
  readonly journalBytes: number
}

/** Which log, on which connection. */
export interface AccessRequest {
  readonly discoveryKey: Uint8Array
  /** The peer's identity, 32 bytes. */
  readonly remotePublicKey: Uint8Array
  /** Whether the peer asked for the log, or we are about to. */
  readonly isIncoming: boolean
}

export interface StoreOptions {
  /** 32 bytes, from which the key pairs of named logs are derived. By default the stored one; for a new store, chance. */
  primaryKey?: Uint8Array
  /** What a resolved append means in logs that do not say so themselves. `power` by default. */
  durability?: Durability
  /** False: a directory without a store is NOT_FOUND. */
  createIfMissing?: boolean
  /** Bytes of file pages of all logs, and of buffers, that may be kept in memory; 64 MiB by default. */
  cacheBytes?: number
  /** File descriptors held by the store and all its logs together, beside that of its lock; 2 or more, 512 by default. */
  maxOpenFiles?: number
  limits?: Partial<StoreLimits>
  /** False: no log gives, or fetches, any blocks, whatever it says for itself. See setUpload, setDownload. */
  upload?: boolean
  download?: boolean
  /** Whether a peer may replicate a log; all by default. What it throws counts as no. */
  authorize?: (request: AccessRequest) => boolean | Promise<boolean>
  /** `discard`: damaged records of the journal are given up; each log finds out for itself what it lost. */
  journal?: 'discard'
  env?: Env
  signal?: AbortSignal
}

/** Of LogOptions those that make sense in a store; and the log's name, or its discovery key if it is held. */
export interface StoreLogOptions<T> extends Omit<LogOptions<T>, 'readOnly' | 'cacheBytes' | 'env'> {
  /** The log whose key pair is derived from the primary key, the namespace and this name, of up to 1,024 bytes. */
  name?: string
  /** 32 bytes. */
  discoveryKey?: Uint8Array
}

/** The log that options mean. */
export interface Wanted {
  readonly discoveryKey: Uint8Array
  readonly name: LogName | null
  /** For OpenedLog. */
  readonly options: LogOptions<unknown>
  /** It is not made if it is not held. */
  readonly mustExist: boolean
}

const STORE_KEYS = [
  'primaryKey',
  'durability',
  'createIfMissing',
  'cacheBytes',
  'maxOpenFiles',
  'limits',
  'upload',
  'download',
  'authorize',
  'journal',
  'env',
  'signal'
]
const STORE_LIMIT_KEYS = ['idleLogs', 'idleAfterMs', 'journalBytes', ...LIMIT_KEYS]
export const STORE_LOG_KEYS: readonly string[] = [
  'name',
  'key',
  'keyPair',
  'manifest',
  'discoveryKey',
  'encoding',
  'encryption',
  'durability',
  'createIfMissing',
  'settleMs',
  'mayReorg',
  'signal',
  ...REPLICATION_KEYS
]
const MIN_JOURNAL_BYTES = 4096

/** @throws ArgumentError */
export function checkStoreOptions(options: StoreOptions): void {
  checkOptions(options, STORE_KEYS, 'Store.open')
  const {
    primaryKey,
    cacheBytes = 0,
    maxOpenFiles = MIN_OPEN_FILES,
    limits = {},
    journal
  } = options
  if (primaryKey !== undefined) checkBytes(primaryKey, 'primaryKey', 32)
  checkInteger(cacheBytes, 0, 'Store.open: cacheBytes')
  checkInteger(maxOpenFiles, MIN_OPEN_FILES, 'Store.open: maxOpenFiles')
  checkOptions(limits, STORE_LIMIT_KEYS, 'Store.open: limits')
  checkRates(limits)
  for (const name of ['upload', 'download'] as const) {
    if (options[name] !== undefined) checkBoolean(options[name], `Store.open: ${name}`)
  }
  checkInteger(limits.idleLogs ?? 0, 0, 'limits.idleLogs')
  checkInteger(limits.idleAfterMs ?? 0, 0, 'limits.idleAfterMs')
  checkInteger(limits.journalBytes ?? MIN_JOURNAL_BYTES, MIN_JOURNAL_BYTES, 'limits.journalBytes')
  if (journal !== undefined && journal !== 'discard') {
    throw new ArgumentError('INVALID_ARGUMENT', 'Store.open: journal must be "discard" if given')
  }
}

/** @throws ArgumentError */
export function checkLimitChanges(changes: LimitChanges): void {
  checkOptions(changes, LIMIT_KEYS, 'setLimits')
  const given = Object.entries(changes).filter(([, limit]) => limit !== null)
  checkRates(Object.fromEntries(given))
}

/** @throws ArgumentError */
export function wantedLog<T>(
  given: StoreLogOptions<T>,
  primaryKey: Uint8Array,
  namespace: Uint8Array
): Wanted {
  const { name, discoveryKey, signal: _, encoding: __, encryption: ___, ...options } = given
  checkLogOptions(options)
  const mustExist = options.createIfMissing === false
  if (discoveryKey !== undefined) {
    assertAlone(given, 'discoveryKey', ['name', 'key', 'keyPair', 'manifest'])
    checkBytes(discoveryKey, 'discoveryKey', 32)
    return { discoveryKey, name: null, options, mustExist: true }
  }
  if (name !== undefined) {
    assertAlone(given, 'name', ['key', 'keyPair', 'manifest'])
    const keyPair = keyPairOfName(primaryKey, namespace, name)
    const key = keyOfPair(keyPair)
    const named = { ...options, key, keyPair }
    return {
      discoveryKey: discoveryKeyOf(key),
      name: { namespace, name },
      options: named,
      mustExist
    }
  }
  const { key, keyPair } = keysOf(options)
  const withKeys = { ...options, key, ...(keyPair === null ? {} : { keyPair }) }
  return { discoveryKey: discoveryKeyOf(key), name: null, options: withKeys, mustExist }
}

function keysOf({
  key,
  keyPair,
  manifest
}: Pick<LogOptions<unknown>, 'key' | 'keyPair' | 'manifest'>): {
  key: Uint8Array
  keyPair: KeyPair | null
} {
  if (key !== undefined) return { key: keyOf(key), keyPair: keyPair ?? null }
  if (manifest !== undefined) return { key: manifestKey(manifest), keyPair: keyPair ?? null }
  const pair = keyPair ?? createKeyPair()
  return { key: keyOfPair(pair), keyPair: pair }
}

function assertAlone<T>(
  given: StoreLogOptions<T>,
  what: string,
  others: readonly (keyof StoreLogOptions<T>)[]
): void {
  const other = others.find((key) => given[key] !== undefined)
  if (other === undefined) return
  throw new ArgumentError('INVALID_ARGUMENT', `get: either ${what} or ${String(other)}`)
}
