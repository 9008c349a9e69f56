// Replicator: one per log. Wires the parts together, pumps questions, maps changes and faults. Owner of the
// promises behind needs, of the list of peers, and of who is dirty. Decides nothing about blocks.
import { type Env, systemEnv } from '../env.ts'
import { ProofError, ProtocolError, StateError, StorageError } from '../errors.ts'
import type { ProvenBlock } from '../merkle/proof.ts'
import type { Mux } from '../mux/mux.ts'
import { abortable, throwIfAborted } from '../util/abort.ts'
import { type Deferred, deferred } from '../util/deferred.ts'
import type { Unsubscribe } from '../util/emitter.ts'
import { Attachment } from './attachment.ts'
import { STORAGE_RETRY_MS, TICK_MS } from './constants.ts'
import { Extensions } from './extensions.ts'
import type { Data } from './messages.ts'
import { type Advance, Exchange } from './model/exchange.ts'
import type { Asked, Need, NeedId } from './model/types.ts'
import type { Peer, PeerContext } from './peer.ts'
import type { LogChange, ReplicatedLog } from './replicated-log.ts'

/** Subscriptions asked of one peer per pump: enough to find out, not enough to flood. */
const INTERESTS_PER_PUMP = 4

export interface ReplicatorEvents {
  onPeerAdd?(peer: Peer): void
  onPeerRemove?(peer: Peer): void
  onDownload?(peer: Peer, block: ProvenBlock): void
  onUpload?(peer: Peer, block: ProvenBlock): void
  /** A peer or the disk did something wrong; replication goes on without it. */
  onFault?(peer: Peer, error: unknown): void
}

export class Replicator {
  readonly extensions: Extensions
  readonly #log: ReplicatedLog
  readonly #env: Env
  readonly #events: ReplicatorEvents
  readonly #exchange: Exchange
  readonly #context: PeerContext
  readonly #attachments: Map<Mux, Attachment> = new Map()
  readonly #peers: Map<number, Peer> = new Map()
  readonly #dirty: Set<Peer> = new Set()
  readonly #waiting: Map<NeedId, Deferred<void>> = new Map()
  readonly #updates: Set<Deferred<boolean>> = new Set()
  readonly #unsubscribe: Unsubscribe
  #pumpDue = false
  #timer: Disposable | null = null
  #toldLength: number
  #closed = false

  constructor(log: ReplicatedLog, events: ReplicatorEvents = {}, env: Env = systemEnv) {
    this.#log = log
    this.#env = env
    this.#events = events
    this.#exchange = new Exchange(log, () => env.random())
    this.extensions = new Extensions(() => this.#peers.values())
    this.#toldLength = log.length
    this.#unsubscribe = log.onChange((change) => this.#published(change))
    this.#context = {
      log,
      env,
      exchange: this.#exchange,
      extensions: this.extensions,
      onDirty: (peer) => this.#markDirty(peer),
      onSettled: (peer, asked, data, met) => this.#settled(peer, asked, data, met),
      onUpload: (peer, block) => this.#events.onUpload?.(peer, block),
      onFault: (peer, error) => this.#onFault(peer, error),
      onFull: (peer, full) => this.#attachmentOf(peer)?.pauseReading(full)
    }
  }

  get peers(): Iterable<Peer> {
    return this.#peers.values()
  }

  /** Whether there is a connection over which something may come. */
  get isConnected(): boolean {
    return this.#attachments.size > 0
  }

  /** Replicates over this connection, now and whenever the other side opens the log on it. Idempotent. */
  attach(mux: Mux): void {
    if (this.#closed || this.#attachments.has(mux)) return
    const attachment = new Attachment(mux, this.#context, {
      onOpen: (peer) => this.#addPeer(peer),
      onClose: (peer) => this.#removePeer(peer),
      onEnded: () => this.#checkUpdates(),
      onDetached: () => {
        this.#attachments.delete(mux)
        this.#checkUpdates()
      }
    })
    this.#attachments.set(mux, attachment)
    attachment.open()
  }

