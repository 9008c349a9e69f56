// What a store is opened with, and the options of its calls.
import { ArgumentError } from '../errors.ts'
import type { EncodingName } from '../log/encoding.ts'
import type { GetOptions } from '../log/session.ts'
import type { Codec } from '../util/codec.ts'
import { checkBytes, checkInteger, checkOptions } from '../util/options.ts'
import { MAX_INLINE_BYTES, MAX_PAGE_BYTES, MIN_PAGE_BYTES, SEED_BYTES } from './constants.ts'
import type { Entry } from './entry.ts'
import type { KeyEncoding, KeyEncodingName } from './key.ts'

/** When index checkpoints are written by themselves: after a quarter of the keys changed, in tiers, or never. */
export type CheckpointPolicy = 'default' | 'low-latency' | 'none'

export interface KeyValueOptions<K, V> {
  /** How keys become components: `utf-8` by default, parted by slashes. */
  keyEncoding?: KeyEncodingName | KeyEncoding<K> | Codec<K>
  /** How values become bytes: `binary` by default. */
  valueEncoding?: EncodingName | Codec<V>
  /** New stores: keys are sorted by their bytes, so that `range` works; each is one component. False by default. */
  ordered?: boolean
  /** New stores: bytes of the application, for all readers. */
  metadata?: Uint8Array
  /** New stores: 32 bytes that the paths of keys depend on; drawn by default. */
  seed?: Uint8Array
  /** Bytes that a page of a batch or a checkpoint aims at; 1,024 by default, 24 to 16,384. */
  pageBytes?: number
  /** Longer values get blocks of their own; 512 bytes by default, at most 4,096. */
  inlineBytes?: number
  checkpoints?: CheckpointPolicy
  /** Bytes of blocks kept in memory; 16 MiB by default. */
  cacheBytes?: number
}

const OPEN_OPTIONS = [
  'keyEncoding',
  'valueEncoding',
  'ordered',
  'metadata',
  'seed',
  'pageBytes',
  'inlineBytes',
  'checkpoints',
  'cacheBytes'
]
const POLICIES: readonly unknown[] = [undefined, 'default', 'low-latency', 'none']

/** @throws ArgumentError */
export function checkKeyValueOptions<K, V>(options: KeyValueOptions<K, V>): void {
  checkOptions(options, OPEN_OPTIONS, 'KeyValue.open')
  const { metadata, seed, pageBytes, inlineBytes, cacheBytes, checkpoints } = options
  if (metadata !== undefined) checkBytes(metadata, 'KeyValue.open: metadata')
  if (seed !== undefined) checkBytes(seed, 'KeyValue.open: seed', SEED_BYTES)
  checkWithin(pageBytes, MIN_PAGE_BYTES, MAX_PAGE_BYTES, 'pageBytes')
  checkWithin(inlineBytes, 0, MAX_INLINE_BYTES, 'inlineBytes')
  checkWithin(cacheBytes, 0, Number.MAX_SAFE_INTEGER, 'cacheBytes')
  if (!POLICIES.includes(checkpoints)) {
    throw new ArgumentError(
      'INVALID_ARGUMENT',
      `KeyValue.open: checkpoints must be default, low-latency or none, got ${String(checkpoints)}`
    )
  }
}

function checkWithin(value: number | undefined, min: number, max: number, name: string): void {
  if (value === undefined) return
  checkInteger(value, min, `KeyValue.open: ${name}`)
  if (value > max) {
    throw new ArgumentError('INVALID_ARGUMENT', `KeyValue.open: ${name} is at most ${max}`)
  }
}

/** Of calls that read. Without `wait`, a block that is not here is NOT_AVAILABLE. */
export type ReadOptions = GetOptions

export interface PutOptions<K, V> {
  /** Only if the key is not there. */
  ifAbsent?: boolean
  /** Only if the entry has this version; 0: if the key is not there. */
  ifVersion?: number
  /** Only if this says yes; called with the present entry, null: the key is not there. It must not write. */
  cas?: (current: Entry<K, V> | null, next: V) => boolean
  /** Looked at before anything is done. */
  signal?: AbortSignal
}

export type DeleteOptions<K, V> = Pick<PutOptions<K, V>, 'ifVersion' | 'signal'> & {
  /** Only if this says yes to the present entry. */
  cas?: (current: Entry<K, V>) => boolean
}

const PUT_OPTIONS = ['ifAbsent', 'ifVersion', 'cas', 'signal']
const DELETE_OPTIONS = ['ifVersion', 'cas', 'signal']

/** @throws ArgumentError */
export function checkPutOptions<K, V>(options: PutOptions<K, V>): void {
  checkOptions(options, PUT_OPTIONS, 'put')
  if (options.ifVersion !== undefined) checkInteger(options.ifVersion, 0, 'put: ifVersion')
}

/** @throws ArgumentError */
export function checkDeleteOptions<K, V>(options: DeleteOptions<K, V>): void {
  checkOptions(options, DELETE_OPTIONS, 'del')
  if (options.ifVersion !== undefined) checkInteger(options.ifVersion, 0, 'del: ifVersion')
}
