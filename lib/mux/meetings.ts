// Who meets whom: opens of both sides per key, first to first (spec channel.md section 3.4). The order is part of the
// protocol: each open is answered by exactly one open or reject of the same key, also if its channel is closed by then.
// Owner of the queues; what is sent and when is the mux's business.
import { emptyBytes, toHex } from '../util/bytes.ts'
import { type Deferred, deferred } from '../util/deferred.ts'
import type { Channel } from './channel.ts'

/** An open of ours that has no answer. */
export interface OurOpen {
  readonly localId: number
  readonly meeting: Meeting
  /** Null: closed in the meantime. The answer is still to come, and must not go to another. */
  channel: Channel | null
}

/** An open of the remote that has no channel of ours, or one that does not receive yet. */
export interface TheirOpen {
  readonly remoteId: number
  readonly meeting: Meeting
  readonly handshake: Uint8Array
  /** Own copies of messages: type and body. */
  messages: Uint8Array[]
  keptBytes: number
  channel: Channel | null
  timer: Disposable | null
}

/** All that is known of one protocol and channel id. */
export interface Meeting {
  readonly key: string
  aliasKeys: readonly string[]
  readonly ours: OurOpen[]
  readonly theirs: TheirOpen[]
  openChannels: number
  /** Pairing callbacks under way. */
  callbacks: number
  free: Deferred<void> | null
}

/** Names cannot hold the separator's byte by accident: the id is hex and comes last. */
export function meetingKey(protocol: string, id: Uint8Array | null | undefined): string {
  return `${protocol}\0${toHex(id ?? emptyBytes)}`
}

export class Meetings {
  #byKey: Map<string, Meeting> = new Map()

  get(key: string): Meeting | undefined {
    return this.#byKey.get(key)
  }

  /** The meeting of that key, made if there is none. Done with it, call settle. */
  obtain(key: string): Meeting {
    let meeting = this.#byKey.get(key)
    if (meeting === undefined) {
      meeting = {
        key,
        aliasKeys: [],
        ours: [],
        theirs: [],
        openChannels: 0,
        callbacks: 0,
        free: null
      }
      this.#byKey.set(key, meeting)
    }
    return meeting
  }

  /** Opens under those keys meet here too, unless they have a meeting of their own. */
  addAliases(meeting: Meeting, aliasKeys: readonly string[]): void {
    const free = aliasKeys.filter((key) => !this.#byKey.has(key))
    for (const key of free) this.#byKey.set(key, meeting)
    meeting.aliasKeys = [...meeting.aliasKeys, ...free]
  }

  /** Whether a channel of ours may open there: nothing closed still waits for its answer. */
  isFree(meeting: Meeting): boolean {
    return meeting.ours.every((open) => open.channel !== null)
  }

  /** Resolves when isFree. */
  whenFree(key: string): Promise<void> {
    const meeting = this.#byKey.get(key)
    if (meeting === undefined || this.isFree(meeting)) return Promise.resolve()
    meeting.free ??= deferred()
    return meeting.free.promise
  }

  /** Forgets the meeting if nothing is left in it, and wakes those who wait for it. */
  settle(meeting: Meeting): void {
    if (meeting.free !== null && this.isFree(meeting)) {
      meeting.free.resolve()
      meeting.free = null
    }
    const isEmpty = meeting.ours.length === 0 && meeting.theirs.length === 0
    if (!isEmpty || meeting.openChannels > 0 || meeting.callbacks > 0) return
    for (const key of [meeting.key, ...meeting.aliasKeys]) this.#byKey.delete(key)
  }

  clear(): void {
    for (const meeting of this.#byKey.values()) meeting.free?.resolve()
    this.#byKey.clear()
  }
}

export function remove<T>(list: T[], item: T): void {
  const index = list.indexOf(item)
  if (index >= 0) list.splice(index, 1)
}
