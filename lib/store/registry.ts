// Registry: which logs of a store are open, each once, however many sessions there are.
//
//   closed ──use──▶ opening ──▶ in use ──last session──▶ closing ──▶ closed
//                                 ▲  └──if peers have it──▶ idle ──without them───┘
//                                 └──────────use────────────┘
//
// Idle logs are open for peers only, and close a while after the last peer left; there is a limit to them, and when it is
// reached those without traffic give way.
// Owner: OpenedStore.
import type { Env } from '../env.ts'
import { StateError } from '../errors.ts'
import type { LogOwner, OpenedLog } from '../log/opened-log.ts'
import type { SharedTraffic } from '../replication/shared-traffic.ts'
import { background } from '../util/background.ts'
import { toHex } from '../util/bytes.ts'
import { BUSY_MS, SWEEP_EVERY_MS } from './constants.ts'

export interface RegistryParts {
  readonly env: Env
  readonly idleLogs: number
  readonly idleAfterMs: number
  readonly traffic: SharedTraffic
  /** It is open, and used from now on. */
  onOpened(log: OpenedLog): void
}

/** What somebody does with a log. */
export interface LogUse<T> {
  open(): Promise<OpenedLog>
  /** Whether one that is open already will do; `if-idle`: it had better be opened anew, if nobody else uses it. */
  fits?(log: OpenedLog): 'yes' | 'if-idle' | 'no'
  prepare?(log: OpenedLog): Promise<void>
  run(log: OpenedLog): T
}

interface Entry {
  readonly hex: string
  readonly opening: Promise<OpenedLog>
  log: OpenedLog | null
  /** Those who wait for it, or are about to make a session of it. */
  claims: number
  closing: Promise<void> | null
  /** When a session or a peer had it last. */
  usedAt: number
}

export class Registry implements LogOwner {
  readonly #parts: RegistryParts
  readonly #entries: Map<string, Entry> = new Map()
  #timer: Disposable | null = null
  #isClosed = false

  constructor(parts: RegistryParts) {
    this.#parts = parts
  }

  get traffic(): SharedTraffic {
    return this.#parts.traffic
  }

  /** Logs that are open. */
  get opened(): Iterable<OpenedLog> {
    return this.#opened()
  }

  get size(): number {
    return this.#entries.size
  }

  /** Logs that are open, or opening, for peers only. */
  get idleCount(): number {
    let count = 0
    for (const { log, closing } of this.#entries.values()) {
      if (closing === null && (log === null || log.sessions === 0)) count++
    }
    return count
  }

  peek(discoveryKey: Uint8Array): OpenedLog | null {
    const entry = this.#entries.get(toHex(discoveryKey))
    return entry === undefined || entry.closing !== null ? null : entry.log
  }

  /**
   * Opens the log unless it is open, and runs with it before it can close.
   * @throws StateError CLOSED, NOT_WRITABLE; whatever the use throws
   */
  async use<T>(discoveryKey: Uint8Array, use: LogUse<T>): Promise<T> {
    const hex = toHex(discoveryKey)
    for (;;) {
      if (this.#isClosed) throw new StateError('CLOSED', 'The store is closed')
      const known = this.#entries.get(hex)
      if (known !== undefined && known.closing !== null) {
        await known.closing.catch(() => {})
        continue
      }
      const entry = known ?? this.#begin(hex, use.open)
      const outcome = await this.#attempt(entry, known === undefined, use)
      if (outcome !== null) return outcome.value
    }
  }

  /** Null: the log is closed, or closing, to be opened anew. */
  async #attempt<T>(entry: Entry, isFresh: boolean, use: LogUse<T>): Promise<{ value: T } | null> {
    entry.claims++
    try {
      const log = await entry.opening
      if (isFresh || this.#mayKeep(entry, log, use)) {
        await use.prepare?.(log)
        if (entry.closing === null) return { value: use.run(log) }
      }
    } finally {
      entry.claims--
      this.#settle(entry)
    }
    await this.#close(entry)
    return null
  }

