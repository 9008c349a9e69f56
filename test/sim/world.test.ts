// The simulated world itself: time, order, lines, partitions, disks that forget; the same seed, the same run.
import { test } from 'brittle'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { Log } from '../../lib/log/log.ts'
import { SimWorld } from '../../lib/sim/world.ts'
import { fromUtf8, toUtf8 } from '../../lib/util/bytes.ts'

const TIMEOUT = { timeout: 20_000 }

test('time goes from one due task to the next', async (t) => {
  const { clock } = new SimWorld(1)
  const seen: string[] = []
  for (const at of [30, 10, 20]) clock.setTimer(at, () => seen.push(`${at}@${clock.now()}`))
  const never = clock.setTimer(15, () => seen.push('disposed'))
  never[Symbol.dispose]()
  await clock.run(25)
  t.alike(seen, ['10@10', '20@20'])
  t.is(clock.now(), 25)
  t.is(clock.waitingCount, 1)
  t.ok(await clock.until(() => seen.length === 3, 100))
  t.is(clock.now(), 30)
  t.absent(await clock.until(() => false, 70))
  t.is(clock.now(), 100)
})

test('what is due at once runs in an order that the seed decides', async (t) => {
  const orders = await Promise.all(
    [1, 1, 2, 3].map(async (seed) => {
      const { clock } = new SimWorld(seed)
      const seen: number[] = []
      for (let i = 0; i < 20; i++) clock.setTimer(5, () => seen.push(i))
      await clock.run(10)
      return seen.join()
    })
  )
  t.is(orders[0], orders[1])
  t.is(new Set(orders).size, 3)
})

test('a promise is waited for in virtual time', async (t) => {
  const { clock } = new SimWorld(1)
  const later = new Promise<string>((resolve) => {
    clock.setTimer(60_000, () => resolve('done'))
  })
  t.is(await clock.settled(later, 100_000), 'done')
  t.is(clock.now(), 60_000)
  await t.exception(clock.settled(new Promise(() => {}), 1000), /Not done after 1000 ms/)
})

test('a line: latency, bandwidth, order, whatever is lost on the way', TIMEOUT, async (t) => {
  for (const loss of [0, 0.2]) {
    const { clock, network } = new SimWorld(7)
    const line = { latencyMs: 50, jitterMs: 40, bytesPerSecond: 10_000, loss, pieceBytes: 100 }
    const { first, second } = network.connect('a', 'b', line)
    const got: number[] = []
    second.on('data', (bytes: Uint8Array) => got.push(...bytes))
    let ended = false
    second.on('end', () => {
      ended = true
    })
    const sent = Array.from({ length: 3000 }, (_, i) => i % 251)
    first.write(Uint8Array.from(sent))
    first.end()
    await clock.run(40)
    t.is(got.length, 0, 'not before the latency')
    t.ok(await clock.until(() => ended, 60_000))
    t.alike(got, sent)
    t.ok(clock.now() >= 300, `3,000 bytes at 10,000 a second: ${Math.round(clock.now())} ms`)
  }
})

test('back-pressure: who does not read is not written to without end', async (t) => {
  const { clock, network } = new SimWorld(3)
  const { first, second } = network.connect('a', 'b', { latencyMs: 1 })
  let read = 0
  second.on('data', (bytes: Uint8Array) => {
    read += bytes.byteLength
  })
  second.pause()
  let drains = 0
  first.on('drain', () => drains++)
  let written = 0
  while (first.write(new Uint8Array(10_000))) written += 10_000
  await clock.run(100)
  t.ok(written >= 256 * 1024 && written < 400_000, `${written} bytes until full`)
  t.is(read, 0)
  t.is(drains, 0)
  second.resume()
  await clock.run(100)
  t.is(read, written + 10_000)
  t.is(drains, 1)
})

test('partitions hold what is under way; a cut loses it', async (t) => {
  const { clock, network } = new SimWorld(4)
  const link = network.connect('a', 'b', { latencyMs: 5 })
  const got: string[] = []
  link.second.on('data', (bytes: Uint8Array) => got.push(toUtf8(bytes)))
  network.partition([['a'], ['b']])
  link.first.write(fromUtf8('one'))
  const other = network.connect('a', 'b')
  other.second.on('data', (bytes: Uint8Array) => got.push(toUtf8(bytes)))
  other.first.write(fromUtf8('two'))
  await clock.run(1000)
  t.alike(got, [])
  network.heal()
  t.alike(got.sort(), ['one', 'two'])
  const closed: string[] = []
  for (const socket of [link.first, link.second]) {
    socket.on('error', () => closed.push('error'))
    socket.on('close', () => closed.push('close'))
  }
  link.first.write(fromUtf8('lost'))
  network.cut('b')
  await clock.run(100)
  t.alike(closed, ['error', 'close', 'error', 'close'])
  t.alike(got, ['one', 'two'])
  t.is(network.count, 0)
})

test('a disk keeps what was synced, and of the rest what chance wants', TIMEOUT, async (t) => {
  let lost = 0
  for (let seed = 1; seed <= 20; seed++) {
    const world = new SimWorld(seed, { disk: { latencyMs: 3 } })
    const { clock } = world
    const host = world.host('writer')
    const keyPair = createKeyPair(new Uint8Array(32).fill(seed))
    const open = (): Promise<Log> =>
      clock.settled(Log.open(host.disk.factory, { keyPair, env: host.env }), 10_000)
    let log = await open()
    await clock.settled(log.append(fromUtf8('synced')), 10_000)
    const how = { durability: 'process' } as const
    await clock.settled(log.append(fromUtf8('written'), how), 10_000)
    host.crash('power')
    log = await open()
    t.is(toUtf8(await clock.settled(log.get(0), 10_000)), 'synced')
    if (log.length === 1) lost++
    await clock.settled(log.close(), 10_000)
  }
  t.ok(lost > 3 && lost < 20, `${lost} of 20 lost what was only written`)
})

test('a killed process loses nothing that it wrote', TIMEOUT, async (t) => {
  const world = new SimWorld(5)
  const { clock } = world
  const host = world.host('writer')
  const keyPair = createKeyPair(new Uint8Array(32).fill(5))
  const open = (): Promise<Log> =>
    clock.settled(Log.open(host.disk.factory, { keyPair, env: host.env }), 10_000)
  let log = await open()
  await clock.settled(log.append(fromUtf8('a'), { durability: 'process' }), 10_000)
  host.crash('process')
  log = await open()
  t.is(log.length, 1)
  await clock.settled(log.close(), 10_000)
  t.is(clock.waitingCount, 0, 'no timer is left')
})
