// SyncWaits: those who wait until a log has caught up: until nobody who counts is known to have more, or has yet to
// say what it has, and every block of the range is here. They are told so at the moment at which all of that is true,
// and never before. Owner of their list. Owner of the whole: Replicator.

import { equalSecrets } from '../crypto/wipe.ts'
import { abortable } from '../util/abort.ts'
import { type Deferred, deferred } from '../util/deferred.ts'
import { LazySet } from '../util/lazy.ts'
import type { Attachments } from './attachments.ts'
import type { Exchange } from './model/exchange.ts'
import type { RemoteLog } from './model/remote-log.ts'
import type { NeedId } from './model/types.ts'
import type { ReplicatedLog } from './replicated-log.ts'

export interface SyncTarget {
  /** Only the peer with this public key counts; null: all that are connected, at least one. */
  readonly peer: Uint8Array | null
  readonly start: number
  /** null: up to the greatest length that anybody who counts tells of. */
  readonly end: number | null
}

interface SyncWait {
  readonly target: SyncTarget
  readonly done: Deferred<void>
  /** What makes the blocks come. */
  readonly need: NeedId
}

export interface SyncWaitsOptions {
  readonly log: ReplicatedLog
  readonly exchange: Exchange
  readonly attachments: Attachments
  /** The need is not wanted any more. */
  onEnd(need: NeedId): void
}

export class SyncWaits {
  readonly #options: SyncWaitsOptions
  readonly #waits: LazySet<SyncWait> = new LazySet()

  constructor(options: SyncWaitsOptions) {
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#waits.size === 0
  }

  /** @throws AbortError; what rejectAll says */
  wait(target: SyncTarget, signal: AbortSignal | undefined): Promise<void> {
    const { exchange } = this.#options
    const end = target.end ?? Number.POSITIVE_INFINITY
    const range = { start: target.start, end, linear: false, blocks: null }
    const need = exchange.addNeed({ kind: 'range', ...range })
    const wait: SyncWait = { target, done: deferred(), need }
    this.#waits.add(wait)
    return abortable(wait.done.promise, signal, () => this.#end(wait))
  }

  /** Something changed, here or at a peer. */
  look(): void {
    for (const wait of this.#waits) {
      if (!this.#isMet(wait.target)) continue
      this.#end(wait)
      wait.done.resolve()
    }
  }

  rejectAll(error: Error): void {
    for (const wait of this.#waits) {
      this.#end(wait)
      wait.done.reject(error)
    }
  }

  #end(wait: SyncWait): void {
    this.#waits.delete(wait)
    this.#options.onEnd(wait.need)
  }

  #isMet({ peer, start, end }: SyncTarget): boolean {
    const { log } = this.#options
    if (end !== null) return holdsAll(log, start, end)
    const length = this.#knownLength(peer)
    return length !== null && holdsAll(log, start, Math.max(start, length))
  }

  /** The length that holds for all who count; null: not all are heard, or one of them is ahead, or nobody counts. */
  #knownLength(peer: Uint8Array | null): number | null {
    const { attachments } = this.#options
    let length: number | null = null
    for (const { remotePublicKey, isUnheard, peer: other } of attachments.all) {
      if (peer !== null && remotePublicKey !== null && !equalSecrets(remotePublicKey, peer))
        continue
      if (isUnheard) return null
      if (other === null) continue
      const known = this.#lengthOf(other.remote, peer !== null)
      if (known === null) return null
      if (known !== 'nothing') length = Math.max(length ?? 0, known)
    }
    return length
  }

  /** What has to be here to be level with one peer; null: it is ahead; nothing: what it says does not count. */
  #lengthOf(remote: RemoteLog, isNamed: boolean): number | null | 'nothing' {
    const { log, exchange } = this.#options
    const isRefused = remote.distrusted || remote.fork <= exchange.forks.refusedFork
    if (remote.distrusted || remote.fork > log.fork) {
      if (isNamed || (!isRefused && remote.length > 0)) return null
      return 'nothing'
    }
    if (remote.fork < log.fork) return log.length
    if (remote.length > log.length) return null
    return isNamed ? remote.length : log.length
  }
}

function holdsAll(log: ReplicatedLog, start: number, end: number): boolean {
  if (end <= log.contiguousLength || end <= start) return true
  return end <= log.length && log.findBlock(start, end, false) === -1
}
