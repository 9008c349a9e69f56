// LateSyncs: what is synced while nobody waits for it. Changes at level `process` soon after they were written; the
// seal, the oplog's witness of what is synced, once the log has rested. The seal may get lost: a failure to write it
// is no failure of the log. Owner: Committer. Design: reliability.md sections 2 and 5, step 5.
import type { Env } from '../env.ts'
import type { Oplog } from '../storage/oplog.ts'
import { background } from '../util/background.ts'
import type { CoreLimits } from './constants.ts'

export interface LateSyncsOptions {
  readonly oplog: Oplog
  readonly env: Env
  readonly limits: CoreLimits
  /** Everything written so far; failures are kept by whoever fails. */
  sync(): Promise<void>
  /** The seal alone. */
  syncSeal(): Promise<void>
  /** No sync can help any more. */
  isFailed(): boolean
}

export class LateSyncs {
  readonly #options: LateSyncsOptions
  #syncTimer: Disposable | null = null
  #sealTimer: Disposable | null = null
  #stopped = false
  /** They end before the files are closed. */
  readonly #running: Set<Promise<void>> = new Set()

  constructor(options: LateSyncsOptions) {
    this.#options = options
  }

  /** Again and again, unless a sync failed: then there is no use. */
  soon(): void {
    const { env, limits, sync, isFailed } = this.#options
    if (this.#stopped || isFailed()) return
    this.#syncTimer ??= env.setTimer(limits.syncAfterMs, () => {
      this.#syncTimer = null
      this.#run(sync().catch(() => this.soon()))
    })
  }

  seal(): void {
    if (this.#stopped) return
    const { oplog, env, limits, syncSeal } = this.#options
    background(oplog.seal(), () => {})
    this.#sealTimer?.[Symbol.dispose]()
    this.#sealTimer = env.setTimer(limits.sealAfterMs, () => {
      this.#sealTimer = null
      this.#run(syncSeal())
    })
  }

  /** No more of them begins. */
  stop(): void {
    this.#stopped = true
    this.#syncTimer?.[Symbol.dispose]()
    this.#sealTimer?.[Symbol.dispose]()
  }

  async done(): Promise<void> {
    await Promise.all(this.#running)
  }

  #run(work: Promise<void>): void {
    const done = work.catch(() => {}).finally(() => this.#running.delete(done))
    this.#running.add(done)
  }
}
