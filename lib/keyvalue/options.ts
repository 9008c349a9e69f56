// What a store is opened with, and the options of its calls.
import { ArgumentError } from '../errors.ts'
import type { EncodingName } from '../log/encoding.ts'
import type { GetOptions } from '../log/session.ts'
import type { Codec } from '../util/codec.ts'
import { checkBytes, checkInteger, checkOptions } from '../util/options.ts'
import type { Operation } from './change.ts'
import type { Coder } from './coder.ts'
import {
  MAX_BATCH_BYTES,
  MAX_BATCH_OPERATIONS,
  MAX_INLINE_BYTES,
  MAX_PAGE_BYTES,
  MIN_PAGE_BYTES,
  SEED_BYTES
} from './constants.ts'
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
  /** At least so many operations lie between checkpoints that are written by themselves: 1,024; low latency: 4,096. */
  checkpointOperations?: number
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
  'checkpointOperations',
  'cacheBytes'
]
const POLICIES: readonly unknown[] = [undefined, 'default', 'low-latency', 'none']

/** @throws ArgumentError */
export function checkKeyValueOptions<K, V>(options: KeyValueOptions<K, V>): void {
  checkOptions(options, OPEN_OPTIONS, 'KeyValue.open')
  const { metadata, seed, pageBytes, inlineBytes, cacheBytes, checkpoints, checkpointOperations } =
    options
  if (metadata !== undefined) checkBytes(metadata, 'KeyValue.open: metadata')
  if (seed !== undefined) checkBytes(seed, 'KeyValue.open: seed', SEED_BYTES)
  checkWithin(pageBytes, MIN_PAGE_BYTES, MAX_PAGE_BYTES, 'pageBytes')
  checkWithin(inlineBytes, 0, MAX_INLINE_BYTES, 'inlineBytes')
  checkWithin(checkpointOperations, 1, Number.MAX_SAFE_INTEGER, 'checkpointOperations')
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

/** One operation of a batch, with its conditions; of a sub-store if that is named. */
export type BatchOperation<K, V> =
  | (Omit<PutOptions<K, V>, 'signal'> & { type: 'put'; key: K; value: V; sub?: undefined })
  | (Omit<DeleteOptions<K, V>, 'signal'> & { type: 'del'; key: K; sub?: undefined })
  | SubOperation

/** The same for a handle that `sub` gave, with its keys and values. */
export type SubOperation =
  // Each sub-store has types of its own, which the operation's maker knows.
  | {
      type: 'put'
      key: unknown
      value: unknown
      sub: object
      ifAbsent?: boolean
      ifVersion?: number
    }
  | { type: 'del'; key: unknown; sub: object; ifVersion?: number }

const PUT_OPERATION = ['type', 'key', 'value', 'sub', 'ifAbsent', 'ifVersion', 'cas']
const DELETE_OPERATION = ['type', 'key', 'sub', 'ifVersion', 'cas']

/** @throws ArgumentError INVALID_ARGUMENT, UNKNOWN_OPTION, KEY_INVALID, TOO_LARGE */
export function batchOperations<K, V>(
  operations: readonly BatchOperation<K, V>[],
  coder: Coder<K, V>,
  coderOf: (sub: object) => Coder<unknown, unknown>
): Operation[] {
  if (!Array.isArray(operations)) {
    throw new ArgumentError('INVALID_ARGUMENT', 'batch: operations must be an array')
  }
  if (operations.length > MAX_BATCH_OPERATIONS) {
    throw new ArgumentError('TOO_LARGE', `batch: at most ${MAX_BATCH_OPERATIONS} operations`)
  }
  let byteLength = 0
  return operations.map((operation: BatchOperation<K, V>, i) => {
    const coded = codedOperation(
      operation,
      i,
      (operation.sub === undefined ? coder : coderOf(operation.sub)) as Coder<unknown, unknown>
    )
    byteLength += coded.value?.byteLength ?? 0
    for (const component of coded.key) byteLength += component.byteLength
    if (byteLength > MAX_BATCH_BYTES) {
      throw new ArgumentError(
        'TOO_LARGE',
        `batch: at most ${MAX_BATCH_BYTES} bytes of keys and values`
      )
    }
    return coded
  })
}

function codedOperation(
  operation: { readonly type: unknown },
  i: number,
  coder: Coder<unknown, unknown>
): Operation {
  if (operation.type === 'put') {
    checkOptions(operation, PUT_OPERATION, `batch: operation ${i}`)
    const {
      type: _,
      sub: __,
      key,
      value,
      ...conditions
    } = operation as { type: 'put'; sub?: object; key: unknown; value: unknown }
    return coder.putOperation(key, value, conditions)
  }
  if (operation.type === 'del') {
    checkOptions(operation, DELETE_OPERATION, `batch: operation ${i}`)
    const {
      type: _,
      sub: __,
      key,
      ...conditions
    } = operation as { type: 'del'; sub?: object; key: unknown }
    return coder.deleteOperation(key, conditions)
  }
  throw new ArgumentError(
    'INVALID_ARGUMENT',
    `batch: operation ${i} must be of type put or del, got ${String(operation.type)}`
  )
}
