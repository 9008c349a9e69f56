// Many channels over one connection (spec channel.md section 3).
//
// Owner of the traffic: frames come in here and go to the channels, messages of one tick leave together (outbox.ts).
// pairing.ts owns the life of the channels. Whatever the remote sends, nothing is thrown out of here: what is caught
// ends this connection, and only this one.
import { type Env, systemEnv } from '../env.ts'
import { ArgumentError, ProtocolError } from '../errors.ts'
import { emptyBytes, fromUtf8 } from '../util/bytes.ts'
import { type CodecState, decodeAt, uint } from '../util/codec.ts'
import { deferred } from '../util/deferred.ts'
import type { Channel, ChannelOptions } from './channel.ts'
import {
  type ChannelLimits,
  CONTROL_BATCH,
  CONTROL_CHANNEL,
  CONTROL_CLOSE,
  CONTROL_OPEN,
  CONTROL_REJECT,
  MAX_OUTGOING_BYTES,
  MAX_PROTOCOL_NAME_BYTES,
  MAX_WAITING_BYTES
} from './constants.ts'
import { openBody, readBatch, readUint } from './frames.ts'
import { Gate, VainOpens } from './gate.ts'
import { meetingKey } from './meetings.ts'
import type { MessageStream } from './message-stream.ts'
import { Outbox } from './outbox.ts'
import { Pairing, type PairingCallback } from './pairing.ts'

export interface ChannelKey {
  readonly protocol: string
  readonly id?: Uint8Array | null
}

export interface MuxOptions {
  readonly env?: Env | undefined
}

export class Mux {
  readonly stream: MessageStream
  /** Callbacks of `pair` are given the handshake that came. */
  readonly seesHandshakes = true
  /** Called once at the end. Null: both sides ended in order. */
  onClose: ((error: Error | null) => void) | null = null
  /** Resolves at the end. */
  readonly closed: Promise<void>
  #becomeClosed: () => void
  #outbox: Outbox
  #gate: Gate
  #vainOpens: VainOpens
  #pairing: Pairing
  #isClosed = false
  #endedAbruptly = false
  #cursor: CodecState = { start: 0, end: 0, buffer: emptyBytes }

