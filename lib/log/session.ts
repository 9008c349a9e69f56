// The words of a session: options of its calls, what it tells of itself, and what a snapshot remembers.
import type { Durability } from '../core/durability.ts'
import type { KeyPair } from '../crypto/key-pair.ts'
import type { Env } from '../env.ts'
import { UnavailableError } from '../errors.ts'
import { abortable, throwIfAborted } from '../util/abort.ts'
import type { Codec } from '../util/codec.ts'
import { checkBytes, checkInteger, checkOptions } from '../util/options.ts'
import type { BlockCipher, Encryption } from './block-cipher.ts'
import type { Encoding, EncodingName } from './encoding.ts'
import { checkDurability } from './options.ts'

export interface WaitOptions {
  signal?: AbortSignal
}

export interface GetOptions {
  /** False: null instead of waiting for peers, if it is not here. */
  wait?: boolean
  /** Sugar for a signal. */
  timeoutMs?: number
  signal?: AbortSignal
}

export interface AppendOptions {
  /** For this append only. */
  durability?: Durability
  /** Appends only if the log has this length by then; else OUTDATED, and nothing is stored. */
  ifLength?: number
  /** Signs this append instead of the log's own pair: of a signer who can sign alone. */
  keyPair?: KeyPair
  /** For logs of several signers: of exactly these values at this place; see assembleSignature. */
  signature?: Uint8Array
  /** Looked at before anything is done: an append that has begun is carried out. */
  signal?: AbortSignal
}

export interface TruncateOptions {
  /** The next one by default. */
  fork?: number
  keyPair?: KeyPair
  signature?: Uint8Array
  signal?: AbortSignal
}

/** What a head is drafted of. */
export type DraftOf<T> =
  | { readonly append: T | readonly T[] }
  | { readonly truncate: number; readonly fork?: number }

const APPEND_OPTIONS = ['durability', 'ifLength', 'keyPair', 'signature', 'signal']
const TRUNCATE_OPTIONS = ['fork', 'keyPair', 'signature', 'signal']

/** Without the signal, which is looked at here. @throws ArgumentError; AbortError */
export function checkedAppend(options: AppendOptions): Omit<AppendOptions, 'signal'> {
  checkOptions(options, APPEND_OPTIONS, 'append')
  const { signal, ...how } = options
  checkDurability(how.durability)
  if (how.ifLength !== undefined) checkInteger(how.ifLength, 0, 'append: ifLength')
  checkSigning(how, 'append')
  throwIfAborted(signal)
  return how
}

/** @throws ArgumentError */
export function checkedTruncate(options: TruncateOptions): Omit<TruncateOptions, 'signal'> {
  checkOptions(options, TRUNCATE_OPTIONS, 'truncate')
  const { signal: _, ...how } = options
  checkSigning(how, 'truncate')
  return how
}

function checkSigning(
  { keyPair, signature }: Pick<AppendOptions, 'keyPair' | 'signature'>,
  call: string
): void {
  if (signature !== undefined) checkBytes(signature, `${call}: signature`)
  if (keyPair === undefined) return
  checkBytes(keyPair.publicKey, `${call}: keyPair.publicKey`, 32)
  checkBytes(keyPair.secretKey, `${call}: keyPair.secretKey`, 64)
}

export interface SessionOptions<T> {
  encoding?: EncodingName | Codec<T>
  /** Instead of that of the session it comes from; null: blocks as they are stored. */
  encryption?: Encryption | BlockCipher | null
  /** Whether it wants the log to be downloaded as long as it is open: as in LogOptions; true by default. */
  active?: boolean
}

export interface SessionParts<T> {
  readonly encoding: Encoding<T>
  readonly cipher: BlockCipher | null
  readonly snapshot: Snapshot | null
  /** Wants the log to be downloaded. */
  readonly active: boolean
}

export interface LogInfo {
  readonly key: Uint8Array
  readonly discoveryKey: Uint8Array
  readonly length: number
  readonly byteLength: number
  readonly fork: number
  readonly contiguousLength: number
  readonly durableLength: number
  readonly writable: boolean
  /** Whether the storage can make writes outlast a power cut. */
  readonly canSync: boolean
  /** Two histories were signed under its fork: see `conflict`. */
  readonly frozen: boolean
  /** Connected peers that have the log. */
  readonly peers: number
}

/** What info() tells, taken from the log as it is now. */
export function infoOf(
  log: Omit<LogInfo, 'canSync' | 'frozen' | 'peers'> & { readonly peers: readonly unknown[] },
  { canSync, frozen }: { readonly canSync: boolean; readonly frozen: boolean }
): LogInfo {
  const { key, discoveryKey, length, byteLength, fork, contiguousLength, durableLength } = log
  return {
    key,
    discoveryKey,
    length,
    byteLength,
    fork,
    contiguousLength,
    durableLength,
    writable: log.writable,
    canSync,
    frozen,
    peers: log.peers.length
  }
}

/** A log as it was: blocks below sharedLength are still those of then. */
export class Snapshot {
  readonly fork: number
  readonly length: number
  readonly byteLength: number
  #sharedLength: number

  constructor(at: { fork: number; length: number; byteLength: number }) {
    this.fork = at.fork
    this.length = at.length
    this.byteLength = at.byteLength
    this.#sharedLength = at.length
  }

  get sharedLength(): number {
    return this.#sharedLength
  }

  /** The log was cut down to here. */
  cut(ancestor: number): void {
    this.#sharedLength = Math.min(this.#sharedLength, ancestor)
  }

  /** @throws UnavailableError NOT_AVAILABLE if the block is past the end, or was cut off since */
  check(index: number): void {
    if (index < this.#sharedLength) return
    const why =
      index < this.length ? 'was cut off since the snapshot' : 'is past the end of the snapshot'
    throw new UnavailableError('NOT_AVAILABLE', `Block ${index} ${why} (length ${this.length})`)
  }
}

/**
 * Waits for the work as long as the signal allows; what the work does to the log is done all the same.
 * @throws AbortError; ArgumentError UNKNOWN_OPTION
 */
export function whileWanted<T>(
  call: string,
  options: WaitOptions,
  work: () => Promise<T>
): Promise<T> {
  checkOptions(options, ['signal'], call)
  throwIfAborted(options.signal)
  return abortable(work(), options.signal)
}

const GET_OPTIONS = ['wait', 'timeoutMs', 'signal']

/** @throws ArgumentError */
export function checkGetOptions(options: GetOptions, call: string): void {
  checkOptions(options, GET_OPTIONS, call)
  if (options.timeoutMs !== undefined) checkInteger(options.timeoutMs, 0, `${call}: timeoutMs`)
}

/** Work under the signal and the time-out that were given. What has a time-out keeps the process alive until then. */
export async function inTime<T>(
  env: Env,
  { signal, timeoutMs }: GetOptions,
  work: (signal: AbortSignal | undefined) => Promise<T>
): Promise<T> {
  if (timeoutMs === undefined) return await work(signal)
  const late = new AbortController()
  const end = (): void => late.abort(timeoutReason(timeoutMs))
  using _timer = env.setTimer(timeoutMs, end, { keepsAlive: true })
  return await work(signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]))
}

/** What AbortSignal.timeout gives as its reason. */
function timeoutReason(timeoutMs: number): Error {
  return Object.assign(new Error(`Not within ${timeoutMs} ms`), { name: 'TimeoutError' })
}
