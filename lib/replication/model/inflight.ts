// Inflight: claims. A claim lives until its block is in the local log, not until its answer is in:
// asked → verifying → gone. Arrival frees the peer's window; the block stays claimed, so that nobody is
// asked for what is being stored. A peer that leaves takes its asked claims with it, not its verifying ones.
import { Bitfield } from '../../util/bitfield.ts'
import { LazyMap, LazySet } from '../../util/lazy.ts'
import { PACE_MEMORY_MS } from '../constants.ts'
import { Meter } from './meter.ts'
import type { Asked, PeerId, RequestId } from './types.ts'

interface PeerClaims {
  nextId: RequestId
  readonly asked: Map<RequestId, Asked>
  /** Blocks that it was asked for and that are not stored yet: all, and those that somebody waits for. */
  readonly blocks: Bitfield
  readonly urgentBlocks: Bitfield
  /** When the peer last delivered anything, or was asked with nothing in flight. */
  progressAt: number
  /** How long its quickest answers take, in milliseconds; null: none has come. */
  roundTripMs: number | null
  readonly answers: Meter
}

export class Inflight {
  /** One bit per block that is asked or being verified. */
  readonly claimed: Bitfield = new Bitfield()
  #peers: LazyMap<PeerId, PeerClaims> = new LazyMap()
  #verifying: LazySet<Asked> = new LazySet()
  #verifyingBytes = 0
  /** Blocks with more than one claim: how many. */
  #extra: LazyMap<number, number> = new LazyMap()
  #upgrade: Asked | null = null
  #manifest: Asked | null = null
  #seeks: LazyMap<number, Asked> = new LazyMap()

  get verifyingCount(): number {
    return this.#verifying.size
  }

  get verifyingBytes(): number {
    return this.#verifyingBytes
  }

  /** The one upgrade that is asked or being verified. */
  get upgrade(): Asked | null {
    return this.#upgrade
  }

  get manifest(): Asked | null {
    return this.#manifest
  }

  hasSeek(need: number): boolean {
    return this.#seeks.has(need)
  }

  /** The claims that the peer takes with it. */
  removePeer(peer: PeerId): Asked[] {
    const claims = this.#peers.get(peer)
    this.#peers.delete(peer)
    const gone = claims === undefined ? [] : [...claims.asked.values()]
    for (const asked of gone) this.#release(asked)
    return gone
  }

  askedOf(peer: PeerId): number {
    return this.#peers.get(peer)?.asked.size ?? 0
  }

  /** All questions under way at one peer, oldest first. */
  questions(peer: PeerId): Iterable<Asked> {
    return this.#peers.get(peer)?.asked.values() ?? []
  }

  /** Questions asked before a moment of peers other than this one. */
  *oldQuestions(exceptPeer: PeerId, before: number): Iterable<Asked> {
    for (const [peer, claims] of this.#peers) {
      if (peer === exceptPeer) continue
      for (const asked of claims.asked.values()) {
        if (asked.askedAt > before) break
        yield asked
      }
    }
  }

