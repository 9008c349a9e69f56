// Pace: how much may be under way at once: of one peer, in bytes as far as the log's average tells; and of all that
// arrived and is not stored yet.
import {
  ASSUMED_BLOCK_BYTES,
  MAX_VERIFYING_BLOCKS,
  MAX_VERIFYING_BYTES,
  MAX_WINDOW_REQUESTS,
  MIN_PACE_REQUESTS,
  MIN_WINDOW_REQUESTS,
  PACE_MS,
  WINDOW_BYTES
} from '../constants.ts'
import type { Inflight } from './inflight.ts'
import type { LocalLog, PeerId } from './types.ts'

/** Part of the window that ranges leave free for blocks that somebody waits for. */
const URGENT_SHARE = 8

export interface PaceView {
  readonly local: LocalLog
  readonly inflight: Inflight
  readonly peer: PeerId
  readonly now: number
}

/** Of a block, as far as it is known. */
export function averageBytes({ length, byteLength }: LocalLog): number {
  return length === 0 ? ASSUMED_BLOCK_BYTES : Math.max(1, byteLength / length)
}

/** Requests that may be in flight per peer: so many as fit the window in bytes. */
export function windowOf(local: LocalLog): number {
  const fitting = Math.floor(WINDOW_BYTES / averageBytes(local))
  return Math.min(MAX_WINDOW_REQUESTS, Math.max(MIN_WINDOW_REQUESTS, fitting))
}

/**
 * How many of them ranges may take: some are left for blocks that somebody waits for. Of one of several peers no more than
 * it delivers soon, since what it holds up, no other is asked for.
 */
export function patientWindow({ local, inflight, peer, now }: PaceView, isOnly: boolean): number {
  const window = windowOf(local)
  const most = window - Math.ceil(window / URGENT_SHARE)
  if (isOnly) return most
  const pace = Math.ceil((inflight.answersPerSecond(peer, now) * PACE_MS) / 1_000)
  return Math.min(most, Math.max(MIN_PACE_REQUESTS, pace))
}

/** The disk does not keep up. */
export function isVerifyingEnough({ verifyingCount, verifyingBytes }: Inflight): boolean {
  return verifyingCount >= MAX_VERIFYING_BLOCKS || verifyingBytes >= MAX_VERIFYING_BYTES
}
