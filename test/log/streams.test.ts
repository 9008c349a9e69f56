// Batches, write streams and byte streams of a log.
import { once } from 'node:events'
import { test } from 'brittle'
import { Log } from '../../lib/log/log.ts'
import { fromUtf8, toHex, toUtf8 } from '../../lib/util/bytes.ts'
import { seededRandom } from '../helpers/random.ts'
import { errorOf, join, openLog, randomBlocks } from '../helpers/replication.ts'

const TIMEOUT = { timeout: 20_000 }

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces)
}

test('a batch: gathered, read back, appended as one unit', async (t) => {
  const log = await Log.open<string>(null, { encoding: 'utf-8' } as never)
  t.teardown(() => log.close())
  await log.append('zero')
  const batch = log.batch()
  t.is(batch.append('one'), 2)
  t.is(batch.append(['two', 'three', 'four']), 5)
  batch.truncate(4)
  t.is(log.length, 1)
  t.alike([await batch.get(0), await batch.get(3)], ['zero', 'three'])
  t.is(await errorOf(batch.get(4)), 'ArgumentError INVALID_ARGUMENT')
  t.is(await errorOf(() => batch.truncate(0)), 'ArgumentError INVALID_ARGUMENT')
  let appends = 0
  log.on('append', () => appends++)
  t.is((await batch.flush()).length, 4)
  t.is(appends, 1, 'one unit')
  t.is(await log.get(3), 'three')
  t.is(await errorOf(() => batch.append('late')), 'StateError CLOSED')
})

test('a batch on a log that moved on appends nothing', async (t) => {
  const log = await openLog(t)
  const first = log.batch()
  const second = log.batch()
  first.append(fromUtf8('a'))
  second.append(fromUtf8('b'))
  const [one, two] = await Promise.allSettled([first.flush(), second.flush()])
  t.is(one.status, 'fulfilled')
  t.is(await errorOf(Promise.reject((two as PromiseRejectedResult).reason)), 'StateError OUTDATED')
  t.is(log.length, 1)
  const third = log.batch()
  third.append(fromUtf8('c'))
  await log.truncate(1)
  t.is(await errorOf(third.flush()), 'StateError OUTDATED', 'another fork')
  t.is(log.length, 1)
  await second.close()
})

test('append only at a length', async (t) => {
  const log = await openLog(t)
  await log.append(fromUtf8('a'), { ifLength: 0 })
  t.is(await errorOf(log.append(fromUtf8('b'), { ifLength: 0 })), 'StateError OUTDATED')
  const both = await Promise.allSettled([
    log.append(fromUtf8('c'), { ifLength: 1 }),
    log.append(fromUtf8('d'), { ifLength: 1 })
  ])
  t.alike(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  t.is(log.length, 2)
})

test('a write stream appends all that is written, in order', TIMEOUT, async (t) => {
  const log = await openLog(t)
  const blocks = randomBlocks(seededRandom(1), 3000, 60)
  const stream = log.createWriteStream({ durability: 'process' })
  for (const block of blocks) {
    if (!stream.write(block)) await once(stream as unknown as NodeJS.EventEmitter, 'drain')
  }
  stream.end()
  await once(stream as unknown as NodeJS.EventEmitter, 'close')
  t.is(log.length, blocks.length)
  for (const [i, block] of blocks.entries()) t.is(toHex(await log.get(i)), toHex(block))
})

test('a write stream fails with its append', TIMEOUT, async (t) => {
  const log = await openLog(t)
  const stream = log.createWriteStream()
  const failed = once(stream as unknown as NodeJS.EventEmitter, 'error')
  stream.write('no bytes' as unknown as Uint8Array)
  const [error] = await failed
  t.is(await errorOf(Promise.reject(error)), 'ArgumentError INVALID_ARGUMENT')
  t.is(
    await errorOf(() => log.createWriteStream({ x: 1 } as object)),
    'ArgumentError UNKNOWN_OPTION'
  )
})

test('byte streams: any stretch, encrypted or not, here or at a peer', TIMEOUT, async (t) => {
  const random = seededRandom(2)
  const blocks = randomBlocks(random, 80, 200)
  const whole = Buffer.concat(blocks)
  for (const encryption of [null, { key: new Uint8Array(32).fill(3) }]) {
    const log = await openLog(t, { encryption })
    await log.append(blocks)
    const reader = await openLog(t, { key: log.key, encryption })
    await join(t, log, reader)
    await reader.update()
    for (const side of [log, reader]) {
      t.is(toHex(await bytesOf(side.createByteStream())), toHex(whole))
      for (let round = 0; round < 30; round++) {
        const byteOffset = random.int(whole.byteLength + 1)
        const byteLength = random.int(whole.byteLength - byteOffset + 1)
        const part = whole.subarray(byteOffset, byteOffset + byteLength)
        const found = await bytesOf(side.createByteStream({ byteOffset, byteLength }))
        if (toHex(found) !== toHex(part)) t.fail(`${byteOffset} + ${byteLength}`)
      }
      const end = await bytesOf(side.createByteStream({ byteOffset: whole.byteLength - 7 }))
      t.is(toHex(end), toHex(whole.subarray(-7)))
      const beyond = side.createByteStream({ byteOffset: whole.byteLength - 1, byteLength: 2 })
      t.is(await errorOf(bytesOf(beyond)), 'UnavailableError NOT_AVAILABLE')
    }
  }
})

test('a byte stream fetches its stretch and nothing else', TIMEOUT, async (t) => {
  const log = await openLog(t)
  await log.append(Array.from({ length: 500 }, (_, i) => fromUtf8(String(i).padStart(10, '0'))))
  const reader = await openLog(t, { key: log.key })
  await join(t, log, reader)
  await reader.update()
  const text = toUtf8(await bytesOf(reader.createByteStream({ byteOffset: 2995, byteLength: 30 })))
  const whole = Array.from({ length: 500 }, (_, i) => String(i).padStart(10, '0')).join('')
  t.is(text, whole.slice(2995, 3025))
  const held = Array.from({ length: 500 }, (_, i) => i).filter((i) => reader.has(i))
  t.ok(held.length <= 4 + 12, `${held.length} blocks`)
})

test('leaving a byte stream ends its wait', TIMEOUT, async (t) => {
  const log = await openLog(t)
  await log.append(new Uint8Array(100))
  const reader = await openLog(t, { key: log.key })
  const connection = await join(t, log, reader)
  await reader.update()
  await connection.cut()
  const controller = new AbortController()
  const reading = bytesOf(reader.createByteStream({ signal: controller.signal }))
  controller.abort()
  t.is(await errorOf(reading), 'AbortError ABORTED')
})
