// Advertiser: what we tell one peer about our copy: head, holdings, and whether we can upgrade it
// (spec replication.md sections 5 to 7). Owner of what the peer asked to hear and what it was told last.
// Everything said is published state. Facts of one turn of the event loop are said together.
import { background } from '../../util/background.ts'
import {
  MAX_BITFIELD_WORDS,
  MAX_QUEUED_WANTS,
  MAX_REMOTE_WANTS,
  MAX_WANT_BLOCKS,
  UNASKED_REACH_BLOCKS
} from '../constants.ts'
import type { Sync, Want } from '../messages.ts'
import type { RemoteLog } from '../model/remote-log.ts'
import type { PeerSender } from '../peer-sender.ts'
import type { LogChange, ReplicatedLog } from '../replicated-log.ts'

interface Span {
  start: number
  end: number
}

export type SyncFlags = Pick<Sync, 'uploading' | 'downloading' | 'allowPush'>

export interface AdvertiserOptions {
  readonly log: ReplicatedLog
  readonly remote: RemoteLog
  readonly send: PeerSender
  /** What we tell of ourselves beside the log; changes. */
  readonly flags: SyncFlags
  /** More wants wait than we keep: stop, or go on, reading from this connection. */
  onFull(full: boolean): void
  /** Whether the peer can climb to nodes that we store became known, or may have changed. */
  onRelation(): void
}

export class Advertiser {
  readonly #options: AdvertiserOptions
  #told: Sync | null = null
  #toldAll = 0
  #wants: Span[] = []
  #wantsAll = false
  #news: Span[] = []
  /** Wants that wait for room in the transport. */
  #queue: Want[] = []
  #isFull = false
  #mustSay: Sync | null = null
  #checking = false
  #checkAgain = false
  #closed = false

  constructor(options: AdvertiserOptions) {
    this.#options = options
  }

  /** The channel is open: says our state at once. */
  open(): void {
    const { log, send } = this.#options
    this.#sayIfNew(log.fork === 0)
    const { contiguousLength, length } = log
    if (contiguousLength > 0) {
      send.range({ drop: false, start: 0, length: contiguousLength })
      if (contiguousLength === length) this.#toldAll = length
    }
  }

  close(): void {
    this.#closed = true
    this.#queue = []
    this.#mustSay = null
  }

