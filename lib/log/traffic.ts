// What a user may say about the exchange of a log with its peers: the options with which it is opened, and the
// switches that can be changed while it runs.

import { ArgumentError, UnavailableError } from '../errors.ts'
import { checkRate, type LimitOptions, RateLimit } from '../replication/rate-limit.ts'
import type { SharedTraffic } from '../replication/shared-traffic.ts'
import type { Direction } from '../replication/switches.ts'
import type { Authorize, TrafficOptions } from '../replication/traffic.ts'
import { checkBytes, checkInteger, checkOptions } from '../util/options.ts'
import type { OpenedLog } from './opened-log.ts'

/** Who wants what of a log: what `authorize` is asked about. */
export interface AuthorizeQuestion {
  /** Public key of the other end of the connection; null where the stream below does not tell. */
  readonly peer: Uint8Array | null
  /** The log's key. */
  readonly log: Uint8Array
  /** `upload`: may it have blocks of ours; `download`: may we have blocks of it. */
  readonly direction: Direction
}

export interface ReplicationOptions {
  /** Whether peers get blocks from here; true by default. See setUpload. */
  upload?: boolean
  /** Whether blocks are fetched, and the log grows, from peers; true by default. See setDownload. */
  download?: boolean
  /**
   * Whether this session wants the log to be downloaded as long as it is open; true by default. Without any such
   * session a log downloads only while a call waits for it, and `lingerMs` longer; then channels on which the other
   * side wants nothing either are closed, and opened again when somebody does.
   */
  active?: boolean
  /** Milliseconds; by default a random time from 20,000 to 40,000. */
  lingerMs?: number
  /** Whether peers may send blocks that nobody here asked for, to save a round trip; false by default. See push. */
  push?: boolean
  /** Rates that are kept to on average; none by default. */
  limits?: LimitOptions
  /**
   * Who may have, or give, this log: asked for each connection before we show that we have it. Refused in both
   * directions, a peer is answered as if the log were unknown here. What throws or rejects means no. See reauthorize.
   */
  authorize?: (question: AuthorizeQuestion) => boolean | Promise<boolean>
}

export const REPLICATION_KEYS: readonly (keyof ReplicationOptions)[] = [
  'upload',
  'download',
  'active',
  'lingerMs',
  'push',
  'limits',
  'authorize'
]

/** @throws ArgumentError INVALID_ARGUMENT */
export function checkReplicationOptions(options: ReplicationOptions, call: string): void {
  for (const name of ['upload', 'download', 'active', 'push'] as const) {
    if (options[name] !== undefined) checkBoolean(options[name], `${call}: ${name}`)
  }
  if (options.lingerMs !== undefined) checkInteger(options.lingerMs, 0, `${call}: lingerMs`)
  if (options.limits !== undefined) checkLimits(options.limits, call)
  if (options.authorize !== undefined && typeof options.authorize !== 'function') {
    throw new ArgumentError('INVALID_ARGUMENT', `${call}: authorize must be a function`)
  }
}

/** What the replicator has to know of them: who is active, the sessions say. */
export function trafficOptions(
  options: ReplicationOptions,
  shared: SharedTraffic | null
): TrafficOptions {
  const { upload = true, download = true, push = false, lingerMs, limits = {} } = options
  const linger = lingerMs === undefined ? {} : { lingerMs }
  const others = shared === null ? {} : { shared }
  return { upload, download, push, active: false, limits, ...linger, ...others }
}

export function authorizer(
  { authorize }: ReplicationOptions,
  log: Uint8Array
): Authorize | undefined {
  if (authorize === undefined) return undefined
  return (peer, direction) => authorize({ peer, log, direction })
}

export interface SwitchOptions {
  /** Only for the peer with this public key, 32 bytes; it need not be connected. */
  peer?: Uint8Array
}

/** @throws ArgumentError */
export function setSwitch(
  { replicator }: OpenedLog,
  direction: Direction,
  on: boolean | null,
  options: SwitchOptions
): void {
  replicator.traffic.set(direction, on, switchedPeer(direction, on, options))
}

/** The peer that is meant; null: all. @throws ArgumentError */
export function switchedPeer(
  direction: Direction,
  on: boolean | null,
  options: SwitchOptions
): Uint8Array | null {
  const call = direction === 'upload' ? 'setUpload' : 'setDownload'
  checkOptions(options, ['peer'], call)
  if (on !== null) checkBoolean(on, call)
  const { peer = null } = options
  if (peer !== null) checkBytes(peer, `${call}: peer`, 32)
  return peer
}

/** @throws UnavailableError NOT_AVAILABLE */
export function pushBlock({ core, replicator }: OpenedLog, index: number): number {
  if (!core.holdsAll(index, index + 1)) {
    throw new UnavailableError('NOT_AVAILABLE', `push: block ${index} is not here`)
  }
  let peers = 0
  for (const peer of replicator.peers) if (peer.push(index)) peers++
  return peers
}

export const LIMIT_KEYS: readonly (keyof LimitOptions)[] = [
  'upload',
  'download',
  'uploadPerPeer',
  'downloadPerPeer'
]

function checkLimits(limits: LimitOptions, call: string): void {
  checkOptions(limits, LIMIT_KEYS, `${call}: limits`)
  checkRates(limits)
}

/** @throws ArgumentError INVALID_ARGUMENT */
export function checkRates(limits: LimitOptions): void {
  for (const name of LIMIT_KEYS) {
    const limit = limits[name]
    const isShared = !name.endsWith('PerPeer') && limit instanceof RateLimit
    if (limit !== undefined && !isShared) checkRate(limit)
  }
}

export function checkBoolean(value: unknown, what: string): void {
  if (typeof value === 'boolean') return
  throw new ArgumentError('INVALID_ARGUMENT', `${what} must be true or false, got ${String(value)}`)
}
