// The multiplexer against the frames of protomux 3.12.1. The vectors name the operations; messages that the
// reference sent one by one are sent in ticks of their own here, as one tick makes one batch.
import { test } from 'brittle'
import type { Channel } from '../../lib/mux/channel.ts'
import { message } from '../../lib/mux/channel.ts'
import { openBody } from '../../lib/mux/frames.ts'
import { Mux } from '../../lib/mux/mux.ts'
import { fromUtf8, toHex } from '../../lib/util/bytes.ts'
import { encode, raw, uint, utf8 } from '../../lib/util/codec.ts'
import { hex, loadVectors } from '../helpers/vectors.ts'
import { codeOf, ManualStream, tick } from './peers.ts'

interface Vectors {
  protomux: {
    name: string
    frames: string[]
    received?: string[]
    steps?: { received: string; wrote: string[] }[]
    events?: string[]
  }[]
  protomuxErrors: { name: string; received: string[]; destroyed: boolean }[]
}

const vectors = loadVectors<Vectors>('channel')

function vector(start: string): Vectors['protomux'][number] {
  const found = vectors.protomux.find(({ name }) => name.startsWith(start))
  if (found === undefined) throw new Error(`No vector ${start}`)
  return found
}

function create(): { stream: ManualStream; mux: Mux } {
  const stream = new ManualStream()
  return { stream, mux: new Mux(stream) }
}

function open(mux: Mux, protocol: string): Channel {
  const channel = mux.open({ protocol, messages: [message(raw), message(raw)] })
  if (channel === null) throw new Error(`${protocol} is taken`)
  return channel
}

const counted = (byteLength: number, start = 0): Uint8Array =>
  Uint8Array.from({ length: byteLength }, (_, i) => (i + start) & 0xff)

test('mux: opens', async (t) => {
  const plain = create()
  open(plain.mux, 'foo')
  t.alike(await plain.stream.take(), vector('open: first').frames)

  const empty = create()
  empty.mux.open({ protocol: 'foo', id: new Uint8Array(0), messages: [] })
  t.alike(await empty.stream.take(), vector('open: empty id').frames)

  const full = create()
  full.mux.open({
    protocol: 'hypercore/alpha',
    aliases: ['hypercore'],
    id: counted(32),
    handshake: { codec: raw, value: counted(32, 100) },
    messages: []
  })
  t.alike(await full.stream.take(), vector('open: 32-byte id').frames)

  const long = encode(openBody, {
    id: 1,
    protocol: 'p'.repeat(253),
    channelId: counted(253),
    handshake: encode(utf8, 'héllo')
  })
  t.is(`0001${toHex(long)}`, vector('open: 253-byte').frames[0])
})

test('mux: messages and close', async (t) => {
  const { stream, mux } = create()
  const channel = mux.open({
    protocol: 'foo',
    messages: [message(utf8), message(uint), message(raw), message(raw)]
  })
  await stream.take()
  const values: unknown[] = ['hi', 65_536, counted(5), counted(0)]
  const frames: string[] = []
  for (const [type, value] of values.entries()) {
    channel?.send(type, value)
    frames.push(...(await stream.take()))
  }
  t.alike(frames, vector('messages on local channel 1').frames)
  channel?.close()
  t.alike(await stream.take(), vector('close of local').frames)
})

test('mux: an open that nobody takes is rejected', (t) => {
  const { stream, mux } = create()
  const { received = [], frames } = vector('reject')
  for (const frame of received) stream.receive(frame)
  mux.flush()
  t.alike(stream.sent, frames)
})

test('mux: ids of two lengths', async (t) => {
  const { stream, mux } = create()
  const { frames } = vector('ids 252 and 253')
  const channels: Channel[] = []
  for (let i = 0; i < 253; i++) channels.push(open(mux, String(i)))
  await stream.take()
  const [first, second] = channels.slice(-2) as [Channel, Channel]
  const wrote: string[] = []
  first.send(0, counted(1, 1))
  wrote.push(...(await stream.take()))
  second.send(0, counted(1, 1))
  wrote.push(...(await stream.take()))
  second.close()
  wrote.push(...(await stream.take()))
  t.alike(wrote, frames.slice(2))
})

