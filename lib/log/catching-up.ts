// CatchingUp: opens a log that is `behind` once it holds all that its peers have: with at least one of them here,
// none has offered more for a while. Until then nothing is appended, so no index is signed twice. A log that must
// not wait is told so with resume. Owner: OpenedLog. Design: reliability.md section 6.4.
import type { LogCore } from '../core/log-core.ts'
import type { Env } from '../env.ts'
import type { Peer } from '../replication/peer.ts'
import { background } from '../util/background.ts'

/** For so long no peer may offer more. */
export const SETTLE_MS = 10_000

export class CatchingUp {
  readonly #core: LogCore
  readonly #peers: () => Iterable<Peer>
  readonly #env: Env
  readonly #settleMs: number
  #timer: Disposable | null = null

  constructor(core: LogCore, peers: () => Iterable<Peer>, env: Env, settleMs: number) {
    this.#core = core
    this.#peers = peers
    this.#env = env
    this.#settleMs = settleMs
  }

  /** A head moved: ours, or one that a peer told of. */
  look(): void {
    if (!this.#isWaiting() || !this.#isLevelWithPeers()) {
      this.close()
      return
    }
    this.#timer ??= this.#env.setTimer(this.#settleMs, () => {
      this.#timer = null
      if (this.#isWaiting()) background(this.#core.resume({ trust: 'peers' }), () => {})
    })
  }

  close(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = null
  }

  #isWaiting(): boolean {
    const { status, writable, behind, frozen } = this.#core
    return status === 'open' && writable && behind !== null && !frozen
  }

  #isLevelWithPeers(): boolean {
    const { fork, length } = this.#core
    const remotes = [...this.#peers()]
      .map(({ remote }) => remote)
      .filter(({ synced, distrusted }) => synced && !distrusted)
    if (remotes.length === 0) return false
    return remotes.every((remote) =>
      remote.fork === fork ? remote.length <= length : remote.fork < fork
    )
  }
}
