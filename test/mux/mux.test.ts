// Life of channels, batches, limits, and what bad input does.
import { test } from 'brittle'
import { ProtocolError } from '../../lib/errors.ts'
import { type Channel, message } from '../../lib/mux/channel.ts'
import {
  MAX_BATCH_MESSAGES,
  MAX_FRAME_BYTES,
  MAX_REMOTE_CHANNELS,
  MAX_WAITING_BYTES,
  MAX_WAITING_OPENS,
  PAIRING_TIMEOUT_MS,
  VAIN_OPENS_BURST
} from '../../lib/mux/constants.ts'
import { openBody } from '../../lib/mux/frames.ts'
import { Mux } from '../../lib/mux/mux.ts'
import { emptyBytes, toHex } from '../../lib/util/bytes.ts'
import { type Codec, encode, raw, uint, utf8 } from '../../lib/util/codec.ts'
import { ManualEnv } from '../helpers/manual-env.ts'
import { hex } from '../helpers/vectors.ts'
import { codeOf, ManualStream, muxPair, tick } from './peers.ts'

function create(env?: ManualEnv): { stream: ManualStream; mux: Mux; closed: unknown[] } {
  const stream = new ManualStream()
  const mux = new Mux(stream, { env })
  const closed: unknown[] = []
  mux.onClose = (error) => closed.push(error)
  return { stream, mux, closed }
}

/** An open of the remote, as hex. */
function openFrame(id: number, protocol: string, handshake: Uint8Array = emptyBytes): string {
  return `0001${toHex(encode(openBody, { id, protocol, channelId: emptyBytes, handshake }))}`
}

function mustOpen(mux: Mux, protocol: string, onClose?: (isRemote: boolean) => void): Channel {
  const messages = [message(raw)]
  const channel = mux.open(onClose ? { protocol, messages, onClose } : { protocol, messages })
  if (channel === null) throw new Error('taken')
  return channel
}

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await tick()
}

test('mux: two sides, both ways, in order', async (t) => {
  const { a, b } = muxPair()
  const events: string[] = []
  const fromA = a.open({
    protocol: 'chat',
    id: hex('01'),
    handshake: { codec: utf8, value: 'I am a' },
    messages: [message(utf8), message(uint, (value) => events.push(`a got ${value}`))],
    onOpen: (handshake) => events.push(`a opened: ${handshake}`),
    onClose: (isRemote) => events.push(`a closed: ${isRemote}`)
  })
  const fromB: Channel | null = b.open({
    protocol: 'chat',
    id: hex('01'),
    handshake: { codec: utf8, value: 'I am b' },
    messages: [
      message(utf8, (text) => {
        events.push(`b got ${text}`)
        fromB?.send(1, text.length)
      }),
      message(uint)
    ],
    onOpen: (handshake) => events.push(`b opened: ${handshake}`),
    onClose: (isRemote) => events.push(`b closed: ${isRemote}`)
  })
  fromA?.send(0, 'one')
  fromA?.send(0, 'twelve')
  await until(() => events.length === 6)
  t.ok(fromA?.isOpen && fromB?.isOpen)
  t.is(fromA?.messagesOut, 2)
  t.is(fromB?.messagesIn, 2)
  t.is(fromA?.messagesIn, 2)
  fromA?.close()
  await until(() => events.length === 8)
  t.alike(
    events.filter((event) => event.startsWith('a')),
    ['a opened: I am b', 'a got 3', 'a got 6', 'a closed: false']
  )
  t.alike(
    events.filter((event) => event.startsWith('b')),
    ['b opened: I am a', 'b got one', 'b got twelve', 'b closed: true']
  )
  t.absent(fromA?.send(0, 'late'))
  a.close()
  await until(() => a.isClosed && b.isClosed)
  t.absent(b.endedAbruptly)
})

test('mux: the messages of a tick are one frame; large ones go alone, in order', async (t) => {
  const { stream, mux } = create()
  const channel = mustOpen(mux, 'x')
  await stream.take()
  for (let i = 0; i < 100; i++) channel.send(0, new Uint8Array(10))
  channel.send(0, new Uint8Array(200_000))
  for (let i = 0; i < 100; i++) channel.send(0, new Uint8Array(1_000))
  const frames = await stream.take()
  t.alike(
    frames.map((frame) => frame.slice(0, 6)),
    ['000001', '010000', '000001', '000001']
  )
  t.is(frames[1]!.length / 2, 200_002)
  t.ok(frames.every((frame, index) => index === 1 || frame.length / 2 <= 65_536))
})

