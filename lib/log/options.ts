// What a log is opened with.
import type { Durability } from '../core/durability.ts'
import { keyFromText } from '../core/key-text.ts'
import type { Manifest } from '../core/manifest.ts'
import type { KeyPair } from '../crypto/key-pair.ts'
import type { Env } from '../env.ts'
import { ArgumentError } from '../errors.ts'
import type { ReorgPlan } from '../replication/download/reorg.ts'
import type { StorageFactory } from '../storage/file.ts'
import type { Codec } from '../util/codec.ts'
import { checkBytes, checkInteger, checkOptions } from '../util/options.ts'
import type { BlockCipher, Encryption } from './block-cipher.ts'
import type { EncodingName } from './encoding.ts'
import { checkReplicationOptions, REPLICATION_KEYS, type ReplicationOptions } from './traffic.ts'

/** A directory, the maker of the files' storages, or memory. */
export type Location = string | StorageFactory | null

export interface LogOptions<T> extends ReplicationOptions {
  /** Another's log (or one's own, to be sure): 32 bytes, or their text. */
  key?: Uint8Array | string
  /** Who signs. By default a fresh pair for a new log; the stored pair for one that exists. */
  keyPair?: KeyPair
  /** Who may sign, where that is not one plain key pair. */
  manifest?: Manifest
  /** How values become blocks: `binary` by default. */
  encoding?: EncodingName | Codec<T>
  /** Blocks are encrypted; who has no key for them sees and passes on the ciphertext. */
  encryption?: Encryption | BlockCipher | null
  /** What a resolved append means: `power` by default; see the README's table. */
  durability?: Durability
  /** Default true. False: opening what does not exist is NOT_FOUND. */
  createIfMissing?: boolean
  /** Takes no lock and changes nothing. */
  readOnly?: boolean
  /** Bytes of file pages, and of buffers, that may be kept in memory; 28 MiB by default. */
  cacheBytes?: number
  /**
   * For so long no peer may have offered more before a log that is `behind` may be appended to again; milliseconds,
   * 10,000 by default.
   */
  settleMs?: number
  /**
   * Whether the log may be cut to follow a higher fork of its writer. By default unless that removes more than
   * 10,000 blocks and more than half of the log.
   */
  mayReorg?: (plan: ReorgPlan) => boolean | Promise<boolean>
  /** Looked at before anything is done. */
  signal?: AbortSignal
  /** Clock, timers and chance, for simulations. */
  env?: Env
}

const KEYS: readonly string[] = [
  'key',
  'keyPair',
  'manifest',
  'encoding',
  'encryption',
  'durability',
  'createIfMissing',
  'readOnly',
  'cacheBytes',
  'settleMs',
  'mayReorg',
  'signal',
  'env',
  ...REPLICATION_KEYS
]
const DURABILITIES: readonly unknown[] = [undefined, 'power', 'process', 'memory']

/** @throws ArgumentError UNKNOWN_OPTION or INVALID_ARGUMENT */
export function checkLogOptions<T>(options: LogOptions<T>): void {
  checkOptions(options, KEYS, 'Log.open')
  checkDurability(options.durability)
  checkReplicationOptions(options, 'Log.open')
  if (options.settleMs !== undefined) checkInteger(options.settleMs, 0, 'Log.open: settleMs')
  if (options.keyPair !== undefined) {
    checkBytes(options.keyPair.publicKey, 'keyPair.publicKey', 32)
    checkBytes(options.keyPair.secretKey, 'keyPair.secretKey', 64)
  }
}

export function checkDurability(value: unknown): void {
  if (DURABILITIES.includes(value)) return
  throw new ArgumentError(
    'INVALID_ARGUMENT',
    `durability must be power, process or memory, got ${String(value)}`
  )
}

/** The 32 bytes of a key given as bytes or text. @throws ArgumentError INVALID_ARGUMENT */
export function keyOf(key: Uint8Array | string): Uint8Array {
  if (typeof key === 'string') return keyFromText(key)
  checkBytes(key, 'key', 32)
  return key
}