  constructor(stream: MessageStream, options: MuxOptions = {}) {
    const env = options.env ?? systemEnv
    this.stream = stream
    const { promise, resolve } = deferred<void>()
    this.closed = promise
    this.#becomeClosed = resolve
    this.#outbox = new Outbox(stream)
    this.#gate = new Gate(stream)
    this.#vainOpens = new VainOpens(env, this.#gate)
    this.#pairing = this.#createPairing(env)
    stream.handle({
      onMessage: (frame) => this.#receive(frame),
      onDrain: () => this.#guard(() => this.#drained()),
      onClose: (error) => this.#end(error)
    })
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Whether the connection ended while channels were open: no completeness follows from such an end. */
  get endedAbruptly(): boolean {
    return this.#endedAbruptly
  }

  /** Bytes that have not left, as far as can be seen from here. */
  get bufferedBytes(): number {
    return this.#outbox.bufferedBytes
  }

  /** Channels that are open or opening, in order of their opening. */
  get channels(): readonly Channel[] {
    return this.#pairing.channels
  }

  /**
   * Opens a channel; it meets the remote's open of the same protocol and id, which may be here already.
   * Null if there is one like it (see unique), if one like it was closed and the remote has not answered to that yet
   * (see whenFree), or if the connection is closed. @throws ArgumentError INVALID_ARGUMENT
   */
  open<H = null>(options: ChannelOptions<H>): Channel | null {
    for (const name of [options.protocol, ...(options.aliases ?? [])]) checkName(name)
    if (this.#isClosed) return null
    return this.#pairing.open(options as ChannelOptions<unknown>)
  }

  /** Whether a channel of ours with that key is open or opening. */
  opened(key: ChannelKey): boolean {
    return this.#pairing.opened(meetingKey(key.protocol, key.id))
  }

  /** Resolves when no closed channel with that key waits for the remote's answer, or the connection is closed. */
  whenFree(key: ChannelKey): Promise<void> {
    return this.#pairing.whenFree(meetingKey(key.protocol, key.id))
  }

  /** Asked for each open of the remote that no channel waits for: by protocol and id, else by protocol alone. */
  pair(key: ChannelKey, callback: PairingCallback): void {
    this.#pairing.setCallback(callbackKey(key), callback)
  }

  unpair(key: ChannelKey): void {
    this.#pairing.setCallback(callbackKey(key), null)
  }

  /** The remote may open so many channels here, if that is more than so far. */
  widen(limits: ChannelLimits): void {
    this.#pairing.widen(limits)
    this.#vainOpens.widen(limits.vainOpens)
  }

  cork(): void {
    this.#outbox.cork()
  }

  uncork(): void {
    this.#outbox.uncork()
  }

  /** Sends what has been gathered without waiting for the end of the tick. */
  flush(): void {
    this.#outbox.flush()
  }

  /** Nothing is received until resume for the same reason, and for all others. */
  pause(reason: unknown): void {
    this.#gate.pause(reason)
  }

  resume(reason: unknown): void {
    this.#gate.resume(reason)
  }

  /** Closes all channels, sends what has been gathered, and ends the connection. */
  close(): void {
    if (this.#isClosed) return
    for (const channel of this.channels) channel.close()
    this.#outbox.flush()
    this.stream.close()
  }

  /** Ends the connection at once. */
  destroy(error?: Error): void {
    if (this.#isClosed) return
    this.stream.destroy(error)
    this.#end(error ?? null)
  }

  #createPairing(env: Env): Pairing {
    const outbox = this.#outbox
    return new Pairing({
      env,
      owner: {
        outbox,
        closeChannel: (channel) => this.#pairing.close(channel),
        fail: (error) => this.destroy(error)
      },
      sendOpen: (open) => outbox.push(CONTROL_CHANNEL, CONTROL_OPEN, openBody, open),
      sendReject: (remoteId) => outbox.push(CONTROL_CHANNEL, CONTROL_REJECT, uint, remoteId),
      sendClose: (localId) => outbox.push(CONTROL_CHANNEL, CONTROL_CLOSE, uint, localId),
      onVainOpen: () => this.#vainOpens.count(),
      onKeptBytes: (bytes) => {
        if (bytes > MAX_WAITING_BYTES) this.#gate.pause(this.#pairing)
        else this.#gate.resume(this.#pairing)
      },
      guard: (run) => this.#guard(run),
      fail: (error) => this.destroy(asError(error))
    })
  }

  #receive(frame: Uint8Array): void {
    if (this.#isClosed || frame.byteLength === 0) return
    const cursor = this.#cursor
    cursor.start = 0
    cursor.end = frame.byteLength
    cursor.buffer = frame
    // Not #guard: a closure per frame would cost more than the frame.
    try {
      this.#dispatch(readUint(cursor), cursor)
    } catch (error) {
      this.destroy(asError(error))
    }
    cursor.buffer = emptyBytes
    if (this.#outbox.bufferedBytes > MAX_OUTGOING_BYTES) this.#gate.pause(this.#outbox)
  }

  #dispatch(channel: number, cursor: CodecState): void {
    if (channel !== CONTROL_CHANNEL) {
      this.#deliver(channel, cursor)
      return
    }
    const type = readUint(cursor)
    if (type === CONTROL_BATCH) readBatch(cursor, this.#visit)
    else this.#control(type, cursor)
  }

  /** One message of a batch. A batch in a batch would let a frame cost more than its length. */
  #visit: (channel: number, cursor: CodecState) => boolean = (channel, cursor) => {
    if (channel !== CONTROL_CHANNEL) {
      this.#deliver(channel, cursor)
    } else {
      const type = readUint(cursor)
      if (type === CONTROL_BATCH) throw new ProtocolError('BAD_MESSAGE', 'A batch in a batch')
      this.#control(type, cursor)
    }
    return !this.#isClosed
  }

  #deliver(channel: number, cursor: CodecState): void {
    const receiver = this.#pairing.receiver(channel)
    const start = cursor.start
    const type = readUint(cursor)
    if (receiver !== undefined) {
      receiver.receive(type, cursor)
      return
    }
    cursor.start = start
    this.#pairing.keep(channel, cursor)
  }

  #control(type: number, cursor: CodecState): void {
    switch (type) {
      case CONTROL_OPEN:
        this.#pairing.openReceived(decodeAt(openBody, cursor))
        break
      case CONTROL_REJECT:
        this.#pairing.rejectReceived(readUint(cursor))
        break
      case CONTROL_CLOSE:
        this.#pairing.closeReceived(readUint(cursor))
        break
      default:
        // Later versions may know more.
        break
    }
  }

  #drained(): void {
    this.#outbox.drained()
    this.#gate.resume(this.#outbox)
    this.#pairing.drained()
  }

  #guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.destroy(asError(error))
    }
  }

  #end(error: Error | null): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#outbox.close()
    this.#vainOpens.stop()
    this.#endedAbruptly = this.#pairing.end()
    this.onClose?.(error)
    this.#becomeClosed()
  }
}

function checkName(name: string): void {
  const byteLength = fromUtf8(name).byteLength
  if (byteLength > 0 && byteLength <= MAX_PROTOCOL_NAME_BYTES) return
  throw new ArgumentError(
    'INVALID_ARGUMENT',
    `A protocol name of ${byteLength} bytes, at most ${MAX_PROTOCOL_NAME_BYTES} are allowed`
  )
}

/** Without an id: for all channels of that protocol. */
function callbackKey(key: ChannelKey): string {
  return key.id ? meetingKey(key.protocol, key.id) : key.protocol
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
