// The multiplexer with protomux on the other side: over our encrypted stream, over theirs, and over memory and TCP.
import NoiseSecretStream from '@hyperswarm/secret-stream'
import { test } from 'brittle'
import compact from 'compact-encoding'
import Protomux from 'protomux'
import { message } from '../../lib/mux/channel.ts'
import { fromForeignStream } from '../../lib/mux/foreign-stream.ts'
import type { MessageStream } from '../../lib/mux/message-stream.ts'
import { Mux } from '../../lib/mux/mux.ts'
import type { RawDuplex } from '../../lib/secret-stream/raw-duplex.ts'
import { createRawPair } from '../../lib/secret-stream/raw-pair.ts'
import { SecretStream } from '../../lib/secret-stream/secret-stream.ts'
import { raw, uint, utf8 } from '../../lib/util/codec.ts'
import { hex } from '../helpers/vectors.ts'
import { tcpPair } from '../secret-stream/peers.ts'
import { tick } from './peers.ts'

interface Sides {
  readonly ours: Mux
  readonly theirs: Protomux
  end(): void
}

type Setup = 'memory' | 'tcp' | 'foreign'

async function connect(setup: Setup, isInitiator: boolean): Promise<Sides> {
  let raws: [unknown, unknown]
  if (setup === 'tcp') raws = await tcpPair()
  else {
    const { inner, outer } = createRawPair()
    raws = [inner, outer]
  }
  const reference = new NoiseSecretStream(!isInitiator, raws[1], { keepAlive: 5_000 })
  reference.on('error', () => {})
  const stream: MessageStream =
    setup === 'foreign'
      ? fromForeignStream(new NoiseSecretStream(isInitiator, raws[0]))
      : new SecretStream({ isInitiator, raw: raws[0] as RawDuplex })
  const ours = new Mux(stream)
  return { ours, theirs: new Protomux(reference), end: () => ours.destroy() }
}

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await tick()
}

for (const setup of ['memory', 'tcp', 'foreign'] as const) {
  for (const isInitiator of [true, false]) {
    const title = `${setup}, we ${isInitiator ? 'call' : 'answer'}`

    test(`interop: messages and batches, ${title}`, async (t) => {
      const { ours, theirs, end } = await connect(setup, isInitiator)
      const [atUs, atThem]: [string[], string[]] = [[], []]
      const channel = ours.open({
        protocol: 'test',
        id: hex('0102'),
        handshake: { codec: utf8, value: 'ours' },
        messages: [
          message(utf8, (text) => atUs.push(text)),
          message(uint, (value) => atUs.push(String(value))),
          message(raw, (bytes) => atUs.push(`${bytes.byteLength} bytes`))
        ],
        onOpen: (handshake) => atUs.push(`open ${handshake}`),
        onClose: (isRemote) => atUs.push(`close ${isRemote}`)
      })
      const other = theirs.createChannel({
        protocol: 'test',
        id: hex('0102'),
        handshake: compact.string,
        onopen: (handshake) => atThem.push(`open ${handshake as string}`),
        onclose: (isRemote) => atThem.push(`close ${isRemote}`)
      })
      if (other === null || channel === null) throw new Error('taken')
      const theirText = other.addMessage({
        encoding: compact.string,
        onmessage: (text: string) => {
          atThem.push(text)
        }
      })
      const theirUint = other.addMessage({
        encoding: compact.uint,
        onmessage: (value: number) => {
          atThem.push(String(value))
        }
      })
      const theirRaw = other.addMessage({
        encoding: compact.raw,
        onmessage: (bytes: Uint8Array) => {
          atThem.push(`${bytes.byteLength} bytes`)
        }
      })
      other.open('theirs')
      theirs.cork()
      for (let i = 0; i < 100; i++) {
        theirText.send(`t${i}`)
        theirUint.send(i * 1000)
      }
      theirs.uncork()
      theirRaw.send(new Uint8Array(3_000_000))
      for (let i = 0; i < 100; i++) {
        channel.send(0, `t${i}`)
        channel.send(1, i * 1000)
      }
      channel.send(2, new Uint8Array(3_000_000))
      channel.send(0, 'last')
      theirText.send('last')
      await until(() => atUs.at(-1) === 'last' && atThem.at(-1) === 'last')
      const expected = Array.from({ length: 100 }, (_, i) => [`t${i}`, String(i * 1000)]).flat()
      t.alike(atUs, ['open theirs', ...expected, '3000000 bytes', 'last'])
      t.alike(atThem, ['open ours', ...expected, '3000000 bytes', 'last'])
      if (isInitiator) channel.close()
      else other.close()
      await until(() => channel.isClosed && other.closed)
      t.is(atUs.at(-1), `close ${!isInitiator}`)
      t.is(atThem.at(-1), `close ${isInitiator}`)
      end()
    })

    test(`interop: pairing, rejects and aliases, ${title}`, async (t) => {
      const { ours, theirs, end } = await connect(setup, isInitiator)
      const paired: string[] = []
      theirs.pair({ protocol: 'theirs' }, () => {
        const channel = theirs.createChannel({ protocol: 'theirs' })
        channel?.open()
        paired.push('theirs')
      })
      ours.pair({ protocol: 'ours' }, async () => {
        await tick()
        ours.open({ protocol: 'ours', messages: [] })
        paired.push('ours')
      })
      const weAsk = ours.open({ protocol: 'theirs', messages: [] })
      const refused = ours.open({ protocol: 'nobody', messages: [] })
      const theyAsk = theirs.createChannel({ protocol: 'ours' })
      theyAsk?.open()
      const theyAreRefused = theirs.createChannel({ protocol: 'nobody here' })
      theyAreRefused?.open()
      await until(() => weAsk?.isOpen === true && theyAsk?.opened === true)
      await until(() => refused?.isClosed === true && theyAreRefused?.closed === true)
      t.alike(paired.toSorted(), ['ours', 'theirs'])
      const alias = ours.open({ protocol: 'hypercore/alpha', aliases: ['hypercore'], messages: [] })
      // They must not open before they know of ours by its primary name: so they take that one as an alias too.
      const old = theirs.createChannel({ protocol: 'hypercore', aliases: ['hypercore/alpha'] })
      old?.open()
      await until(() => alias?.isOpen === true && old?.opened === true)
      t.pass('aliases')
      end()
    })
  }
}

