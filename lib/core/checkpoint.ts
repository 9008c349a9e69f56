// Checkpoint: brings what changed since the half was started from memory into `blocks`, `nodes` and `presence`,
// and syncs them, so that the half's entries are no longer needed. Only content of synced entries is written.
// Runs in the background when a half fills; one at a time. Owner: Committer. Design: reliability.md 5.6, 5.1.
import { allDone } from '../util/all-done.ts'
import { background } from '../util/background.ts'
import type { CommitterParts } from './committer-parts.ts'

/** Share of a half between two background checkpoints. */
const STEP_SHARE = 0.25

export class Checkpoint {
  readonly #parts: CommitterParts
  readonly #syncOplog: () => Promise<void>
  readonly #onFailedSync: (error: unknown) => Error
  #running: Promise<void> | null = null
  /** Used bytes of the half at which the next one begins. */
  #nextAt: number
  #retryAt = Number.NEGATIVE_INFINITY
  #retryDelayMs: number

  constructor(
    parts: CommitterParts,
    hooks: { syncOplog(): Promise<void>; onFailedSync(error: unknown): Error }
  ) {
    this.#parts = parts
    this.#syncOplog = hooks.syncOplog
    this.#onFailedSync = hooks.onFailedSync
    this.#nextAt = this.#firstAt()
    this.#retryDelayMs = parts.limits.retryAfterMs
  }

  /** Begins one in the background if the half has filled that far. */
  consider(): void {
    const { oplog, env } = this.#parts
    if (this.#running !== null || oplog.usedBytes < this.#nextAt) return
    if (env.now() < this.#retryAt) return
    this.#nextAt = oplog.usedBytes + oplog.halfBytes * STEP_SHARE
    background(this.#run(), () => {
      this.#nextAt = this.#firstAt()
      this.#retryAt = env.now() + this.#retryDelayMs
      this.#retryDelayMs *= 2
    })
  }

  /** Resolves when the files hold everything that is applied. @throws StorageError */
  async runAll(): Promise<void> {
    await this.idle()
    if (this.#parts.state.hasChanges) await this.#run()
    else await this.#syncOplog()
  }

  /** None is running. */
  async idle(): Promise<void> {
    await this.#running?.catch(() => {})
  }

  halfStarted(): void {
    this.#nextAt = this.#firstAt()
  }

  #run(): Promise<void> {
    this.#running = this.#write().finally(() => {
      this.#running = null
    })
    return this.#running
  }

  async #write(): Promise<void> {
    const { state, files } = this.#parts
    state.freeze()
    try {
      await this.#syncOplog()
      await allDone([state.nodes.flush(), state.blocks.flush(), state.presence.flush()])
    } catch (error) {
      state.unfreeze()
      throw error
    }
    try {
      await allDone([files.nodes.sync(), files.blocks.sync(), files.presence.sync()])
    } catch (error) {
      state.unfreeze()
      throw this.#onFailedSync(error)
    }
    state.thaw()
    this.#retryDelayMs = this.#parts.limits.retryAfterMs
    this.#retryAt = Number.NEGATIVE_INFINITY
  }

  #firstAt(): number {
    return this.#parts.oplog.halfBytes * this.#parts.limits.checkpointShare
  }
}
