// T-MAL over real sockets: what takes the server's memory, time or slots. The server is a process of its own, whose
// memory is measured; an honest reader goes on beside the attack. Numbers are those of testing.md section 9.
import type { Socket } from 'node:net'
import type { Assertions } from 'brittle'
import { test } from 'brittle'
import { emptyRequest } from '../../lib/merkle/proof.ts'
import { CONTROL_OPEN } from '../../lib/mux/constants.ts'
import { openBody } from '../../lib/mux/frames.ts'
import type { Data, Sync } from '../../lib/replication/messages.ts'
import { concat, toHex } from '../../lib/util/bytes.ts'
import { buffer, encode, uint } from '../../lib/util/codec.ts'
import type { Attacker } from '../helpers/attacker.ts'
import { seedsFor, tellFigures } from '../helpers/long.ts'
import {
  assertGrowth,
  assertHonestShare,
  HonestReader,
  type Server,
  startServer
} from './server.ts'

const TIMEOUT = { timeout: 30_000 }
const SMALL = { blocks: 2_000, blockBytes: 100 }
const SHARE_BLOCKS = 6_000

/** Not `once`, which rejects when the other side resets the connection. */
function closed(socket: Socket): Promise<void> {
  socket.resume()
  if (socket.closed) return Promise.resolve()
  return new Promise((resolve) => {
    socket.on('close', () => resolve())
  })
}

function turn(ms = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Repeats until the end is asked for, or the attacker is gone; a turn of the event loop between. */
function keepUp(attacker: Attacker, step: () => void): () => Promise<void> {
  let isOver = false
  const done = (async () => {
    while (!isOver && !attacker.stream.isClosed) {
      step()
      await new Promise((resolve) => setImmediate(resolve))
    }
  })()
  return async () => {
    isOver = true
    await done
    attacker.stream.destroy()
  }
}

/** All blocks of a reader of its own, once. */
async function assertServes(t: Assertions, server: Server): Promise<void> {
  const reader = new HonestReader(t, server)
  reader.start()
  while (reader.blocks < 100) await turn(5)
  await reader.stop()
}

test('M09 batch within batch, 200 KB deep', TIMEOUT, async (t) => {
  const server = await startServer(t, SMALL)
  const before = await server.state()
  const deep: Uint8Array = new Uint8Array(200_000)
  for (let i = 0; i + 8 < deep.byteLength; i += 8) deep.set([0, 0, 0, 253, 255, 255, 0, 0], i)
  let nested: Uint8Array = new Uint8Array([0, 0, 0, 1, 0])
  for (let i = 0; i < 40; i++) {
    nested = concat([
      new Uint8Array([0, 0, 0]),
      encode(buffer, concat([new Uint8Array([0]), nested]))
    ])
  }
  for (const frame of [deep, nested]) {
    const { attacker, socket } = await server.connect()
    attacker.sendFrame(frame)
    await closed(socket)
    t.ok(attacker.stream.isClosed, `${frame.byteLength} bytes end the connection`)
  }
  await assertGrowth(t, server, before, 8)
  await assertServes(t, server)
})

test('M10 headers announcing 16 MiB before the handshake', TIMEOUT, async (t) => {
  const server = await startServer(t, SMALL)
  await assertServes(t, server)
  const before = await server.state()
  const sockets = await Promise.all(Array.from({ length: 150 }, () => server.socket()))
  const ends = sockets.map(closed)
  for (const socket of sockets) socket.write(new Uint8Array([0xff, 0xff, 0xff]))
  const drip = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write(new Uint8Array(1_000))
  }, 20)
  await Promise.all(ends)
  clearInterval(drip)
  const { errors, connections } = await server.state()
  t.is(errors.filter((code) => code === 'LIMIT_EXCEEDED').length, 150, 'each ends at its header')
  t.is(connections, 0)
  await assertGrowth(t, server, before, 8)
  await assertServes(t, server)
})