  detach(mux: Mux): void {
    this.#attachments.get(mux)?.close()
    this.#attachments.delete(mux)
  }

  /**
   * Resolves when the need is met; waits for peers as long as the signal allows.
   * @throws AbortError; StateError CLOSED if the log closes meanwhile
   */
  need(need: Need, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal)
    if (this.#closed) return Promise.reject(closedError())
    const id = this.#exchange.addNeed(need)
    const wait = deferred<void>()
    this.#waiting.set(id, wait)
    if (need.kind === 'range') this.#meetAtOnce(id)
    this.#markAllDirty()
    return abortable(wait.promise, signal, () => {
      this.#waiting.delete(id)
      this.#cancel(this.#exchange.dropNeed(id))
    })
  }

  /**
   * Whether the log got longer: resolves as soon as it did, or with false as soon as no connected peer can
   * be expected to know of more.
   */
  update(signal?: AbortSignal): Promise<boolean> {
    throwIfAborted(signal)
    if (this.#closed) return Promise.reject(closedError())
    const wait = deferred<boolean>()
    this.#updates.add(wait)
    this.#markAllDirty()
    this.#checkUpdates()
    return abortable(wait.promise, signal, () => this.#updates.delete(wait))
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#unsubscribe()
    this.#timer?.[Symbol.dispose]()
    // First of all: a closing connection would settle some of them as if nobody had more to say.
    for (const wait of [...this.#waiting.values(), ...this.#updates]) wait.reject(closedError())
    this.#waiting.clear()
    this.#updates.clear()
    for (const attachment of [...this.#attachments.values()]) attachment.close()
    this.#attachments.clear()
  }

  /** For tests: derived numbers agree with what they are derived from. */
  assertInvariants(): void {
    this.#exchange.assertInvariants()
  }

  #addPeer(peer: Peer): void {
    this.#peers.set(peer.id, peer)
    peer.advertiser.open()
    this.#events.onPeerAdd?.(peer)
  }

  #removePeer(peer: Peer): void {
    this.#peers.delete(peer.id)
    this.#dirty.delete(peer)
    peer.close()
    this.#events.onPeerRemove?.(peer)
    this.#markAllDirty()
  }

  #attachmentOf(peer: Peer): Attachment | undefined {
    for (const attachment of this.#attachments.values()) {
      if (attachment.peer === peer) return attachment
    }
    return undefined
  }

  #meetAtOnce(id: NeedId): void {
    const range = this.#exchange.demand.ranges.get(id)
    if (range !== undefined && this.#exchange.demand.isMet(range, this.#log)) {
      this.#exchange.demand.drop(id)
      this.#meet([id])
    }
  }

  #meet(ids: readonly NeedId[]): void {
    for (const id of ids) {
      this.#waiting.get(id)?.resolve()
      this.#waiting.delete(id)
    }
  }

  #settled(peer: Peer, asked: Asked, data: Data | null, met: readonly NeedId[]): void {
    this.#meet(met)
    this.#markDirty(peer)
    if (data === null) {
      this.#markAllDirty()
      return
    }
    const { block, upgrade } = data.proof
    if (block !== null) this.#stored(peer, block)
    const headChanged = upgrade !== null && asked.request.upgrade !== null
    const presence = block === null ? null : { start: block.index, length: 1, present: true }
    this.#advanced({ headChanged, presence })
  }