test('mux: large and small, random order, over an encrypted connection', async (t) => {
  const { a, b } = muxPair()
  const lengths = Array.from(
    { length: 300 },
    (_, i) => (i * i * 7919) % (i % 50 === 0 ? 300_000 : 3_000)
  )
  const got: number[] = []
  b.open({ protocol: 'x', messages: [message(raw, (bytes) => got.push(bytes.byteLength))] })
  const channel = mustOpen(a, 'x')
  for (const [index, byteLength] of lengths.entries()) {
    channel.send(0, new Uint8Array(byteLength))
    if (index % 17 === 0) await tick()
  }
  await until(() => got.length === lengths.length)
  t.alike(got, lengths)
  a.destroy()
})

test('mux: full and drained', async (t) => {
  const { stream, mux } = create()
  let drains = 0
  const channel = mux.open({ protocol: 'x', messages: [message(raw)], onDrain: () => drains++ })
  await stream.take()
  stream.hasRoom = false
  t.ok(channel?.send(0, hex('00')))
  await tick()
  t.absent(channel?.drained)
  t.absent(channel?.send(0, hex('00')))
  stream.drain()
  t.ok(channel?.drained)
  t.is(drains, 1)
  stream.drain()
  t.is(drains, 1)
})

test('mux: what cannot be encoded is the caller’s error and leaves no trace', async (t) => {
  const { stream, mux } = create()
  const failing: Codec<unknown> = {
    preencode(state) {
      state.end += 5
    },
    encode() {
      throw new Error('no')
    },
    decode: () => null
  }
  const channel = mux.open({ protocol: 'x', messages: [message(raw), { codec: failing }] })
  await stream.take()
  channel?.send(0, hex('01'))
  await t.exception(() => channel?.send(1, null), /no/)
  await t.exception(() => channel?.send(2, null), /message type/)
  await t.exception(() => channel?.send(0, new Uint8Array(MAX_FRAME_BYTES)), /at most/)
  channel?.send(0, hex('02'))
  t.alike(
    await stream.take(),
    ['00000102000102' + '0002'].map((frame) => frame)
  )
  await t.exception(() => mux.open({ protocol: 'p'.repeat(129), messages: [] }), /protocol name/)
})

test('mux: a pairing callback takes or leaves', async (t) => {
  const { a, b } = muxPair()
  const asked: string[] = []
  b.pair({ protocol: 'wanted' }, (id) => {
    asked.push(toHex(id ?? emptyBytes))
    if (id?.[0] === 1) b.open({ protocol: 'wanted', id, messages: [] })
  })
  const closes: boolean[] = []
  const onClose = (isRemote: boolean): number => closes.push(isRemote)
  const taken = a.open({ protocol: 'wanted', id: hex('01'), messages: [], onClose })
  const left = a.open({ protocol: 'wanted', id: hex('02'), messages: [], onClose })
  const unknown = a.open({ protocol: 'unknown', messages: [], onClose })
  await until(() => left?.isClosed === true && unknown?.isClosed === true)
  t.ok(taken?.isOpen)
  t.alike(asked, ['01', '02'])
  t.alike(closes, [true, true])
  b.unpair({ protocol: 'wanted' })
  const late = a.open({ protocol: 'wanted', id: hex('03'), messages: [] })
  await until(() => late?.isClosed === true)
  t.is(asked.length, 2)
  a.destroy()
})

test('mux: first to first, and unique', async (t) => {
  const { a, b } = muxPair()
  const got: string[] = []
  for (const name of ['first', 'second']) {
    b.open({
      protocol: 'x',
      unique: false,
      messages: [message(utf8, (text) => got.push(`${name}: ${text}`))]
    })
  }
  const channels = ['1', '2'].map(() =>
    a.open({ protocol: 'x', unique: false, messages: [message(utf8)] })
  )
  for (const [index, channel] of channels.entries()) channel?.send(0, String(index))
  await until(() => got.length === 2)
  t.alike(got, ['first: 0', 'second: 1'])
  t.is(a.open({ protocol: 'x', messages: [] }), null)
  t.ok(a.opened({ protocol: 'x' }))
  a.destroy()
  t.is(a.open({ protocol: 'y', messages: [] }), null)
})