test('M11 messages of 16 MiB that never end, on 64 connections', TIMEOUT, async (t) => {
  const server = await startServer(t, { ...SMALL, haste: 10 })
  await assertServes(t, server)
  const before = await server.state()
  const attackers = await Promise.all(Array.from({ length: 64 }, () => server.connect()))
  const ends = attackers.map(({ socket }) => closed(socket))
  const garbage = new Uint8Array(1_500_000).fill(7)
  for (const { socket } of attackers) {
    socket.write(new Uint8Array([0xff, 0xff, 0xff]))
    socket.write(garbage)
  }
  const reader = new HonestReader(t, server)
  reader.start()
  let peak = 0
  const watch = (async () => {
    while (attackers.some(({ socket }) => !socket.closed)) {
      peak = Math.max(peak, (await server.state()).bytes - before.bytes)
      for (const { socket } of attackers) if (socket.writable) socket.write(new Uint8Array(20))
      await turn(20)
    }
  })()
  await Promise.all(ends)
  await watch
  const { blocks } = reader
  t.ok(blocks > 100, `the reader beside got ${blocks} blocks`)
  await reader.stop()
  const peakMib = peak / 1024 / 1024
  t.ok(peakMib <= 72, `at most ${peakMib.toFixed(1)} MiB more were held`)
  t.ok(peakMib > 20, 'they were held at all')
  await assertGrowth(t, server, before, 8)
})

test('M14 500,000 opens of unknown topics', TIMEOUT, async (t) => {
  const server = await startServer(t, SMALL)
  await assertServes(t, server)
  const before = await server.state()
  const frames: Uint8Array[] = []
  for (let id = 1, sent = 0; sent < 500_000; sent += 5_000) {
    const items: Uint8Array[] = [new Uint8Array([0, 0, 0])]
    for (let i = 0; i < 5_000; i++, id++) {
      const open = { id, protocol: 'x', channelId: encode(uint, id), handshake: new Uint8Array(0) }
      items.push(encode(buffer, concat([new Uint8Array([CONTROL_OPEN]), encode(openBody, open)])))
    }
    frames.push(concat(items))
  }
  const flood = async (): Promise<() => Promise<void>> => {
    const { attacker } = await server.connect()
    let at = 0
    return keepUp(attacker, () => {
      const frame = frames[at]
      if (frame !== undefined && attacker.stream.bufferedBytes < 1_000_000) {
        attacker.sendFrame(frame)
        at++
      }
    })
  }
  await assertHonestShare(t, server, flood, SHARE_BLOCKS)
  await assertGrowth(t, server, before, 8)
})

test('M16 one question repeated without end', TIMEOUT, async (t) => {
  const server = await startServer(t, SMALL)
  await assertServes(t, server)
  const before = await server.state()
  let asked = 0
  let answered = 0
  const flood = async (): Promise<() => Promise<void>> => {
    const { attacker } = await server.connect({
      onMessage: ({ kind }) => {
        if (kind === 'data') answered++
      }
    })
    attacker.open()
    await attacker.next<Sync>('sync')
    let id = 0
    return keepUp(attacker, () => {
      attacker.received.length = 0
      for (let i = 0; i < 1_000 && attacker.channel.bufferedBytes < 65_536; i++, asked++) {
        const block = { index: 7, nodes: 0 }
        attacker.send('request', { id: ++id, proof: { ...emptyRequest, block }, priority: 0 })
      }
    })
  }
  await assertHonestShare(t, server, flood, SHARE_BLOCKS)
  await assertGrowth(t, server, before, 8)
  tellFigures(t, 'T-MAL M16', { asked, answered })
})

test('M16 all blocks at once, every id another', TIMEOUT, async (t) => {
  const server = await startServer(t, SMALL)
  await assertServes(t, server)
  const before = await server.state()
  const flood = async (): Promise<() => Promise<void>> => {
    const { attacker } = await server.connect()
    attacker.open()
    await attacker.next<Sync>('sync')
    let id = 0
    return keepUp(attacker, () => {
      attacker.received.length = 0
      for (let i = 0; i < 1_000 && attacker.channel.bufferedBytes < 65_536; i++) {
        const block = { index: id % SMALL.blocks, nodes: 0 }
        id++
        attacker.send('request', { id: id * 1_000, proof: { ...emptyRequest, block }, priority: 0 })
      }
    })
  }
  await assertHonestShare(t, server, flood, SHARE_BLOCKS)
  await assertGrowth(t, server, before, 8)
})

