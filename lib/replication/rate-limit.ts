// RateLimit: a number of bytes per second that one log, or several that share it, keep to on average.
import { ArgumentError } from '../errors.ts'
import type { Limit } from './limits.ts'
import { TokenBucket } from './model/token-bucket.ts'

/** Bytes of blocks and proofs per second. */
export interface LimitOptions {
  /** Of all peers of the log together; a RateLimit may be shared by several logs, and changed. */
  upload?: number | RateLimit
  download?: number | RateLimit
  /** Of each peer. */
  uploadPerPeer?: number
  downloadPerPeer?: number
}

export class RateLimit implements Limit {
  readonly #bucket: TokenBucket

  /** @throws ArgumentError INVALID_ARGUMENT unless it is a finite number of at least 1 */
  constructor(bytesPerSecond: number) {
    checkRate(bytesPerSecond)
    this.#bucket = new TokenBucket(bytesPerSecond)
  }

  /** Of blocks and their proofs. Changes within a second. */
  get bytesPerSecond(): number {
    return this.#bucket.bytesPerSecond
  }

  /** @throws ArgumentError INVALID_ARGUMENT unless it is a finite number of at least 1 */
  set bytesPerSecond(bytesPerSecond: number) {
    checkRate(bytesPerSecond)
    this.#bucket.setRate(bytesPerSecond)
  }

  /** For those who keep to it. */
  take(bytes: number, now: number): void {
    this.#bucket.take(bytes, now)
  }

  /** For those who keep to it: how long until something more may go through; 0: now. */
  waitMs(now: number): number {
    return this.#bucket.waitMs(now)
  }
}

/** A limit as users give it. */
export function limitOf(limit: number | RateLimit | null | undefined): RateLimit | null {
  if (limit === undefined || limit === null) return null
  return limit instanceof RateLimit ? limit : new RateLimit(limit)
}

/** @throws ArgumentError INVALID_ARGUMENT unless it is a finite number of at least 1 */
export function checkRate(value: unknown): void {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 1) return
  throw new ArgumentError(
    'INVALID_ARGUMENT',
    `A rate limit must be a number of bytes per second from 1 on, got ${String(value)}`
  )
}