  /** The last session of a log is closed. */
  async unused(log: OpenedLog): Promise<void> {
    const entry = this.#entryOf(log)
    if (entry === undefined) return log.close()
    if (entry.claims > 0 || entry.closing !== null) return
    if (!hasPeers(entry) || this.#isClosed || !this.hasRoom()) return this.#close(entry)
    this.#touch(entry)
    this.#sweepLater()
    if (log.core.canSync) await log.core.flush()
  }

  /** Whether one more log may be open for peers only, after closing one that has no traffic. */
  hasRoom(): boolean {
    const { env, idleLogs } = this.#parts
    if (this.idleCount < idleLogs) return true
    let oldest: Entry | null = null
    for (const entry of this.#idle()) {
      if (oldest === null || activeAt(entry) < activeAt(oldest)) oldest = entry
    }
    if (oldest === null || env.now() - activeAt(oldest) < BUSY_MS) return false
    background(this.#close(oldest), () => {})
    return true
  }

  /** Closes all; the first failure is thrown after that. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.[Symbol.dispose]()
    const entries = [...this.#entries.values()]
    await Promise.allSettled(entries.map((entry) => entry.opening))
    const results = await Promise.allSettled(entries.map((entry) => this.#close(entry)))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  #begin(hex: string, open: () => Promise<OpenedLog>): Entry {
    const entry: Entry = {
      hex,
      opening: open(),
      log: null,
      claims: 0,
      closing: null,
      usedAt: this.#parts.env.now()
    }
    this.#entries.set(hex, entry)
    const opened = entry.opening.then((log) => {
      entry.log = log
      this.#parts.onOpened(log)
    })
    background(opened, () => this.#entries.delete(hex))
    return entry
  }

  /** Nobody made a session of it: it is idle from the start. */
  #settle(entry: Entry): void {
    if (entry.claims === 0 && entry.log?.sessions === 0) {
      this.#touch(entry)
      this.#sweepLater()
    }
  }

  /** Whether the log may be used as it is open, or else has to be closed first. @throws StateError NOT_WRITABLE */
  #mayKeep<T>(entry: Entry, log: OpenedLog, { fits }: LogUse<T>): boolean {
    const answer = fits?.(log) ?? 'yes'
    if (answer === 'yes') return true
    const isIdle = log.sessions === 0 && entry.claims === 1
    if (!isIdle && answer === 'no') {
      throw new StateError(
        'NOT_WRITABLE',
        'This log is open already, without the key pair: close its other sessions first'
      )
    }
    return !isIdle
  }

  /** A log closes, by our doing or not. */
  closing(log: OpenedLog, done: Promise<void>): void {
    const entry = this.#entryOf(log)
    if (entry === undefined) return
    entry.closing = done.finally(() => this.#entries.delete(entry.hex))
    background(entry.closing, () => {})
  }

  async #close({ log }: Entry): Promise<void> {
    await log?.close()
  }

  #sweepLater(): void {
    const { env, idleAfterMs } = this.#parts
    this.#timer ??= env.setTimer(Math.min(SWEEP_EVERY_MS, idleAfterMs), () => {
      this.#timer = null
      this.#sweep()
    })
  }

  #sweep(): void {
    const { env, idleAfterMs } = this.#parts
    let left = 0
    for (const entry of this.#idle()) {
      const isOld = env.now() - activeAt(entry) >= idleAfterMs
      if (isOld && !hasPeers(entry)) background(this.#close(entry), () => {})
      else left++
    }
    if (left > 0) this.#sweepLater()
  }

  #touch(entry: Entry): void {
    entry.usedAt = this.#parts.env.now()
  }

  *#idle(): Generator<Entry> {
    for (const entry of this.#entries.values()) {
      const { log, claims, closing } = entry
      if (log !== null && log.sessions === 0 && claims === 0 && closing === null) yield entry
    }
  }

  *#opened(): Generator<OpenedLog> {
    for (const { log, closing } of this.#entries.values()) {
      if (log !== null && closing === null) yield log
    }
  }

  #entryOf(log: OpenedLog): Entry | undefined {
    const entry = this.#entries.get(toHex(log.core.discoveryKey))
    return entry?.log === log ? entry : undefined
  }
}

function activeAt({ usedAt, log }: Entry): number {
  return Math.max(usedAt, log?.lastTransferAt ?? usedAt)
}

/** Whoever has it open would only open it again. */
function hasPeers({ log }: Entry): boolean {
  for (const _ of log?.peers ?? []) return true
  return false
}