test('M17 asks for 64 KiB blocks and never reads', TIMEOUT, async (t) => {
  const server = await startServer(t, { blocks: 200, blockBytes: 65_536, haste: 50 })
  await assertServes(t, server)
  const before = await server.state()
  const { attacker, socket } = await server.connect()
  attacker.open()
  await attacker.next<Sync>('sync')
  socket.pause()
  for (let id = 1; id <= 4_000; id++) {
    const block = { index: id % 200, nodes: 0 }
    attacker.send('request', { id, proof: { ...emptyRequest, block }, priority: 0 })
  }
  await turn(200)
  const name = toHex(attacker.stream.publicKey)
  while (((await server.state()).uploads[name] ?? 0) === 0) await turn(10)
  let held = 0
  for (let i = 0; i < 30; i++) {
    held = Math.max(held, (await server.state()).bytes - before.bytes)
    await turn(10)
  }
  t.ok(held <= 6 * 1024 * 1024, `${(held / 1024 / 1024).toFixed(1)} MiB are held for it`)
  const reader = new HonestReader(t, server)
  reader.start()
  while (reader.blocks < 400) await turn(5)
  await reader.stop()
  t.ok(((await server.state()).uploads[name] ?? 0) > 0, 'it was being served')
  while ((await server.state()).connections > 0) await turn(50)
  t.pass('it is given up')
  await assertGrowth(t, server, before, 6)
})

test('M17 who reads again is served on', TIMEOUT, async (t) => {
  const server = await startServer(t, { blocks: 200, blockBytes: 65_536 })
  const ids = new Map<number, number>()
  const { attacker, socket } = await server.connect({
    onMessage: ({ kind, value }) => {
      if (kind === 'data') ids.set((value as Data).id, (ids.get((value as Data).id) ?? 0) + 1)
    }
  })
  attacker.open()
  await attacker.next<Sync>('sync')
  socket.pause()
  for (let id = 1; id <= 600; id++) {
    const block = { index: id % 200, nodes: 0 }
    attacker.send('request', { id, proof: { ...emptyRequest, block }, priority: 0 })
  }
  await turn(100)
  socket.resume()
  while (ids.size < 600) await turn(10)
  t.is(Math.max(...ids.values()), 1, 'each question once')
  attacker.stream.destroy()
})

test('M19 silent, dripping and half-done handshakes, 300 at once', TIMEOUT, async (t) => {
  const server = await startServer(t, { ...SMALL, haste: 10 })
  await assertServes(t, server)
  const before = await server.state()
  const sockets = await Promise.all(
    Array.from({ length: seedsFor(150, 300) }, () => server.socket())
  )
  const ends = sockets.map(closed)
  // A first message of XX: 32 bytes of a point of prime order, nothing after it.
  const half = concat([new Uint8Array([32, 0, 0]), new Uint8Array(32).fill(1)])
  sockets.forEach((socket, i) => {
    if (i % 3 === 1) socket.write(half.subarray(0, 20))
  })
  const drip = setInterval(() => {
    sockets.forEach((socket, i) => {
      if (i % 3 === 2 && socket.writable) socket.write(new Uint8Array([32]).subarray(0, 1))
    })
  }, 400)
  await assertServes(t, server)
  await Promise.all(ends)
  clearInterval(drip)
  const { errors } = await server.state()
  t.ok(errors.includes('TIMEOUT'), 'by the deadline')
  t.ok(
    errors.every((code) => ['TIMEOUT', 'BAD_MESSAGE', 'LIMIT_EXCEEDED', 'CLOSED'].includes(code)),
    [...new Set(errors)].join()
  )
  while ((await server.state()).connections > 0) await turn(20)
  await assertGrowth(t, server, before, 8)
  await assertServes(t, server)
})
