// The life of channels: our opens and the remote's, paired or rejected, and closed (spec channel.md sections 3.3 to
// 3.6). Mends C1 (a close of a waiting open is answered with a reject; a late answer to a closed channel with another
// close) and C2 (no second open of a key before the first is answered).
//
// Owner of the ids of both sides and of what is kept for opens that wait, which is bounded in number and time here
// and in bytes by the mux.

import type { Env } from '../env.ts'
import { ProtocolError } from '../errors.ts'
import { background } from '../util/background.ts'
import { copyOf, emptyBytes } from '../util/bytes.ts'
import type { CodecState } from '../util/codec.ts'
import { encode } from '../util/codec.ts'
import { atEndOfTick } from '../util/end-of-tick.ts'
import { Channel, type ChannelOptions, type ChannelOwner } from './channel.ts'
import {
  type ChannelLimits,
  defaultChannelLimits,
  PAIRING_TIMEOUT_MS,
  VAIN_CHANNEL_MS,
  WAITING_MESSAGE_COST_BYTES
} from './constants.ts'
import { type OpenBody, readUint } from './frames.ts'
import {
  type Meeting,
  Meetings,
  meetingKey,
  type OurOpen,
  remove,
  type TheirOpen
} from './meetings.ts'

/**
 * May open the channel, at once or before its promise resolves; else the remote's open is rejected. It is shown the
 * encoded handshake that came with it.
 */
export type PairingCallback = (id: Uint8Array | null, handshake: Uint8Array) => void | Promise<void>

/** What the mux does for the pairing. */
export interface PairingPort {
  readonly env: Env
  readonly owner: ChannelOwner
  sendOpen(open: OpenBody): void
  sendReject(remoteId: number): void
  sendClose(localId: number): void
  /** An open of the remote led to nothing. */
  onVainOpen(): void
  /** The sum of what is kept for waiting opens has changed. */
  onKeptBytes(bytes: number): void
  /** Runs outside of the data callback, where a throw ends the connection all the same. */
  guard(run: () => void): void
  fail(error: unknown): void
}

export class Pairing {
  #port: PairingPort
  #limits: ChannelLimits = defaultChannelLimits
  #meetings: Meetings = new Meetings()
  #callbacks: Map<string, PairingCallback> = new Map()
  #freeIds: number[] = []
  #highestId = 0
  #highestRemoteId = 0
  /** Our opens without an answer, by our id. */
  #ours: Map<number, OurOpen> = new Map()
  /** The remote's opens that wait, by its id; and the channels that receive, by its id. */
  #theirs: Map<number, TheirOpen> = new Map()
  #receiving: Map<number, Channel> = new Map()
  #live: Map<Channel, Meeting> = new Map()
  #keptBytes = 0

  constructor(port: PairingPort) {
    this.#port = port
  }