test('mux: aliases, also for an open that came before', async (t) => {
  const { a, b } = muxPair()
  const first = b.open({ protocol: 'new', aliases: ['old'], messages: [message(raw)] })
  const old = a.open({ protocol: 'old', aliases: ['new'], messages: [] })
  await until(() => old?.isOpen === true && first?.isOpen === true)

  const { stream, mux } = create()
  mux.pair({ protocol: 'old' }, () => {
    mux.open({ protocol: 'new', aliases: ['old'], messages: [] })
  })
  stream.receive(openFrame(1, 'old'))
  t.alike(await stream.take(), [openFrame(1, 'new')])
  t.ok(mux.channels[0]?.isOpen)
  a.destroy()
})

test('mux: C1, a close of an open that waits is answered, and leaves nothing', async (t) => {
  const { stream, mux } = create()
  let go = (): void => {}
  mux.pair(
    { protocol: 'x' },
    () =>
      new Promise<void>((resolve) => {
        go = resolve
      })
  )
  stream.receive(openFrame(1, 'x'))
  stream.receive('000301')
  t.alike(await stream.take(), ['000201'])
  stream.receive(openFrame(1, 'y'))
  t.alike(await stream.take(), ['000201'], 'its id is free again')
  go()
  await tick()
  t.alike(await stream.take(), [])
})

test('mux: C2, no second open before the first is answered', async (t) => {
  const { stream, mux } = create()
  mustOpen(mux, 'x').close()
  t.is(mux.open({ protocol: 'x', messages: [] }), null)
  let isFree = false
  const free = mux.whenFree({ protocol: 'x' }).then(() => {
    isFree = true
  })
  await stream.take()
  t.absent(isFree)
  stream.receive(openFrame(1, 'x'))
  t.alike(await stream.take(), ['000301'], 'closed once more')
  await free
  stream.receive('010000')
  mustOpen(mux, 'x')
  t.alike(await stream.take(), [openFrame(1, 'x')])
  await mux.whenFree({ protocol: 'x' })
})

test('mux: both close at once, and open again', async (t) => {
  const { a, b } = muxPair()
  for (let round = 0; round < 20; round++) {
    const [x, y] = [mustOpen(a, 'x'), mustOpen(b, 'x')]
    await until(() => x.isOpen && y.isOpen)
    x.close()
    y.close()
    await tick()
  }
  for (let round = 0; round < 20; round++) {
    const x = mustOpen(a, 'x')
    const y = mustOpen(b, 'x')
    if (round % 2 === 0) x.close()
    else y.close()
    await Promise.all([a.whenFree({ protocol: 'x' }), b.whenFree({ protocol: 'x' })])
    await until(() => x.isClosed && y.isClosed)
  }
  t.absent(a.isClosed || b.isClosed)
  a.destroy()
})

test('mux: the end of the connection closes channels and is told apart', async (t) => {
  const { a, b } = muxPair()
  const closes: boolean[] = []
  const x = mustOpen(a, 'x')
  const y = mustOpen(b, 'x', (isRemote) => closes.push(isRemote))
  await until(() => x.isOpen && y.isOpen)
  a.stream.close()
  await until(() => b.isClosed && a.isClosed)
  t.alike(closes, [true])
  t.ok(b.endedAbruptly)
})

test('mux: bad input ends the connection, typed; the process lives', async (t) => {
  const tooMany = `000001${'0105'.repeat(MAX_BATCH_MESSAGES + 1)}`
  const cases: [string, string, string][] = [
    ['a batch in a batch', '000000' + '03000001', 'BAD_MESSAGE'],
    ['too many messages', tooMany, 'LIMIT_EXCEEDED'],
    ['too many switches', `000001${'0001'.repeat(MAX_BATCH_MESSAGES + 1)}`, 'LIMIT_EXCEEDED'],
    ['a long name', `000101fd8100${'70'.repeat(129)}00`, 'LIMIT_EXCEEDED'],
    ['a long channel id', `0001010178fd0104${'00'.repeat(1025)}`, 'LIMIT_EXCEEDED'],
    ['a message that does not decode', '010005', 'BAD_MESSAGE'],
    ['an id beyond all numbers', 'ffffffffffffffffff00', 'BAD_MESSAGE'],
    ['a batch that ends too early', '0000', 'BAD_MESSAGE']
  ]
  for (const [what, frame, code] of cases) {
    const { stream, mux, closed } = create()
    const closes: boolean[] = []
    mux.open({
      protocol: 'z',
      messages: [message(utf8, () => {})],
      onClose: (isRemote) => closes.push(isRemote)
    })
    stream.receive(openFrame(1, 'z'))
    stream.receive(frame)
    stream.receive(frame)
    await tick()
    t.is(codeOf(closed[0]), code, what)
    t.is(closed.length, 1)
    t.alike(closes, [true])
  }
  const exact = create()
  exact.stream.receive(`000001${'0100'.repeat(MAX_BATCH_MESSAGES)}`)
  t.is(exact.closed.length, 0, 'as many as allowed')
})

