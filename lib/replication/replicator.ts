// Replicator: one per log. Wires the parts together, maps changes and faults. Owner of the list of peers, and of
// what they are told of changes. Decides nothing about blocks.
import { type Env, systemEnv } from '../env.ts'
import { ProofError, ProtocolError, StorageError } from '../errors.ts'
import type { Proof, ProvenBlock } from '../merkle/proof.ts'
import type { Multiplexer } from '../mux/multiplexer.ts'
import { throwIfAborted } from '../util/abort.ts'
import type { Unsubscribe } from '../util/emitter.ts'
import { LazyMap } from '../util/lazy.ts'
import { Attachments } from './attachments.ts'
import { STORAGE_RETRY_MS } from './constants.ts'
import { Reorg, type ReorgPlan } from './download/reorg.ts'
import { Extensions } from './extensions.ts'
import { Insight } from './insight.ts'
import type { Data } from './messages.ts'
import { Exchange } from './model/exchange.ts'
import type { Advance, Asked, Need, NeedId } from './model/types.ts'
import type { Peer } from './peer.ts'
import type { PeerContext } from './peer-context.ts'
import { Pump } from './pump.ts'
import type { LogChange, ReplicatedLog } from './replicated-log.ts'
import { type SyncTarget, SyncWaits } from './sync-waits.ts'
import { type Authorize, permitsOf, Traffic, type TrafficOptions } from './traffic.ts'
import { closedError, conflictError, Waits } from './waits.ts'

export interface ReplicatorEvents {
  onPeerAdd?(peer: Peer): void
  onPeerRemove?(peer: Peer): void
  /** It told of more, or fewer, blocks from the begin on. */
  onPeerProgress?(peer: Peer): void
  /** `askedAt`: when it was asked for; null: it came unasked. */
  onDownload?(peer: Peer, block: ProvenBlock, askedAt: number | null): void
  onUpload?(peer: Peer, block: ProvenBlock): void
  /** A peer or the disk did something wrong; replication goes on without it. */
  onFault?(peer: Peer, error: unknown): void
  /** A peer told of its head, or came or went: perhaps we know of more now, or of less. */
  onHeads?(): void
  /** Whether blocks may flow to, or from, a peer; by default always. */
  readonly authorize?: Authorize
  /** Whether the log may be cut so deeply to follow a higher fork; by default always. */
  mayReorg?(plan: ReorgPlan): boolean | Promise<boolean>
}

export class Replicator {
  readonly extensions: Extensions
  readonly traffic: Traffic
  readonly insight: Insight
  readonly #log: ReplicatedLog
  readonly #env: Env
  readonly #events: ReplicatorEvents
  readonly #exchange: Exchange
  readonly #context: PeerContext
  readonly #attachments: Attachments
  readonly #peers: LazyMap<number, Peer> = new LazyMap()
  readonly #waits: Waits = new Waits()
  readonly #syncWaits: SyncWaits
  readonly #reorg: Reorg
  readonly #unsubscribe: Unsubscribe
  readonly #pump: Pump
  #toldLength: number
  #closed = false