  totalAsked(): number {
    let total = 0
    for (const claims of this.#peers.values()) total += claims.asked.size
    return total
  }

  /**
   * Blocks whose answers come before that of a new question of this priority: urgent questions are answered
   * before others, else each in its turn.
   */
  underWay(peer: PeerId, priority: 0 | 1): Bitfield | null {
    const claims = this.#peers.get(peer)
    if (claims === undefined) return null
    return priority === 1 ? claims.urgentBlocks : claims.blocks
  }

  /** Whether an answer that comes before this one's is not in yet. */
  isAhead({ peer, id, priority }: Asked): boolean {
    for (const earlier of this.questions(peer)) {
      if (earlier.id > id) return false
      if (earlier.priority >= priority) return true
    }
    return false
  }

  isClaimed(index: number): boolean {
    return this.claimed.has(index)
  }

  /** A question for the block, and whether its answer is in; null: there is none. Looks at all of them. */
  claimOf(index: number): { readonly asked: Asked; readonly isArrived: boolean } | null {
    if (!this.claimed.has(index)) return null
    for (const asked of this.#verifying) {
      if (asked.request.block?.index === index) return { asked, isArrived: true }
    }
    for (const { asked: questions } of this.#peers.values()) {
      for (const asked of questions.values()) {
        if (asked.request.block?.index === index) return { asked, isArrived: false }
      }
    }
    return null
  }

  roundTripMs(peer: PeerId): number | null {
    return this.#peers.get(peer)?.roundTripMs ?? null
  }

  /** How many answers came from the peer lately. */
  answersPerSecond(peer: PeerId, now: number): number {
    return this.#peers.get(peer)?.answers.perSecond(now) ?? 0
  }

  claimCount(index: number): number {
    return this.claimed.has(index) ? 1 + (this.#extra.get(index) ?? 0) : 0
  }

  /** Notes a question and gives it its id. */
  add(question: Omit<Asked, 'id' | 'peer' | 'askedAt'>, peer: PeerId, now: number): Asked {
    const claims = this.#claimsOf(peer, now)
    const { request, priority, assumes, seekNeed } = question
    const id = claims.nextId++
    const asked: Asked = { id, peer, request, priority, askedAt: now, assumes, seekNeed }
    if (claims.asked.size === 0) claims.progressAt = now
    claims.asked.set(asked.id, asked)
    const { block, upgrade, manifest } = asked.request
    if (block !== null) {
      this.#claim(block.index)
      claims.blocks.set(block.index, true)
      if (asked.priority === 1) claims.urgentBlocks.set(block.index, true)
    }
    if (upgrade !== null) this.#upgrade = asked
    if (manifest) this.#manifest = asked
    if (asked.seekNeed !== null) this.#seeks.set(asked.seekNeed, asked)
    return asked
  }

  /** The answer is in: its question, from now on being verified; null if none is open under this id. */
  arrived(peer: PeerId, id: RequestId, byteLength: number, now: number): Asked | null {
    const claims = this.#peers.get(peer)
    const asked = claims?.asked.get(id)
    if (claims === undefined || asked === undefined) return null
    claims.asked.delete(id)
    claims.progressAt = now
    claims.answers.add(1, now)
    claims.roundTripMs = smoothed(claims.roundTripMs, now - asked.askedAt)
    this.#verifying.add(asked)
    this.#verifyingBytes += byteLength
    return asked
  }

  /** Stored, refused or found bad: the claim ends. */
  settle(asked: Asked, byteLength: number): void {
    if (!this.#verifying.delete(asked)) return
    this.#verifyingBytes -= byteLength
    this.#release(asked)
  }

  /** Gives up one question that was not answered yet. */
  cancel(asked: Asked): void {
    if (this.#peers.get(asked.peer)?.asked.delete(asked.id)) this.#release(asked)
  }

  /** Peers from which nothing came for the time allowed, with all their questions; upgrades have a shorter one. */
  overdue(now: number, timeoutMs: number, upgradeTimeoutMs: number): Asked[] {
    const late: Asked[] = []
    for (const claims of this.#peers.values()) {
      const silentFor = now - claims.progressAt
      if (silentFor < Math.min(timeoutMs, upgradeTimeoutMs)) continue
      for (const asked of claims.asked.values()) {
        const limit = asked.request.upgrade === null ? timeoutMs : upgradeTimeoutMs
        if (silentFor >= limit && now - asked.askedAt >= limit) late.push(asked)
      }
    }
    return late
  }

  /** Of a peer that was never asked, nothing is kept. */
  #claimsOf(peer: PeerId, now: number): PeerClaims {
    let claims = this.#peers.get(peer)
    if (claims === undefined) {
      const [blocks, urgentBlocks] = [new Bitfield(), new Bitfield()]
      claims = {
        nextId: 1,
        asked: new Map(),
        blocks,
        urgentBlocks,
        progressAt: now,
        roundTripMs: null,
        answers: new Meter(PACE_MEMORY_MS)
      }
      this.#peers.set(peer, claims)
    }
    return claims
  }

  #claim(index: number): void {
    if (this.claimed.has(index)) this.#extra.set(index, (this.#extra.get(index) ?? 0) + 1)
    else this.claimed.set(index, true)
  }

  #release(asked: Asked): void {
    const { block } = asked.request
    if (block !== null) {
      this.#unclaim(block.index)
      const claims = this.#peers.get(asked.peer)
      claims?.blocks.set(block.index, false)
      claims?.urgentBlocks.set(block.index, false)
    }
    if (this.#upgrade === asked) this.#upgrade = null
    if (this.#manifest === asked) this.#manifest = null
    if (asked.seekNeed !== null) this.#seeks.delete(asked.seekNeed)
  }

  #unclaim(index: number): void {
    const extra = this.#extra.get(index)
    if (extra === undefined) this.claimed.set(index, false)
    else if (extra === 1) this.#extra.delete(index)
    else this.#extra.set(index, extra - 1)
  }
}

/** A shorter time is believed at once, since nothing makes it too short; a longer one bit by bit: it may have queued. */
function smoothed(before: number | null, sample: number): number {
  if (before === null || sample <= before) return sample
  return before + (sample - before) / 16
}
