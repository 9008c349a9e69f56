// Logs on a connection that npm protomux multiplexes already, beside channels of the application; with Logwood and npm
// hypercore 11 on the other end.
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import NoiseSecretStream from '@hyperswarm/secret-stream'
import { type Assertions, test } from 'brittle'
import c from 'compact-encoding'
import Protomux from 'protomux'
import { Store } from '../../lib/store/store.ts'
import { seededRandom } from '../helpers/random.ts'
import {
  assertSame,
  errorOf,
  openLog,
  openReference,
  randomBlocks,
  tcpPair,
  until
} from '../helpers/replication.ts'

const TIMEOUT = { timeout: 10_000 }
const blocks = randomBlocks(seededRandom(6), 120, 300)

/** Two ends of an encrypted connection, each with a channel of the application on npm protomux. */
async function connect(t: Assertions) {
  const sockets = await tcpPair()
  const ends = sockets.map((socket, i) => {
    const stream = new NoiseSecretStream(i === 0, socket)
    stream.on('error', () => {})
    const mux = (Protomux as unknown as { from(stream: unknown): Protomux }).from(stream)
    const heard: string[] = []
    const channel = mux.createChannel({ protocol: 'chat' })
    if (channel === null) throw new Error('The channel is free')
    const message = channel.addMessage({
      encoding: c.string,
      onmessage: (text: string) => heard.push(text)
    })
    channel.open()
    return { stream, mux, heard, channel, say: (text: string) => message.send(text) }
  })
  t.teardown(
    async () => {
      for (const socket of sockets) {
        if (socket.closed) continue
        const closed = once(socket, 'close')
        socket.destroy()
        await closed
      }
    },
    { order: 0 }
  )
  return ends as [(typeof ends)[0], (typeof ends)[0]]
}

test('a log beside a chat: ours on both ends', TIMEOUT, async (t) => {
  const [first, second] = await connect(t)
  const writer = await openLog(t)
  await writer.append(blocks.slice(0, 60))
  const reader = await openLog(t, { key: writer.key })
  const faults: unknown[] = []
  reader.on('fault', (error) => faults.push(error))
  t.is(writer.replicate(first.stream as never), first.stream as never)
  reader.replicate(second.mux as never)
  reader.replicate(second.stream as never)
  first.say('before')
  await until(reader, 'append', () => reader.length === 60)
  await writer.append(blocks.slice(60))
  await reader.download({ start: 0, end: 120 }).done()
  first.say('after')
  second.say('thanks')
  await heard(second, 2)
  await heard(first, 1)
  await assertSame(t, reader, blocks, writer, 'reader')
  t.alike(second.heard, ['before', 'after'])
  t.alike(faults, [])
  t.is(reader.peers.length, 1, 'named twice, it is one connection')
  await reader.close()
  await until(writer, 'peer-remove', () => writer.peers.length === 0)
  t.ok(first.channel.opened && !first.channel.closed, 'the chat goes on')
})

test('with hypercore 11, both ways, and again after closing', TIMEOUT, async (t) => {
  const [first, second] = await connect(t)
  const writer = await openLog(t)
  await writer.append(blocks)
  const core = await openReference(t, '11', writer.key)
  writer.replicate(first.stream as never)
  core.replicate(second.stream)
  await core.update({ wait: true })
  await core.download({ start: 0, end: 120 }).done()
  await assertSame(t, core, blocks, writer, 'reference')
  const other = await openReference(t, '11')
  await other.append(blocks)
  for (let i = 0; i < 2; i++) {
    const reader = await openLog(t, { key: other.key })
    if (i === 0) other.replicate(second.stream)
    reader.replicate(first.stream as never)
    await reader.download({ start: 0, end: 120 }).done()
    await assertSame(t, reader, blocks, other, 'reader')
    await reader.close()
  }
  first.say('still here')
  second.say('here, too')
  await heard(first, 1)
  await heard(second, 1)
  t.absent(first.stream.destroyed)
})

test('a store: what the other end opens is opened here', TIMEOUT, async (t) => {
  const [first, second] = await connect(t)
  const store = await Store.open(await t.tmp())
  t.teardown(() => store.close(), { order: 1 })
  const log = await store.get({ name: 'served' })
  await log.append(blocks)
  const { key } = log
  await log.close()
  store.replicate(first.stream as never)
  const reader = await openLog(t, { key })
  reader.replicate(second.stream as never)
  await reader.download({ start: 0, end: 120 }).done()
  t.is(reader.contiguousLength, 120)
  const stranger = await openLog(t)
  const gone = once(second.stream as never, 'close')
  stranger.replicate(second.stream as never)
  t.is(stranger.peers.length, 0, 'what nobody has there, nobody gives')
  ;(second.stream as unknown as Duplex).destroy()
  await gone
  t.is(await errorOf(() => reader.replicate({} as never)), 'ArgumentError INVALID_ARGUMENT')
})

/** So many lines have come over the application's channel. */
async function heard(end: { heard: string[] }, count: number): Promise<void> {
  while (end.heard.length < count) await new Promise((resolve) => setTimeout(resolve, 5))
}
