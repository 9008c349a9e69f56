// T-FUZZ of the multiplexer: the bodies of its own messages, batches, and whole frames given to a live one.
import { test } from 'brittle'
import { message } from '../../lib/mux/channel.ts'
import {
  MAX_BATCH_MESSAGES,
  MAX_CHANNEL_ID_BYTES,
  MAX_PROTOCOL_NAME_BYTES
} from '../../lib/mux/constants.ts'
import { type OpenBody, openBody, readBatch, readUint } from '../../lib/mux/frames.ts'
import type { MessageStream, MessageStreamHandlers } from '../../lib/mux/message-stream.ts'
import { Mux } from '../../lib/mux/mux.ts'
import { concat, fromUtf8 } from '../../lib/util/bytes.ts'
import { buffer, type Codec, decode, encode, raw, uint } from '../../lib/util/codec.ts'
import { type DecodeTarget, fieldsOf, fuzzDecoder, tellAll } from '../helpers/decode-fuzz.ts'
import { ManualEnv } from '../helpers/manual-env.ts'
import type { SeededRandom } from '../helpers/random.ts'

const TIMEOUT = { timeout: 3_600_000 }

function openOf(random: SeededRandom): OpenBody {
  return {
    id: 1 + random.int(400),
    protocol: 'p'.repeat(1 + random.int(10)),
    channelId: random.bytes(random.int(40)),
    handshake: random.bytes(random.int(40))
  }
}

function openFault({ protocol, channelId }: OpenBody): string | null {
  if (fromUtf8(protocol).byteLength > 3 * MAX_PROTOCOL_NAME_BYTES) return 'a long name came out'
  return channelId.byteLength > MAX_CHANNEL_ID_BYTES ? 'a long id came out' : null
}

/** Every message of a batch, as the multiplexer walks over them. */
const batch: Codec<{ messages: number; bytes: number }> = {
  preencode() {},
  encode() {},
  decode(state) {
    const found = { messages: 0, bytes: 0 }
    readBatch(state, (_, cursor) => {
      found.messages++
      found.bytes += cursor.end - cursor.start
      return true
    })
    return found
  }
}

function batchOf(random: SeededRandom): Uint8Array {
  const parts: Uint8Array[] = [encode(uint, 1 + random.int(3))]
  for (let i = random.int(8); i >= 0; i--) {
    if (random.int(4) === 0) parts.push(new Uint8Array([0, random.int(4)]))
    else parts.push(encode(buffer, random.bytes(1 + random.int(20))))
  }
  return concat(parts)
}

/** A multiplexer over nothing: frames go in, and it lives, or ends with an error. */
class Sink implements MessageStream {
  readonly isInitiator: boolean = true
  readonly publicKey: Uint8Array = new Uint8Array(32)
  readonly remotePublicKey: Uint8Array | null = null
  readonly handshakeHash: Uint8Array | null = null
  readonly opened: Promise<void> = Promise.resolve()
  readonly bufferedBytes: number = 0
  error: Error | null = null
  handlers: MessageStreamHandlers | null = null
  handle(handlers: MessageStreamHandlers): void {
    this.handlers = handlers
  }
  alloc(byteLength: number): Uint8Array {
    return new Uint8Array(byteLength)
  }
  send(): boolean {
    return true
  }
  pause(): void {}
  resume(): void {}
  close(): void {}
  destroy(error?: Error): void {
    this.error ??= error ?? null
  }
}

const env = new ManualEnv()

function receive(frame: Uint8Array): string | null {
  const sink = new Sink()
  const mux = new Mux(sink, { env })
  let received = 0
  const handler = message(raw, () => received++)
  const open = (): void => {
    mux.open({ protocol: 'p', messages: [handler, handler], unique: false })
  }
  open()
  mux.pair({ protocol: 'pp' }, open)
  sink.handlers?.onMessage(
    concat([new Uint8Array([0, 1]), encode(openBody, { ...openNone, id: 1, protocol: 'p' })])
  )
  sink.handlers?.onMessage(frame)
  const { error } = sink
  mux.destroy()
  if (error !== null) throw error
  return received > MAX_BATCH_MESSAGES ? `${received} messages out of a frame` : 'lives'
}

const openNone: OpenBody = {
  id: 0,
  protocol: '',
  channelId: new Uint8Array(0),
  handshake: new Uint8Array(0)
}

function frameOf(random: SeededRandom): Uint8Array {
  switch (random.int(5)) {
    case 0:
      return concat([
        new Uint8Array([0, 1]),
        encode(openBody, { ...openOf(random), id: 2, protocol: 'pp' })
      ])
    case 1:
      return new Uint8Array([0, 3, 1])
    case 2:
      return concat([new Uint8Array([0, 0]), batchOf(random)])
    case 3:
      return concat([new Uint8Array([1, random.int(2)]), random.bytes(random.int(30))])
    default:
      return new Uint8Array([0, 2, 0])
  }
}

const targets: readonly DecodeTarget[] = [
  {
    name: 'open',
    sample: (random) => encode(openBody, openOf(random)),
    decode: (bytes) => decode(openBody, bytes),
    errors: ['ProtocolError'],
    fields: fieldsOf(openBody as Codec<unknown>),
    check: (value) => openFault(value as OpenBody)
  },
  {
    name: 'close and reject',
    sample: (random) => encode(uint, random.int(1_000)),
    decode: (bytes) => readUint({ start: 0, end: bytes.byteLength, buffer: bytes }),
    errors: ['ProtocolError'],
    check: (value) => (Number.isSafeInteger(value) ? null : `${String(value)} came out`)
  },
  {
    name: 'batch',
    sample: batchOf,
    decode: (bytes) => decode(batch, bytes),
    errors: ['ProtocolError'],
    fields: fieldsOf(batch as Codec<unknown>),
    check: (value) =>
      (value as { messages: number }).messages > MAX_BATCH_MESSAGES ? 'too many messages' : null
  },
  {
    name: 'frames at a live multiplexer',
    sample: frameOf,
    decode: receive,
    errors: ['ProtocolError'],
    acceptsSamples: false,
    check: (value) => (value === 'lives' ? null : String(value))
  }
]

test('T-FUZZ frames of the multiplexer', TIMEOUT, (t) => {
  tellAll(
    t,
    'T-FUZZ mux',
    targets.map((each, i) => fuzzDecoder(t, each, i + 21))
  )
  t.pass()
})

test('a batch in a batch is refused at depth 2, whatever its length', (t) => {
  for (const depth of [2, 3, 100, 65_000]) {
    let bytes: Uint8Array = new Uint8Array([1, 1, 0])
    const head = [0, 0, 0]
    for (let i = 1; i < Math.min(depth, 100); i++) {
      bytes = concat([new Uint8Array(head), encode(buffer, concat([new Uint8Array([0]), bytes]))])
    }
    if (depth > 100) bytes = new Uint8Array(200_000).fill(0)
    let message = 'lives'
    try {
      receive(concat([new Uint8Array([0, 0, 0, 1]), bytes]))
    } catch (error) {
      message = (error as Error).message
    }
    t.is(message, 'A batch in a batch', `depth ${depth}`)
  }
})