test('interop: C1 and C2, open and close and open again', async (t) => {
  const { ours, theirs, end } = await connect('memory', true)
  let asked = 0
  theirs.pair({ protocol: 'x' }, async () => {
    asked++
    await tick()
    theirs.createChannel({ protocol: 'x' })?.open()
  })
  ours.open({ protocol: 'x', messages: [] })?.close()
  t.is(ours.open({ protocol: 'x', messages: [] }), null)
  await ours.whenFree({ protocol: 'x' })
  await until(() => !theirs.opened({ protocol: 'x' }))
  const again = ours.open({ protocol: 'x', messages: [] })
  await until(() => again?.isOpen === true)
  t.is(asked, 2)
  again?.close()
  await until(() => !theirs.opened({ protocol: 'x' }))
  t.absent(ours.isClosed)
  end()
})

test('interop: their close of an open that waits here', async (t) => {
  const { ours, theirs, end } = await connect('memory', false)
  ours.pair({ protocol: 'x' }, () => new Promise(() => {}))
  const waiting = theirs.createChannel({ protocol: 'x' })
  waiting?.open()
  await tick()
  waiting?.close()
  await tick()
  const other = theirs.createChannel({ protocol: 'y' })
  const mine = ours.open({ protocol: 'y', messages: [] })
  other?.open()
  await until(() => other?.opened === true && mine?.isOpen === true)
  t.is(ours.channels.length, 1)
  end()
})

test('interop: their bytes when we send what they cannot decode, and the other way round', async (t) => {
  const { ours, theirs } = await connect('memory', true)
  let reason: Error | null | undefined
  ours.onClose = (error) => {
    reason = error
  }
  const channel = ours.open({ protocol: 'x', messages: [message(raw)] })
  const other = theirs.createChannel({ protocol: 'x' })
  other?.addMessage({ encoding: compact.string })
  other?.open()
  await until(() => channel?.isOpen === true)
  channel?.send(0, hex('05'))
  await until(() => reason !== undefined)
  t.ok(reason instanceof Error, 'they cut the connection; we see an end that is not clean')
  t.ok(ours.endedAbruptly)
})