test('mux: batches', async (t) => {
  const { stream, mux } = create()
  mux.cork()
  const a = open(mux, 'a')
  const b = open(mux, 'b')
  a.send(0, hex('01'))
  a.send(1, hex(''))
  b.send(0, hex('0202'))
  await tick()
  b.send(0, hex('030303'))
  a.send(0, counted(253))
  b.close()
  mux.uncork()
  t.alike(await stream.take(), vector('batch: open a').frames)
  mux.cork()
  mux.uncork()
  t.alike(await stream.take(), vector('empty cork').frames)
})

test('mux: one message goes without a batch, nested corks as one', async (t) => {
  const { stream, mux } = create()
  const channel = open(mux, 'a')
  await stream.take()
  channel.cork()
  mux.cork()
  channel.send(0, hex('bb'))
  mux.uncork()
  await tick()
  t.alike(stream.sent, [])
  channel.uncork()
  t.alike(await stream.take(), ['0100bb'])
})

test('mux: allocation of ids', async (t) => {
  const { stream, mux } = create()
  const rule = vector('local id allocation')
  const wrote: string[] = []
  const step = async (run: () => unknown): Promise<void> => {
    run()
    wrote.push(...(await stream.take()))
  }
  let [a, b]: Channel[] = []
  await step(() => {
    a = open(mux, 'a')
  })
  await step(() => {
    b = open(mux, 'b')
  })
  stream.receive('000101016100')
  await step(() => a?.close())
  await step(() => open(mux, 'c'))
  await step(() => open(mux, 'd'))
  await step(() => b?.close())
  await step(() => open(mux, 'e'))
  t.alike(wrote, rule.frames)
  const then = vector('then remote rejects')
  for (const frame of then.received ?? []) stream.receive(frame)
  open(mux, 'f')
  t.alike(await stream.take(), then.frames)
})

test('mux: a session', async (t) => {
  const { stream, mux } = create()
  const session = vector('session')
  const events: string[] = []
  const channel: Channel | null = mux.open({
    protocol: 'echo',
    id: hex('beef'),
    handshake: { codec: uint, value: 1000 },
    messages: [
      message(utf8, (text) => {
        events.push(`m0:${text}`)
        channel?.send(0, `re:${text}`)
      })
    ],
    onOpen: (handshake) => events.push(`open:${handshake}`),
    onClose: (isRemote) => events.push(`close:${isRemote}`)
  })
  t.alike(await stream.take(), session.frames)
  for (const { received, wrote } of session.steps ?? []) {
    stream.receive(received)
    t.alike(await stream.take(), wrote, received)
  }
  t.alike([...events, 'destroy'], session.events)
})

test('mux: messages that come before pairing is done', async (t) => {
  const { stream, mux } = create()
  const late = vector('messages that arrive before')
  const events: string[] = []
  let go = (): void => {}
  mux.pair({ protocol: 'late' }, async (id) => {
    events.push(`pair:${toHex(id ?? fromUtf8('none'))}`)
    await new Promise<void>((resolve) => {
      go = resolve
    })
    mux.open({
      protocol: 'late',
      id,
      messages: [message(raw, (bytes) => events.push(`m0:${toHex(bytes)}`))],
      onOpen: () => events.push('open')
    })
  })
  for (const frame of late.received ?? []) stream.receive(frame)
  await tick()
  go()
  t.alike(await stream.take(), late.frames)
  t.alike(events, late.events)
})

test('mux: what is fatal', async (t) => {
  for (const { name, received, destroyed } of vectors.protomuxErrors) {
    const { stream, mux } = create()
    if (name.includes('channel z')) open(mux, 'z')
    let error: Error | null | undefined
    mux.onClose = (reason) => {
      error = reason
    }
    if (name.includes('pending')) mux.pair({ protocol: 'z' }, () => new Promise(() => {}))
    for (const frame of received) stream.receive(frame)
    await tick()
    t.is(error === undefined ? 'alive' : codeOf(error), destroyed ? 'BAD_MESSAGE' : 'alive', name)
    t.is(stream.error !== undefined, destroyed)
  }
})
