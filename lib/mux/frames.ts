// The bytes of the multiplexer (spec channel.md sections 3.1, 3.2, 3.8). Integers are varints.
//
//   frame    channel · type · body                     channel 0: control
//   batch    00 00 · channel · item…                   item: length (≥ 1) · type · body
//                                                      or 00 · channel: the items that follow belong to that one
//   open     00 01 · id · name · channel id · handshake        00 01 01 03666f6f 00 opens "foo" as 1
//   reject   00 02 · id of the receiver's channel
//   close    00 03 · id of the sender's channel
//
// Limits: names 128 bytes, channel ids 1 KiB, 8,192 messages in a batch, none of them a batch. Hot: the decoder and
// outbox.ts are measured with mux throughput.
import { ProtocolError } from '../errors.ts'
import {
  boundedString,
  buffer,
  type Codec,
  type CodecState,
  decodeAt,
  raw,
  uint
} from '../util/codec.ts'
import { MAX_BATCH_MESSAGES, MAX_CHANNEL_ID_BYTES, MAX_PROTOCOL_NAME_BYTES } from './constants.ts'

/** The largest value that a varint holds in one byte. */
const MAX_SHORT_UINT = 252

export interface OpenBody {
  /** The sender's id for the channel. */
  readonly id: number
  readonly protocol: string
  /** Empty: none. */
  readonly channelId: Uint8Array
  readonly handshake: Uint8Array
}

const protocolName = boundedString(MAX_PROTOCOL_NAME_BYTES)

export const openBody: Codec<OpenBody> = {
  preencode(state, open) {
    uint.preencode(state, open.id)
    protocolName.preencode(state, open.protocol)
    buffer.preencode(state, open.channelId)
    raw.preencode(state, open.handshake)
  },
  encode(state, open) {
    uint.encode(state, open.id)
    protocolName.encode(state, open.protocol)
    buffer.encode(state, open.channelId)
    raw.encode(state, open.handshake)
  },
  decode(state) {
    const id = uint.decode(state)
    const protocol = protocolName.decode(state)
    const channelId = buffer.decode(state)
    if (channelId.byteLength > MAX_CHANNEL_ID_BYTES) {
      throw new ProtocolError(
        'LIMIT_EXCEEDED',
        `A channel id of ${channelId.byteLength} bytes, at most ${MAX_CHANNEL_ID_BYTES} are allowed`
      )
    }
    return { id, protocol, channelId, handshake: raw.decode(state) }
  }
}

/** Reads a varint. @throws ProtocolError BAD_MESSAGE */
export function readUint(state: CodecState): number {
  const first = state.start < state.end ? state.buffer[state.start]! : 0xff
  if (first > MAX_SHORT_UINT) return decodeAt(uint, state)
  state.start++
  return first
}

/** How many bytes a varint takes. */
export function uintByteLength(value: number): number {
  if (value <= MAX_SHORT_UINT) return 1
  if (value <= 0xffff) return 3
  return value <= 0xffffffff ? 5 : 9
}

/**
 * Calls visit for each message of a batch, the cursor standing at its type and confined to it. Stops when visit
 * returns false. A length beyond the end is cut, as the reference does. @throws ProtocolError
 */
export function readBatch(
  state: CodecState,
  visit: (channel: number, state: CodecState) => boolean
): void {
  const end = state.end
  let channel = readUint(state)
  let messages = 0
  let switches = 0
  while (state.start < end) {
    const byteLength = readUint(state)
    if (byteLength === 0) {
      channel = readUint(state)
      if (++switches > MAX_BATCH_MESSAGES) throw tooManyMessages()
      continue
    }
    if (++messages > MAX_BATCH_MESSAGES) throw tooManyMessages()
    const next = Math.min(state.start + byteLength, end)
    state.end = next
    const goOn = visit(channel, state)
    if (!goOn) return
    state.start = next
    state.end = end
  }
}

function tooManyMessages(): ProtocolError {
  return new ProtocolError('LIMIT_EXCEEDED', `A batch of more than ${MAX_BATCH_MESSAGES} messages`)
}
