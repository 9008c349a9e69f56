// Pump: once per turn of the event loop, however many events there were, and on its timers, it says what is new,
// ends what is overdue, and asks what may be asked. Owner of who is dirty. Decides nothing about blocks.
import type { Env } from '../env.ts'
import { type LazyMap, LazySet } from '../util/lazy.ts'
import { MAX_LIMIT_WAIT_MS, TICK_MS } from './constants.ts'
import type { Exchange } from './model/exchange.ts'
import type { Peer } from './peer.ts'
import type { ReplicatedLog } from './replicated-log.ts'

/** Subscriptions asked of one peer per pump: enough to find out, not enough to flood. */
const INTERESTS_PER_PUMP = 4

export interface PumpOptions {
  readonly log: ReplicatedLog
  readonly env: Env
  readonly exchange: Exchange
  readonly peers: LazyMap<number, Peer>
  /** All has been asked that could be. */
  onPumped(): void
}

export class Pump {
  readonly #options: PumpOptions
  readonly #dirty: LazySet<Peer> = new LazySet()
  #isDue = false
  #timer: Disposable | null = null
  #forkTimer: Disposable | null = null
  #limitTimer: Disposable | null = null
  #closed = false

  constructor(options: PumpOptions) {
    this.#options = options
  }

  markDirty(peer: Peer): void {
    this.#dirty.add(peer)
    this.soon()
  }

  markAllDirty(): void {
    for (const peer of this.#options.peers.values()) this.#dirty.add(peer)
    this.soon()
  }

  forget(peer: Peer): void {
    this.#dirty.delete(peer)
  }

  /** Once per turn of the event loop. */
  soon(): void {
    if (this.#isDue || this.#closed) return
    this.#isDue = true
    queueMicrotask(() => {
      this.#isDue = false
      this.#run()
    })
  }

  close(): void {
    this.#closed = true
    this.#timer?.[Symbol.dispose]()
    this.#forkTimer?.[Symbol.dispose]()
    this.#limitTimer?.[Symbol.dispose]()
  }

  #run(): void {
    if (this.#closed) return
    const { env, exchange, peers, onPumped } = this.#options
    const now = env.now()
    for (const peer of peers.values()) peer.advertiser.flush()
    for (const asked of exchange.expire(now)) {
      peers.get(asked.peer)?.giveUp(asked)
      peers.get(asked.peer)?.onExpired()
      this.markAllDirty()
    }
    this.#subscribe()
    this.#askRounds(now)
    onPumped()
    this.#armTimer()
    this.#armForkTimer(now)
  }

  #subscribe(): void {
    const { exchange } = this.#options
    for (const peer of this.#dirty) {
      for (let i = 0; i < INTERESTS_PER_PUMP; i++) {
        const step = exchange.nextInterest(peer.id)
        if (step === null) break
        if (step.unwant !== null) peer.send.unwant({ ...step.unwant, any: false })
        peer.send.want({ ...step.want, any: false })
      }
    }
  }

  /** One question per peer and round, so that no peer gets all; a peer without a question drops out. */
  #askRounds(now: number): void {
    const { env, exchange } = this.#options
    const asking = shuffled([...this.#dirty], () => env.random())
    this.#dirty.clear()
    while (asking.length > 0) {
      for (let i = asking.length - 1; i >= 0; i--) {
        const peer = asking[i]
        if (peer === undefined) continue
        const asked = this.#isLimited(peer, now) ? null : exchange.nextRequest(peer.id, now)
        if (asked === null) asking.splice(i, 1)
        else peer.ask(asked)
      }
    }
  }

  /** A rate limit keeps us from asking: it is tried again when that is over. */
  #isLimited(peer: Peer, now: number): boolean {
    const { env, exchange } = this.#options
    const waitMs = peer.flow.waitMs(now)
    exchange.setLimited(peer.id, waitMs > 0)
    if (waitMs === 0) return false
    this.#limitTimer ??= env.setTimer(Math.min(waitMs, MAX_LIMIT_WAIT_MS), () => {
      this.#limitTimer = null
      this.markAllDirty()
    })
    return true
  }

  #armTimer(): void {
    const { env, exchange, peers } = this.#options
    const idle = exchange.inflight.totalAsked() === 0 && exchange.demand.count === 0
    if (idle || this.#timer !== null || peers.size === 0) return
    this.#timer = env.setTimer(TICK_MS, () => {
      this.#timer = null
      for (const peer of peers.values()) this.#dirty.add(peer)
      this.#run()
      // Only here, where each peer has looked at the same ones: in a while it has looked at all.
      exchange.demand.turn()
    })
  }

  /** A fork that may not be followed yet is looked at again when it may. */
  #armForkTimer(now: number): void {
    const { env, exchange, log, peers } = this.#options
    const waitMs = exchange.forks.nextAt(now) - now
    if (this.#forkTimer !== null || waitMs <= 0) return
    if (![...peers.values()].some(({ remote }) => remote.fork > log.fork)) return
    this.#forkTimer = env.setTimer(waitMs, () => {
      this.#forkTimer = null
      this.markAllDirty()
    })
  }
}

function shuffled<T>(items: T[], random: () => number): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const swap = items[i]!
    items[i] = items[j]!
    items[j] = swap
  }
  return items
}