  constructor(
    log: ReplicatedLog,
    events: ReplicatorEvents = {},
    env: Env = systemEnv,
    options: TrafficOptions = {}
  ) {
    this.#log = log
    this.#env = env
    this.#events = events
    this.#exchange = new Exchange(log, () => env.random())
    this.#attachments = new Attachments({
      authorize: (peer) => permitsOf(events.authorize, peer),
      onOpen: (peer) => this.#addPeer(peer),
      onClose: (peer) => this.#removePeer(peer),
      onEnded: () => {
        this.#checkUpdates()
        this.#pump.soon()
      }
    })
    this.#syncWaits = new SyncWaits({
      log,
      exchange: this.#exchange,
      attachments: this.#attachments,
      onEnd: (need) => this.#drop(need)
    })
    this.insight = new Insight({ log, env, exchange: this.#exchange, peers: this.#peers })
    this.traffic = new Traffic(env, options, {
      isBusy: () => this.#isBusy,
      onChange: () => this.#attachments.trafficChanged()
    })
    this.extensions = new Extensions(() => this.#peers.values())
    this.#toldLength = log.length
    this.#unsubscribe = log.onChange((change) => this.#published(change))
    this.#pump = new Pump({
      log,
      env,
      exchange: this.#exchange,
      peers: this.#peers,
      onPumped: () => {
        this.#checkUpdates()
        this.#syncWaits.look()
        this.traffic.activity.look()
      }
    })
    this.#reorg = new Reorg({
      log,
      exchange: this.#exchange,
      env,
      mayFollow: (plan) => events.mayReorg?.(plan) ?? true
    })
    this.#context = {
      log,
      env,
      exchange: this.#exchange,
      extensions: this.extensions,
      limits: this.traffic,
      isWanted: () => this.traffic.activity.isOn,
      isPressing: () => this.traffic.activity.isPressing,
      flagsFor: (permits, peer) => this.traffic.flagsFor(permits, peer),
      onIdle: (peer) => this.#attachments.of(peer)?.closeIfIdle(),
      onDirty: (peer) => this.#markDirty(peer),
      onHeads: () => this.#events.onHeads?.(),
      onProgress: (peer) => this.#events.onPeerProgress?.(peer),
      onFork: (asked, data) => this.#reorg.take(asked, data),
      onSettled: (peer, asked, data, met) => this.#settled(peer, asked, data, met),
      onPushed: (peer, proof) => {
        this.#markDirty(peer)
        this.#taken(peer, proof, null, proof.upgrade !== null)
      },
      onUpload: (peer, block) => this.#events.onUpload?.(peer, block),
      onFault: (peer, error) => this.#onFault(peer, error),
      onFull: (peer, full) => this.#attachments.of(peer)?.pauseReading(full)
    }
    if (options.active ?? true) this.traffic.activity.hold()
  }

  get peers(): Iterable<Peer> {
    return this.#peers.values()
  }

  /** Whether there is a connection over which something may come. */
  get isConnected(): boolean {
    return this.#attachments.isConnected
  }

  /**
   * Replicates over this connection, now and whenever the other side opens the log on it. Idempotent.
   * @param isAsked the other side has opened it before, and waits
   */
  attach(mux: Multiplexer, isAsked = false): void {
    if (this.#closed) return
    this.#attachments.add(mux, this.#context)
    if (isAsked) this.#attachments.meet(mux)
  }

  detach(mux: Multiplexer): void {
    this.#attachments.remove(mux)
  }

  /**
   * Resolves when the need is met; waits for peers as long as the signal allows.
   * @throws AbortError; StateError CLOSED if the log closes meanwhile
   */
  need(need: Need, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal)
    if (this.#closed) return Promise.reject(closedError())
    if (this.#log.frozen) return Promise.reject(conflictError())
    // It may have come since the caller looked.
    if (need.kind === 'block' && this.#log.has(need.index)) return Promise.resolve()
    const id = this.#exchange.addNeed(need)
    const wait = this.#waits.forNeed(id, signal, () => this.#drop(id))
    if (need.kind === 'range') this.#meetAtOnce(id)
    this.traffic.activity.look()
    this.#pump.markAllDirty()
    return wait
  }

  /** Resolves once the log has caught up as the target says; fetches what lacks. @throws as need */
  synced(target: SyncTarget, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal)
    if (this.#closed) return Promise.reject(closedError())
    if (this.#log.frozen) return Promise.reject(conflictError())
    const wait = this.#syncWaits.wait(target, signal)
    this.traffic.activity.look()
    this.#pump.markAllDirty()
    return wait
  }

  /**
   * Whether the log got longer: resolves as soon as it did, or with false as soon as no connected peer can
   * be expected to know of more.
   */
  update(signal?: AbortSignal): Promise<boolean> {
    throwIfAborted(signal)
    if (this.#closed) return Promise.reject(closedError())
    const wait = this.#waits.forUpdate(signal, () => this.#pump.soon())
    this.traffic.activity.look()
    this.#pump.markAllDirty()
    this.#checkUpdates()
    return wait
  }

  /** Asks the application for each connection again what may flow, and ends what may not any more. */
  reauthorize(): Promise<void> {
    return this.#attachments.review()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.traffic.activity.close()
    this.#unsubscribe()
    this.#pump.close()
    // First of all: a closing connection would settle some of them as if nobody had more to say.
    this.#waits.rejectAll(closedError())
    this.#syncWaits.rejectAll(closedError())
    this.#attachments.close()
  }

  /** For tests: derived numbers agree with what they are derived from. */
  assertInvariants(): void {
    this.#exchange.assertInvariants()
  }

  get #isBusy(): boolean {
    const isIdle = this.#waits.isEmpty && this.#syncWaits.isEmpty
    return !isIdle || this.#exchange.inflight.totalAsked() > 0
  }

  #drop(need: NeedId): void {
    this.#cancel(this.#exchange.dropNeed(need))
    this.#pump.soon()
  }

  #addPeer(peer: Peer): void {
    this.#peers.set(peer.id, peer)
    peer.advertiser.open()
    this.#events.onPeerAdd?.(peer)
    this.#events.onHeads?.()
  }

  #removePeer(peer: Peer): void {
    this.#peers.delete(peer.id)
    this.#pump.forget(peer)
    peer.close()
    this.#events.onPeerRemove?.(peer)
    this.#events.onHeads?.()
    this.#pump.markAllDirty()
  }

  #meetAtOnce(id: NeedId): void {
    const range = this.#exchange.demand.ranges.get(id)
    if (range !== undefined && this.#exchange.demand.isMet(range, this.#log)) {
      this.#exchange.demand.drop(id)
      this.#waits.meet([id])
    }
  }

  #settled(peer: Peer, asked: Asked, data: Data | null, met: readonly NeedId[]): void {
    this.#waits.meet(met)
    this.#markDirty(peer)
    if (data === null) {
      this.#pump.markAllDirty()
      return
    }
    const { upgrade } = data.proof
    this.#taken(peer, data.proof, asked, upgrade !== null && asked.request.upgrade !== null)
  }

  /** What a peer sent is stored. */
  #taken(peer: Peer, { block }: Proof, asked: Asked | null, headChanged: boolean): void {
    if (block !== null) {
      this.#events.onDownload?.(peer, block, asked?.askedAt ?? null)
      this.#cancel(this.#exchange.rivals(block.index))
    }
    const presence = block === null ? null : { start: block.index, length: 1, present: true }
    this.#advanced({ headChanged, cutTo: null, presence })
  }

  #cancel(questions: readonly Asked[]): void {
    for (const asked of questions) this.#peers.get(asked.peer)?.giveUp(asked)
  }

  #advanced(advance: Advance): void {
    this.#waits.meet(this.#exchange.advanced(advance))
    if (advance.headChanged) this.#pump.markAllDirty()
  }

  #published(change: LogChange): void {
    const { length } = this.#log
    const cutTo = change.ancestor < this.#toldLength ? change.ancestor : null
    for (const peer of this.#peers.values()) {
      if (cutTo !== null) peer.advertiser.cut(cutTo, this.#toldLength)
      peer.advertiser.changed(change)
      if (change.headChanged || change.manifestChanged) peer.advertiser.refresh()
      if (change.headChanged || this.#log.frozen) peer.comparison.look()
      if (change.headChanged) peer.advanced()
    }
    this.#toldLength = length
    if (this.#log.frozen) this.#stop()
    this.#advanced({ ...change, cutTo })
    if (change.headChanged) this.#waits.settleUpdates(true)
    this.#pump.soon()
  }

  /** Frozen: nobody is asked for anything until a higher fork settles it. */
  #stop(): void {
    for (const id of this.#waits.rejectAll(conflictError())) {
      this.#cancel(this.#exchange.dropNeed(id))
    }
    this.#syncWaits.rejectAll(conflictError())
  }

  /** Nobody can be expected to know of more: those who wait for an update are told so. */
  #checkUpdates(): void {
    if (!this.#waits.hasUpdates || this.#exchange.inflight.upgrade !== null) return
    if (this.#attachments.mayBringMore()) return
    this.#waits.settleUpdates(false)
  }

  #markDirty(peer: Peer): void {
    this.#exchange.heardFrom(peer.id)
    this.#pump.markDirty(peer)
  }

  /** The one place that decides what a fault means for a peer. */
  #onFault(peer: Peer, error: unknown): void {
    this.#events.onFault?.(peer, error)
    if (error instanceof ProtocolError) peer.disconnect()
    else if (error instanceof ProofError) peer.onFalseProof(error)
    else if (error instanceof StorageError) this.#rest()
    this.#pump.markAllDirty()
    this.#checkUpdates()
  }

  /** The disk failed: nobody is asked for a while, serving goes on. */
  #rest(): void {
    this.#exchange.paused = true
    this.#env.setTimer(STORAGE_RETRY_MS, () => {
      this.#exchange.paused = false
      this.#pump.markAllDirty()
    })
  }
}
