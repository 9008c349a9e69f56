// Real exchanges of the reference packages, frame by frame: every message is read and written back as it was, every
// capability fits its connection, and a reader that takes all answers of a transcript holds the writer's blocks.
import { test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import { openBody } from '../../lib/mux/frames.ts'
import { isCapability } from '../../lib/replication/capability.ts'
import * as wire from '../../lib/replication/messages.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { memoryStorage } from '../../lib/storage/memory-storage.ts'
import { equalBytes, toHex } from '../../lib/util/bytes.ts'
import { type Codec, type CodecState, decode, encode, uint } from '../../lib/util/codec.ts'
import { hex, loadVectors } from '../helpers/vectors.ts'

interface Transcript {
  name: string
  initiator: string
  handshakeHash?: string
  key?: string
  /** Without bytes: a remark on what was done between frames. */
  frames: { n: number; from: string; hex?: string }[]
}

const WITHOUT_BLOCKS = ['seek', 'empty-log']

interface Item {
  readonly from: string
  readonly channel: number
  readonly type: number
  readonly body: Uint8Array
}

const { transcripts } = loadVectors<{ transcripts: Transcript[] }>('replication')

const CODECS: readonly Codec<unknown>[] = [
  wire.syncCodec,
  wire.requestCodec,
  wire.cancelCodec,
  wire.dataCodec,
  wire.noDataCodec,
  wire.wantCodec,
  wire.wantCodec,
  wire.bitfieldCodec,
  wire.rangeCodec,
  wire.extensionCodec
] as readonly Codec<unknown>[]

/** What version 10 writes differently: bitfields in whole pages, no flags after a refused id. */
const isVersion10 = (name: string): boolean => name.includes('v10')

/** Transcripts in which one reader fetches from nothing, without a fork or a push. */
const FETCHES = [
  'full',
  'sparse',
  'upgrade-then-blocks',
  'live',
  'seek',
  'sparse-server',
  'clear',
  'compat-key',
  'empty-log',
  'v10-to-v11',
  'v11-to-v10',
  'v10-sparse-server',
  'cancel',
  'small-wants'
]

function* itemsOf({ frames }: Transcript): Iterable<Item> {
  for (const { from, hex: text } of frames) {
    if (text === undefined) continue
    const buffer = hex(text)
    const state: CodecState = { start: 0, end: buffer.byteLength, buffer }
    const channel = uint.decode(state)
    const type = uint.decode(state)
    if (channel !== 0 || type !== 0) {
      yield { from, channel, type, body: buffer.subarray(state.start) }
      continue
    }
    let current = uint.decode(state)
    while (state.start < state.end) {
      const byteLength = uint.decode(state)
      if (byteLength === 0) {
        current = uint.decode(state)
        continue
      }
      const item = buffer.subarray(state.start, state.start + byteLength)
      state.start += byteLength
      const inside: CodecState = { start: 0, end: item.byteLength, buffer: item }
      const itemType = uint.decode(inside)
      yield { from, channel: current, type: itemType, body: item.subarray(inside.start) }
    }
  }
}

/** The block of the vectors' logs. */
function blockOf(index: number): Uint8Array {
  return Uint8Array.from({ length: (7 * index) % 23 }, (_, j) => (31 * index + 17 * j + 5) % 256)
}

test('every message of every transcript is read, and written back as it was', (t) => {
  let count = 0
  for (const transcript of transcripts) {
    for (const { channel, type, body } of itemsOf(transcript)) {
      if (channel === 0) continue
      const codec = CODECS[type]
      if (codec === undefined) {
        t.fail(`${transcript.name}: type ${type}`)
        continue
      }
      count++
      const written = toHex(encode(codec, decode(codec, body)))
      const expected = toHex(body)
      const fits = isVersion10(transcript.name)
        ? written.startsWith(expected)
        : written === expected
      if (!fits) t.is(written, expected, `${transcript.name}, type ${type}`)
    }
  }
  t.ok(count > 400, `${count} messages of ${transcripts.length} transcripts`)
})

test('every capability fits its connection', (t) => {
  for (const transcript of transcripts) {
    const { name, initiator, handshakeHash, key } = transcript
    if (handshakeHash === undefined || key === undefined) continue
    const context = { handshakeHash: hex(handshakeHash), key: hex(key) }
    for (const { from, channel, type, body } of itemsOf(transcript)) {
      if (channel !== 0 || type !== 1) continue
      const { handshake } = decode(openBody, body)
      const { capability } = decode(wire.handshakeCodec, handshake)
      t.ok(isCapability(capability, context, from === initiator), `${name}, ${from}`)
      t.absent(isCapability(capability, context, from !== initiator))
    }
  }
})

for (const name of FETCHES) {
  test(`a reader of the transcript "${name}"`, async (t) => {
    const transcript = transcripts.find((each) => each.name === name)
    if (transcript?.key === undefined) throw new Error(`No transcript ${name}`)
    const core = await Core.open(await LogFiles.open(memoryStorage()), { key: hex(transcript.key) })
    let blocks = 0
    for (const { from, channel, type, body } of itemsOf(transcript)) {
      if (channel === 0 || type !== wire.MESSAGE_TYPES.data || from === 'B') continue
      const { proof } = decode(wire.dataCodec, body)
      const result = await core.accept(proof)
      t.not(result, 'outdated')
      if (proof.block !== null) {
        blocks++
        t.ok(core.holds(proof.block.index), `block ${proof.block.index}`)
      }
    }
    for (let index = 0; index < core.tree.length; index++) {
      const block = await core.read(index)
      if (block !== null) t.ok(equalBytes(block, blockOf(index)), `bytes of block ${index}`)
    }
    t.ok(core.tree.length > 0 && (blocks > 0 || WITHOUT_BLOCKS.includes(name)), `${blocks} blocks`)
    await core.close()
  })
}