  #stored(peer: Peer, block: ProvenBlock): void {
    this.#events.onDownload?.(peer, block)
    this.#cancel(this.#exchange.rivals(block.index))
  }

  #cancel(questions: readonly Asked[]): void {
    for (const { peer, id } of questions) this.#peers.get(peer)?.cancel(id)
  }

  #advanced(advance: Advance): void {
    this.#meet(this.#exchange.advanced(advance))
    if (advance.headChanged) this.#markAllDirty()
  }

  #published(change: LogChange): void {
    const { length } = this.#log
    const cutFrom = change.ancestor < this.#toldLength ? change.ancestor : -1
    for (const peer of this.#peers.values()) {
      if (cutFrom !== -1) peer.advertiser.cut(cutFrom, this.#toldLength)
      peer.advertiser.changed(change)
      if (change.headChanged || change.manifestChanged) peer.advertiser.refresh()
    }
    this.#toldLength = length
    this.#advanced(change)
    if (change.headChanged) this.#settleUpdates(true)
    this.#pumpSoon()
  }

  #settleUpdates(longer: boolean): void {
    for (const wait of this.#updates) wait.resolve(longer)
    this.#updates.clear()
  }

  /** Nobody can be expected to know of more: those who wait for an update are told so. */
  #checkUpdates(): void {
    if (this.#updates.size === 0 || this.#exchange.inflight.upgrade !== null) return
    for (const attachment of this.#attachments.values()) if (attachment.mayBringMore()) return
    this.#settleUpdates(false)
  }

  #markDirty(peer: Peer): void {
    this.#exchange.heardFrom(peer.id)
    this.#dirty.add(peer)
    this.#pumpSoon()
  }

  #markAllDirty(): void {
    for (const peer of this.#peers.values()) this.#dirty.add(peer)
    this.#pumpSoon()
  }

  /** Once per turn of the event loop, however many events there were. */
  #pumpSoon(): void {
    if (this.#pumpDue || this.#closed) return
    this.#pumpDue = true
    queueMicrotask(() => {
      this.#pumpDue = false
      if (!this.#closed) this.#pump()
    })
  }

  #pump(): void {
    const now = this.#env.now()
    for (const peer of this.#peers.values()) peer.advertiser.flush()
    for (const asked of this.#exchange.expire(now)) {
      this.#peers.get(asked.peer)?.cancel(asked.id)
      this.#peers.get(asked.peer)?.onExpired()
      this.#markAllDirty()
    }
    this.#subscribe()
    this.#askRounds(now)
    this.#checkUpdates()
    this.#armTimer()
  }

  #subscribe(): void {
    for (const peer of this.#dirty) {
      for (let i = 0; i < INTERESTS_PER_PUMP; i++) {
        const step = this.#exchange.nextInterest(peer.id)
        if (step === null) break
        if (step.unwant !== null) peer.unwant({ ...step.unwant, any: false })
        peer.want({ ...step.want, any: false })
      }
    }
  }

  /** One question per peer and round, so that no peer gets all; a peer without a question drops out. */
  #askRounds(now: number): void {
    const asking = shuffled([...this.#dirty], () => this.#env.random())
    this.#dirty.clear()
    while (asking.length > 0) {
      for (let i = asking.length - 1; i >= 0; i--) {
        const peer = asking[i]
        if (peer === undefined) continue
        const asked = this.#exchange.nextRequest(peer.id, now)
        if (asked === null) asking.splice(i, 1)
        else peer.ask(asked)
      }
    }
  }

  #armTimer(): void {
    const idle = this.#exchange.inflight.totalAsked() === 0 && this.#exchange.demand.count === 0
    if (idle || this.#timer !== null || this.#peers.size === 0) return
    this.#timer = this.#env.setTimer(TICK_MS, () => {
      this.#timer = null
      for (const peer of this.#peers.values()) this.#dirty.add(peer)
      if (!this.#closed) this.#pump()
    })
  }

  /** The one place that decides what a fault means for a peer. */
  #onFault(peer: Peer, error: unknown): void {
    this.#events.onFault?.(peer, error)
    if (error instanceof ProtocolError) peer.disconnect()
    else if (error instanceof ProofError) peer.onFalseProof(error)
    else if (error instanceof StorageError) this.#rest()
    this.#markAllDirty()
    this.#checkUpdates()
  }

  /** The disk failed: nobody is asked for a while, serving goes on. */
  #rest(): void {
    this.#exchange.paused = true
    this.#env.setTimer(STORAGE_RETRY_MS, () => {
      this.#exchange.paused = false
      this.#markAllDirty()
    })
  }
}

function closedError(): StateError {
  return new StateError('CLOSED', 'The log is closed')
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
