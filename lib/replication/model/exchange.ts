// Exchange: the front of the model. Facts go in (who is there, what they have, what is wanted, what arrived),
// one question at a time comes out. Pure: no promises, no clock, no I/O; time and chance are arguments.
import { assert } from '../../util/assert.ts'
import { LazyMap } from '../../util/lazy.ts'
import { MAX_SCAN, REQUEST_TIMEOUT_MS, UPGRADE_TIMEOUT_MS } from '../constants.ts'
import { Demand } from './demand.ts'
import {
  type ExplainedPeer,
  type Explanation,
  explain,
  type Obstacle,
  obstacleOf
} from './explain.ts'
import { ForkDemand } from './fork-demand.ts'
import { Inflight } from './inflight.ts'
import { Interest, type InterestStep } from './interest.ts'
import { averageBytes, isVerifyingEnough, patientWindow, windowOf } from './pace.ts'
import { relation } from './relation.ts'
import { RemoteLog } from './remote-log.ts'
import { firstOf, patientRules, urgentRules } from './rules/index.ts'
import { reorgRule } from './rules/reorg.ts'
import type { Candidate, View } from './rules/rule.ts'
import type { Advance, Asked, LocalLog, Need, NeedId, PeerId, RequestId } from './types.ts'

/** Ranges are asked on only when this part of the window is free again: many questions leave together. */
const REFILL_SHARE = 4

interface PeerEntry {
  readonly remote: RemoteLog
  /** What the rules see of this peer; `now` is set before each look. */
  readonly view: View
  /** It let questions expire and has said nothing since: it is not asked until it does. */
  stalled: boolean
  /** A rate limit keeps us from asking. */
  isLimited: boolean
  /** We may ask it at all. */
  isOn: boolean
  /** Questions for ranges are being asked, until the window is full. */
  refilling: boolean
}

export class Exchange {
  /** The local disk fails: nobody is asked for anything. */
  paused = false
  readonly demand: Demand = new Demand()
  readonly inflight: Inflight = new Inflight()
  readonly forks: ForkDemand = new ForkDemand()
  readonly #interest: Interest = new Interest()
  readonly #peers: LazyMap<PeerId, PeerEntry> = new LazyMap()
  readonly #local: LocalLog
  readonly #random: () => number
  #nextPeer: PeerId = 1

  constructor(local: LocalLog, random: () => number) {
    this.#local = local
    this.#random = random
  }