  /** The transport has room again: says what waited for that. */
  drained(): void {
    const { send } = this.#options
    const sync = this.#mustSay
    this.#mustSay = null
    if (sync !== null) this.#say(sync)
    while (this.#queue.length > 0 && send.drained) this.#answer(this.#queue.shift()!)
    this.#tellFull()
    this.flush()
  }

  /** Head, fork, manifest, or the peer's own state changed: looks again at what should be said. */
  refresh(): void {
    if (this.#closed) return
    if (this.#checking) {
      this.#checkAgain = true
      return
    }
    this.#checking = true
    background(this.#check(), () => {
      this.#checking = false
    })
  }

  /** Flags changed: says so at once, whatever else may have to be looked at first. */
  flagsChanged(): void {
    const last = this.#mustSay ?? this.#told
    if (last !== null && !this.#closed) this.#sayWhenDrained({ ...last, ...this.#options.flags })
  }

  /** Notes a published change of the local log; flush says it. */
  changed(change: LogChange): void {
    const { presence } = change
    if (presence === null) return
    const end = presence.start + presence.length
    if (!presence.present) {
      this.#options.send.range({ drop: true, start: presence.start, length: presence.length })
      this.#toldAll = 0
      return
    }
    const last = this.#news.at(-1)
    if (last !== undefined && last.end === presence.start) last.end = end
    else this.#news.push({ start: presence.start, end })
  }

  /** Blocks [start, end) are gone because the history was cut. */
  cut(start: number, end: number): void {
    this.#options.send.range({ drop: true, start, length: end - start })
    this.#toldAll = 0
    this.#news = []
  }

  /** Says which blocks are new, as far as this peer cares (section 7.1). */
  flush(): void {
    const news = this.#news
    if (news.length === 0 || this.#closed || !this.#options.send.drained) return
    this.#news = []
    const { contiguousLength, length } = this.#options.log
    if (contiguousLength === length && length > 0) {
      this.#announceAll(length)
      return
    }
    for (const span of news) this.#announce(span, length)
  }

  /** The peer asks what we hold of a region, now and from now on (section 7.2). */
  subscribe(want: Want): void {
    this.#remember(want)
    if (this.#queue.length === 0 && this.#options.send.drained) this.#answer(want)
    else this.#queue.push(want)
    this.#tellFull()
  }

  #tellFull(): void {
    const isFull = this.#queue.length >= MAX_QUEUED_WANTS
    if (isFull === this.#isFull) return
    this.#isFull = isFull
    this.#options.onFull(isFull)
  }

  #answer(want: Want): void {
    const { log } = this.#options
    const { length, contiguousLength } = log
    const asked = Math.min(want.length, MAX_WANT_BLOCKS)
    const whole = contiguousLength === length || want.start + asked < contiguousLength
    if (whole || (want.any && want.start < contiguousLength)) {
      this.#options.send.range({ drop: false, start: 0, length: contiguousLength })
      return
    }
    const end = Math.min(want.start + asked, length)
    if (end <= want.start) return
    if (want.any) this.#answerAny(want.start, end)
    else this.#answerBits(want.start, end)
  }

  unsubscribe({ start, length }: Want): void {
    this.#wants = this.#wants.filter((span) => span.start !== start || span.end !== start + length)
    this.#queue = this.#queue.filter((want) => want.start !== start || want.length !== length)
    this.#tellFull()
  }

  #announceAll(length: number): void {
    const { remote, send } = this.#options
    const hasAll = remote.contiguousLength >= length && remote.length >= length
    if (this.#toldAll > 0 && hasAll) return
    if (this.#toldAll === length) return
    this.#toldAll = length
    send.range({ drop: false, start: 0, length })
  }

  #announce({ start, end }: Span, length: number): void {
    const { remote, send } = this.#options
    const near = start + UNASKED_REACH_BLOCKS >= length
    if (!near && !this.#isWanted(start, end)) return
    if (end <= remote.contiguousLength) return
    send.range({ drop: false, start, length: end - start })
  }

  #isWanted(start: number, end: number): boolean {
    return this.#wantsAll || this.#wants.some((span) => span.start < end && span.end > start)
  }

  #remember(want: Want): void {
    if (want.any) {
      this.#wantsAll = true
      return
    }
    const end = want.start + want.length
    if (this.#wants.some((span) => span.start === want.start && span.end === end)) return
    if (this.#wants.length >= MAX_REMOTE_WANTS) this.#wantsAll = true
    else this.#wants.push({ start: want.start, end })
  }

  #answerAny(start: number, end: number): void {
    const found = this.#options.log.findBlock(start, end, true)
    if (found !== -1) this.#options.send.range({ drop: false, start: found, length: 1 })
  }

  #answerBits(from: number, end: number): void {
    const { log, send } = this.#options
    const start = from - (from % 32)
    const words = new Uint32Array(Math.min(Math.ceil((end - start) / 32), MAX_BITFIELD_WORDS))
    let used = 0
    for (let i = 0; i < words.length; i++) {
      words[i] = log.word(start + i * 32)
      if (words[i] !== 0) used = i + 1
    }
    send.bitfield({ start, words: words.subarray(0, Math.max(used, 1)) })
  }

  async #check(): Promise<void> {
    const { onRelation } = this.#options
    do {
      this.#checkAgain = false
      const canUpgrade = await this.#canUpgrade()
      if (this.#closed) return
      if (!this.#checkAgain) this.#sayIfNew(canUpgrade)
    } while (this.#checkAgain)
    this.#checking = false
    onRelation()
  }

  /** "I can prove my length to you, starting at the length that you told me" (section 6). */
  async #canUpgrade(): Promise<boolean> {
    const { log, remote } = this.#options
    const { fork, length } = log
    const theirs = remote.length
    if (remote.fork !== fork) {
      remote.rootsStored = false
      return false
    }
    if (theirs === 0) return true
    if (theirs >= length) return false
    const isStored = await log.canUpgradeFrom(theirs)
    const isStill = remote.fork === fork && remote.length === theirs && log.fork === fork
    remote.rootsStored = isStored && isStill
    return remote.rootsStored
  }

  #sayIfNew(canUpgrade: boolean): void {
    const { log, remote, flags } = this.#options
    const { fork, length } = log
    const next: Sync = {
      fork,
      length,
      remoteLength: remote.fork === fork ? remote.length : 0,
      canUpgrade,
      hasManifest: log.hasManifest,
      ...flags
    }
    const told = this.#told
    if (told !== null && !isNews(told, next, remote)) return
    this.#sayWhenDrained(next)
  }

  /** A peer that does not read hears of the last state when it does, not of each. */
  #sayWhenDrained(sync: Sync): void {
    if (this.#options.send.drained) this.#say(sync)
    else this.#mustSay = sync
  }

  #say(sync: Sync): void {
    this.#told = sync
    this.#options.send.sync(sync)
  }
}

/** An acknowledgement alone is worth a message only to a peer that waits for it, one that is behind. */
function isNews(told: Sync, next: Sync, remote: RemoteLog): boolean {
  return (
    told.fork !== next.fork ||
    told.length !== next.length ||
    told.canUpgrade !== next.canUpgrade ||
    told.hasManifest !== next.hasManifest ||
    told.uploading !== next.uploading ||
    told.downloading !== next.downloading ||
    told.allowPush !== next.allowPush ||
    (told.remoteLength !== next.remoteLength && remote.length < next.length)
  )
}