  /** Open or opening, in order of their opening. */
  get channels(): readonly Channel[] {
    return [...this.#live.keys()]
  }

  opened(key: string): boolean {
    return (this.#meetings.get(key)?.openChannels ?? 0) > 0
  }

  whenFree(key: string): Promise<void> {
    return this.#meetings.whenFree(key)
  }

  widen(limits: ChannelLimits): void {
    const { remoteChannels, waitingOpens } = this.#limits
    this.#limits = {
      ...limits,
      remoteChannels: Math.max(limits.remoteChannels, remoteChannels),
      waitingOpens: Math.max(limits.waitingOpens, waitingOpens)
    }
  }

  setCallback(key: string, callback: PairingCallback | null): void {
    if (callback === null) this.#callbacks.delete(key)
    else this.#callbacks.set(key, callback)
  }

  /** Null if the key is taken, or was and has not been answered. */
  open(options: ChannelOptions<unknown>): Channel | null {
    const { handshake } = options
    const handshakeBytes =
      handshake === undefined ? emptyBytes : encode(handshake.codec, handshake.value)
    const meeting = this.#meetings.obtain(meetingKey(options.protocol, options.id))
    const isTaken = meeting.openChannels > 0 && options.unique !== false
    if (isTaken || !this.#meetings.isFree(meeting)) return null
    const localId = this.#freeIds.pop() ?? ++this.#highestId
    const channel = new Channel(this.#port.owner, localId, options)
    this.#live.set(channel, meeting)
    meeting.openChannels++
    this.#port.sendOpen({
      id: localId,
      protocol: options.protocol,
      channelId: channel.id ?? emptyBytes,
      handshake: handshakeBytes
    })
    const aliasKeys = (options.aliases ?? []).map((name) => meetingKey(name, options.id))
    const theirs = this.#takeWaiting([meeting.key, ...aliasKeys], channel)
    if (theirs !== null) {
      atEndOfTick(() => this.#port.guard(() => this.#deliver(theirs)))
    } else {
      this.#meetings.addAliases(meeting, aliasKeys)
      const open: OurOpen = { localId, meeting, channel }
      meeting.ours.push(open)
      this.#ours.set(localId, open)
    }
    return channel
  }

  /** A channel is closed by us. */
  close(channel: Channel): void {
    const open = this.#ours.get(channel.localId)
    const isUnanswered = open?.channel === channel
    this.#port.sendClose(channel.localId)
    if (isUnanswered) open.channel = null
    else this.#forgetRemote(channel)
    this.#closed(channel, { isRemote: false, isIdFree: !isUnanswered })
  }

  /** The channel that receives under that id of the remote. */
  receiver(remoteId: number): Channel | undefined {
    return this.#receiving.get(remoteId)
  }

  /** Keeps a message (type and body) if the remote's channel waits for one of ours. */
  keep(remoteId: number, state: CodecState): void {
    const theirs = this.#theirs.get(remoteId)
    if (theirs === undefined) return
    const message = copyOf(state.buffer.subarray(state.start, state.end))
    theirs.messages.push(message)
    this.#addKept(theirs, message.byteLength + WAITING_MESSAGE_COST_BYTES)
  }

  /** @throws ProtocolError BAD_MESSAGE if the id is in use, or skips one */
  openReceived(open: OpenBody): void {
    const { id } = open
    const isInUse = this.#receiving.has(id) || this.#theirs.has(id)
    if (id === 0 || id > this.#highestRemoteId + 1 || isInUse) {
      throw new ProtocolError('BAD_MESSAGE', `The remote opened a channel with the wrong id ${id}`)
    }
    this.#highestRemoteId = Math.max(this.#highestRemoteId, id)
    const meeting = this.#meetings.obtain(meetingKey(open.protocol, open.channelId))
    const ours = meeting.ours.shift()
    if (ours === undefined) {
      this.#wait(open, meeting)
      return
    }
    this.#ours.delete(ours.localId)
    if (ours.channel === null) {
      // It may have dropped our close while it waited: without another one it would keep the channel for ever.
      this.#port.sendClose(ours.localId)
      this.#freeIds.push(ours.localId)
      this.#meetings.settle(meeting)
      return
    }
    this.#receiving.set(id, ours.channel)
    ours.channel.becomeOpen(id, open.handshake, this.#port.env.now())
  }

  /** @throws ProtocolError BAD_MESSAGE if we have no such open */
  rejectReceived(localId: number): void {
    const ours = this.#ours.get(localId)
    if (ours === undefined) {
      throw new ProtocolError('BAD_MESSAGE', `The remote rejected ${localId}, which is not opening`)
    }
    this.#ours.delete(localId)
    remove(ours.meeting.ours, ours)
    if (ours.channel !== null) {
      this.#closed(ours.channel, { isRemote: true, isIdFree: true })
      return
    }
    this.#freeIds.push(localId)
    this.#meetings.settle(ours.meeting)
  }

  closeReceived(remoteId: number): void {
    const theirs = this.#theirs.get(remoteId)
    if (theirs?.channel) this.#deliver(theirs)
    else if (theirs !== undefined) this.#reject(theirs)
    const channel = this.#receiving.get(remoteId)
    if (channel === undefined) return
    this.#receiving.delete(remoteId)
    if (this.#port.env.now() - channel.openedAt < VAIN_CHANNEL_MS) this.#port.onVainOpen()
    this.#closed(channel, { isRemote: true, isIdFree: true })
  }

  drained(): void {
    for (const channel of this.channels) channel.becomeDrained()
  }

  /** The connection is gone; true if channels were open. */
  end(): boolean {
    const channels = this.channels
    for (const theirs of this.#theirs.values()) theirs.timer?.[Symbol.dispose]()
    this.#theirs.clear()
    this.#ours.clear()
    this.#receiving.clear()
    this.#live.clear()
    this.#meetings.clear()
    for (const channel of channels) this.#port.guard(() => channel.becomeClosed(true))
    return channels.length > 0
  }

  #wait(open: OpenBody, meeting: Meeting): void {
    const callback =
      this.#callbacks.get(meetingKey(open.protocol, open.channelId)) ??
      this.#callbacks.get(open.protocol)
    const isCrowded =
      this.#theirs.size >= this.#limits.waitingOpens ||
      this.#theirs.size + this.#receiving.size >= this.#limits.remoteChannels
    if (callback === undefined || isCrowded) {
      this.#port.onVainOpen()
      this.#port.sendReject(open.id)
      this.#meetings.settle(meeting)
      return
    }
    const theirs: TheirOpen = {
      remoteId: open.id,
      meeting,
      handshake: copyOf(open.handshake),
      messages: [],
      keptBytes: 0,
      channel: null,
      timer: this.#port.env.setTimer(PAIRING_TIMEOUT_MS, () => this.#reject(theirs))
    }
    this.#theirs.set(open.id, theirs)
    meeting.theirs.push(theirs)
    this.#addKept(theirs, theirs.handshake.byteLength + WAITING_MESSAGE_COST_BYTES)
    const id = open.channelId.byteLength > 0 ? copyOf(open.channelId) : null
    this.#ask(meeting, () => callback(id, theirs.handshake))
  }

  #ask(meeting: Meeting, callback: () => void | Promise<void>): void {
    meeting.callbacks++
    const asked = callback()
    if (asked === undefined) {
      this.#asked(meeting)
      return
    }
    const answered = asked.then(() => this.#port.guard(() => this.#asked(meeting)))
    background(answered, (error) => this.#port.fail(error))
  }

  /** A callback has had its chance. With the last one, what nobody took is rejected. */
  #asked(meeting: Meeting): void {
    meeting.callbacks--
    if (meeting.callbacks === 0) {
      for (const theirs of [...meeting.theirs]) {
        this.#port.onVainOpen()
        this.#reject(theirs)
      }
    }
    this.#meetings.settle(meeting)
  }

  #takeWaiting(keys: readonly string[], channel: Channel): TheirOpen | null {
    for (const key of keys) {
      const theirs = this.#meetings.get(key)?.theirs.shift()
      if (theirs === undefined) continue
      theirs.channel = channel
      theirs.timer?.[Symbol.dispose]()
      channel.remoteId = theirs.remoteId
      this.#meetings.settle(theirs.meeting)
      return theirs
    }
    return null
  }

  /** Hands the handshake and the kept messages to the channel, which receives from now on. */
  #deliver(theirs: TheirOpen): void {
    const { channel, remoteId } = theirs
    if (channel === null || this.#theirs.get(remoteId) !== theirs) return
    this.#theirs.delete(remoteId)
    this.#receiving.set(remoteId, channel)
    this.#addKept(theirs, -theirs.keptBytes)
    channel.becomeOpen(remoteId, theirs.handshake, this.#port.env.now())
    for (const message of theirs.messages) {
      const state: CodecState = { start: 0, end: message.byteLength, buffer: message }
      channel.receive(readUint(state), state)
    }
  }

  #reject(theirs: TheirOpen): void {
    if (theirs.channel !== null || this.#theirs.get(theirs.remoteId) !== theirs) return
    theirs.timer?.[Symbol.dispose]()
    this.#theirs.delete(theirs.remoteId)
    remove(theirs.meeting.theirs, theirs)
    this.#addKept(theirs, -theirs.keptBytes)
    this.#port.sendReject(theirs.remoteId)
    this.#meetings.settle(theirs.meeting)
  }

  #forgetRemote(channel: Channel): void {
    const theirs = this.#theirs.get(channel.remoteId)
    if (theirs?.channel === channel) {
      this.#theirs.delete(channel.remoteId)
      this.#addKept(theirs, -theirs.keptBytes)
    }
    if (this.#receiving.get(channel.remoteId) === channel) this.#receiving.delete(channel.remoteId)
  }

  #closed(channel: Channel, how: { isRemote: boolean; isIdFree: boolean }): void {
    const meeting = this.#live.get(channel)
    if (meeting === undefined) return
    this.#live.delete(channel)
    meeting.openChannels--
    if (how.isIdFree) this.#freeIds.push(channel.localId)
    this.#meetings.settle(meeting)
    channel.becomeClosed(how.isRemote)
  }

  #addKept(theirs: TheirOpen, bytes: number): void {
    theirs.keptBytes += bytes
    this.#keptBytes += bytes
    this.#port.onKeptBytes(this.#keptBytes)
  }
}