  addPeer(now: number): { id: PeerId; remote: RemoteLog } {
    const id = this.#nextPeer++
    const remote = new RemoteLog()
    const view: View = {
      local: this.#local,
      peer: id,
      remote,
      demand: this.demand,
      inflight: this.inflight,
      forks: this.forks,
      now,
      from: 0,
      spread: this.#peers.size === 0 ? 0 : this.#random(),
      random: this.#random
    }
    this.#peers.set(id, {
      remote,
      view,
      stalled: false,
      isLimited: false,
      isOn: true,
      refilling: true
    })
    return { id, remote }
  }

  removePeer(id: PeerId): void {
    this.#lookAgain()
    this.#peers.delete(id)
    for (const asked of this.inflight.removePeer(id)) this.#forget(asked)
    this.#leaveFork()
    this.#interest.removePeer(id)
  }

  addNeed(need: Need): NeedId {
    this.#lookAgain()
    return this.demand.add(need)
  }

  /** Forgets a need; the answer names the questions that nobody waits for any more, to be cancelled. */
  dropNeed(id: NeedId): Asked[] {
    if (!this.demand.drop(id)) return []
    const idle: Asked[] = []
    for (const peer of this.#peers.keys()) {
      for (const asked of this.inflight.questions(peer)) {
        if (this.#isIdle(asked)) idle.push(asked)
      }
    }
    for (const asked of idle) this.inflight.cancel(asked)
    this.#lookAgain()
    return idle
  }

  /** The only birthplace of questions. */
  nextRequest(peer: PeerId, now: number): Asked | null {
    const entry = this.#peers.get(peer)
    if (entry === undefined || entry.stalled || !entry.isOn || this.paused) return null
    if (entry.isLimited) return null
    if (!this.#mayAsk(entry.remote)) return null
    entry.view.now = now
    if (entry.remote.fork > this.#local.fork) return this.#askFork(entry, peer, now)
    const candidate = this.#candidate(entry)
    if (candidate === null) return null
    const { block } = candidate.request
    if (block !== null && candidate.priority === 1) this.demand.passOver(block.index)
    else if (block !== null) entry.view.from = block.index + 1
    return this.inflight.add(candidate, peer, now)
  }

  nextInterest(peer: PeerId): InterestStep | null {
    const { remote, isOn } = this.#peers.get(peer) ?? {}
    if (remote === undefined || !isOn) return null
    const isForked = relation(this.#local, remote) === 'they-forked'
    if (isForked) return this.#interest.at(peer, remote, this.forks.wantedOf(remote))
    return this.#interest.next(peer, remote, this.#local, this.demand)
  }

  /** Whether the peer's higher fork is going to be followed soon. */
  mayFollow(remote: RemoteLog, now: number): boolean {
    const { forks } = this
    if (remote.length === 0 || remote.fork <= forks.refusedFork) return false
    return remote.mayProve(now) && now >= forks.nextAt(now)
  }

  /** An answer is in; null: we do not wait for this from this peer. */
  arrived(peer: PeerId, id: RequestId, byteLength: number, now: number): Asked | null {
    return this.inflight.arrived(peer, id, byteLength, now)
  }

  /** Stored, refused or found bad: the claim ends. The answer names the seek that was waiting for it. */
  settle(asked: Asked, byteLength: number): NeedId[] {
    this.inflight.settle(asked, byteLength)
    this.#forget(asked)
    const { seekNeed, request } = asked
    if (request.block !== null && !this.#local.has(request.block.index)) this.#lookAgain()
    return seekNeed !== null && this.demand.drop(seekNeed) ? [seekNeed] : []
  }

  /** The block is stored: what else was asked for it is to be cancelled. */
  rivals(index: number): Asked[] {
    if (!this.inflight.isClaimed(index)) return []
    const rivals: Asked[] = []
    for (const peer of this.#peers.keys()) {
      for (const asked of this.inflight.questions(peer)) {
        if (asked.request.block?.index === index && asked.request.upgrade === null)
          rivals.push(asked)
      }
    }
    for (const asked of rivals) this.inflight.cancel(asked)
    return rivals
  }

  /** Nothing that comes from this peer is waited for any more: the questions that were under way. */
  abandon(peer: PeerId): Asked[] {
    const given = [...this.inflight.questions(peer)]
    for (const asked of given) {
      this.inflight.cancel(asked)
      this.#forget(asked)
    }
    if (given.length > 0) this.#lookAgain()
    return given
  }

  /** Whether the peer may be asked; if not, the questions that were under way, to be cancelled. */
  setOn(peer: PeerId, isOn: boolean): Asked[] {
    const entry = this.#peers.get(peer)
    if (entry === undefined || entry.isOn === isOn) return []
    entry.isOn = isOn
    return isOn ? [] : this.abandon(peer)
  }

  setLimited(peer: PeerId, isLimited: boolean): void {
    const entry = this.#peers.get(peer)
    if (entry !== undefined) entry.isLimited = isLimited
  }

  /** The peer said something: a stalled one may be asked again. */
  heardFrom(peer: PeerId): void {
    const entry = this.#peers.get(peer)
    if (entry !== undefined) entry.stalled = false
  }

  /**
   * Questions whose peers deliver nothing; their claims end, and others are asked. A peer that does not
   * deliver an upgrade is not asked for one again for a while, unless it tells of its head.
   */
  expire(now: number): Asked[] {
    const late = this.inflight.overdue(now, REQUEST_TIMEOUT_MS, UPGRADE_TIMEOUT_MS)
    if (late.length > 0) this.#lookAgain()
    for (const asked of late) {
      this.inflight.cancel(asked)
      this.#forget(asked)
      const entry = this.#peers.get(asked.peer)
      if (entry === undefined) continue
      const { upgrade, fork } = asked.request
      if (fork > this.#local.fork) this.forks.failed(now)
      else if (upgrade !== null) entry.remote.headUnproven(now)
      if (upgrade === null || fork > this.#local.fork) entry.stalled = true
    }
    return late
  }

  /** The peer told more, or less, of what it holds. */
  learned(peer: PeerId): void {
    const entry = this.#peers.get(peer)
    if (entry !== undefined) entry.view.from = 0
  }

  /** The local log changed: the needs that this meets. */
  advanced(change: Advance): NeedId[] {
    if (change.presence?.present === false) this.#lookAgain()
    if (change.cutTo !== null) {
      this.#lookAgain()
      this.demand.cut(change.cutTo)
    }
    const met = change.headChanged ? this.demand.lengthened() : []
    const { presence } = change
    if (presence?.present) {
      const end = presence.start + presence.length
      met.push(...this.demand.arrived(presence.start, end, this.#local))
    }
    return met
  }

  explain(index: number, now: number): Explanation {
    const { demand, inflight, paused } = this
    const peers = [...this.#peers.keys()].map((id) => this.#explained(id))
    return explain({ local: this.#local, demand, inflight, paused, peers, now }, index)
  }

  /** Why the peer is not asked for anything; null if nothing keeps us. */
  obstacle(id: PeerId): Obstacle | 'frozen' | 'disk' | null {
    if (this.paused) return 'disk'
    if (this.#local.frozen) return 'frozen'
    const peer = this.#explained(id)
    return obstacleOf(this.#local, peer) ?? (peer.isFull ? 'limited' : null)
  }

  /** Bytes that are expected of the peer, by the average of the log. */
  expectedBytes(peer: PeerId): number {
    return this.inflight.askedOf(peer) * averageBytes(this.#local)
  }

  /** Recomputes what can be derived and compares. Tests call it after each step. */
  assertInvariants(): void {
    const claims = new Map<number, number>()
    for (const [peer] of this.#peers) {
      assert(this.inflight.askedOf(peer) <= windowOf(this.#local) + MAX_SCAN, 'asked <= window')
      for (const asked of this.inflight.questions(peer)) {
        assert(asked.peer === peer, 'a claim belongs to the peer that was asked')
        const index = asked.request.block?.index
        if (index !== undefined) claims.set(index, (claims.get(index) ?? 0) + 1)
      }
    }
    for (const [index, count] of claims) {
      assert(count <= 2, `block ${index} has at most two claims`)
      assert(this.inflight.isClaimed(index), `block ${index} is claimed`)
    }
  }

  #explained(id: PeerId): ExplainedPeer {
    const entry = this.#peers.get(id)
    assert(entry !== undefined, 'only peers that are here are explained')
    const { remote, isOn, isLimited, stalled } = entry
    const isFull =
      isLimited ||
      this.inflight.askedOf(id) >= windowOf(this.#local) ||
      isVerifyingEnough(this.inflight)
    return { id, remote, isOn, stalled, isFull }
  }

  /** The one question about a higher fork is not under way any more. */
  #forget(asked: Asked): void {
    if (this.forks.asked === asked) this.forks.asked = null
  }

  /** Nobody is left on the fork that is being followed: another one may be. */
  #leaveFork(): void {
    const { search } = this.forks
    if (search === null) return
    for (const { remote } of this.#peers.values()) if (remote.fork === search.fork) return
    this.forks.search = null
  }

  #askFork({ view }: PeerEntry, peer: PeerId, now: number): Asked | null {
    const candidate = reorgRule(view)
    if (candidate === null) return null
    this.forks.asked = this.inflight.add(candidate, peer, now)
    return this.forks.asked
  }

  /** Blocks may be free to be asked that were passed already. */
  #lookAgain(): void {
    for (const { view } of this.#peers.values()) view.from = 0
  }

  #mayAsk(remote: RemoteLog): boolean {
    if (!remote.synced || remote.distrusted || !remote.uploading) return false
    if (remote.fork < this.#local.fork) return false
    if (remote.fork === this.#local.fork && this.#local.frozen) return false
    return !isVerifyingEnough(this.inflight)
  }

  #candidate(entry: PeerEntry): Candidate | null {
    const { view } = entry
    const window = windowOf(this.#local)
    const asked = this.inflight.askedOf(view.peer)
    if (asked >= window) return null
    const urgent = firstOf(urgentRules, view)
    if (urgent !== null) return urgent
    const most = patientWindow(view, this.#peers.size === 1)
    if (asked >= most) entry.refilling = false
    else if (asked <= most - Math.ceil(most / REFILL_SHARE)) entry.refilling = true
    return entry.refilling ? firstOf(patientRules, view) : null
  }

  #isIdle(asked: Asked): boolean {
    const { block, upgrade, hash } = asked.request
    if (upgrade !== null) return false
    if (asked.seekNeed !== null) return !this.demand.seeks.has(asked.seekNeed)
    if (block !== null) return !this.demand.isWanted(block.index)
    return hash !== null
  }
}