test('mux: errors of handlers and callbacks end the connection', async (t) => {
  const reason = new ProtocolError('BAD_CAPABILITY', 'not yours')
  const fail = (): never => {
    throw reason
  }
  const cases: ((mux: Mux) => unknown)[] = [
    (mux) => mux.open({ protocol: 'z', messages: [message(raw, fail)] }),
    (mux) => mux.open({ protocol: 'z', messages: [], onOpen: fail }),
    (mux) => mux.pair({ protocol: 'z' }, fail),
    (mux) => mux.pair({ protocol: 'z' }, () => Promise.reject(reason)),
    (mux) =>
      mux.pair({ protocol: 'z' }, () => {
        mux.open({ protocol: 'z', messages: [], onOpen: fail })
      })
  ]
  for (const prepare of cases) {
    const { stream, mux, closed } = create()
    prepare(mux)
    stream.receive(openFrame(1, 'z'))
    stream.receive('010000')
    await tick()
    t.alike(closed, [reason])
  }
})

test('mux: opens that wait are bounded in number and time', async (t) => {
  const env = new ManualEnv()
  const { stream, mux } = create(env)
  mux.pair({ protocol: 'x' }, () => new Promise(() => {}))
  for (let id = 1; id <= MAX_WAITING_OPENS + 1; id++) stream.receive(openFrame(id, 'x'))
  t.alike(await stream.take(), [`0002${toHex(encode(uint, MAX_WAITING_OPENS + 1))}`])
  env.advance(PAIRING_TIMEOUT_MS)
  const [batch] = await stream.take()
  t.ok(batch?.startsWith('000000020201020202'), 'rejected in order')
  mux.destroy()
  t.is(env.timerCount, 0)
})

test('mux: bytes that wait pause the connection until they are taken', async (t) => {
  const { stream, mux } = create()
  const got: number[] = []
  let go = (): void => {}
  mux.pair({ protocol: 'x' }, async (id) => {
    await new Promise<void>((resolve) => {
      go = resolve
    })
    mux.open({ protocol: 'x', id, messages: [message(raw, (bytes) => got.push(bytes.byteLength))] })
  })
  stream.receive(openFrame(1, 'x'))
  const part = MAX_WAITING_BYTES / 4
  for (let i = 0; i < 3; i++) stream.receive(`0100${'00'.repeat(part)}`)
  t.absent(stream.isPaused)
  stream.receive(`0100${'00'.repeat(part)}`)
  t.ok(stream.isPaused)
  await tick()
  go()
  await tick()
  t.absent(stream.isPaused)
  t.alike(got, [part, part, part, part])
})

test('mux: a flood of unknown opens slows the connection', async (t) => {
  const env = new ManualEnv()
  const { stream, mux } = create(env)
  for (let i = 0; i < VAIN_OPENS_BURST; i++) stream.receive(openFrame(1, 'x'))
  t.absent(stream.isPaused)
  for (let i = 0; i < 20; i++) stream.receive(openFrame(1, 'x'))
  t.ok(stream.isPaused)
  env.advance(900)
  t.ok(stream.isPaused)
  env.advance(200)
  t.absent(stream.isPaused)
  mux.destroy()
  t.is(env.timerCount, 0)
})

test('mux: channels of one remote are bounded', async (t) => {
  const { stream, mux } = create()
  mux.pair({ protocol: 'x' }, () => {
    mux.open({ protocol: 'x', messages: [], unique: false })
  })
  for (let id = 1; id <= MAX_REMOTE_CHANNELS; id++) {
    stream.receive(openFrame(id, 'x'))
    await tick()
  }
  t.is(mux.channels.length, MAX_REMOTE_CHANNELS)
  stream.sent.length = 0
  stream.receive(openFrame(MAX_REMOTE_CHANNELS + 1, 'x'))
  t.alike(await stream.take(), [`0002${toHex(encode(uint, MAX_REMOTE_CHANNELS + 1))}`])
})

test('mux: reasons to pause add up', (t) => {
  const { stream, mux } = create()
  mux.pause('one')
  mux.pause('two')
  mux.pause('two')
  mux.resume('two')
  t.ok(stream.isPaused)
  mux.resume('one')
  t.absent(stream.isPaused)
})
