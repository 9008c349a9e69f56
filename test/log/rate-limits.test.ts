// Rate limits, in simulated time: per log, per peer, shared by logs; changed while they hold; no timer without them.
import { test } from 'brittle'
import type { Log } from '../../lib/log/log.ts'
import { TokenBucket } from '../../lib/replication/model/token-bucket.ts'
import { RateLimit } from '../../lib/replication/rate-limit.ts'
import { turns } from '../helpers/attacker.ts'
import { seedsFor } from '../helpers/long.ts'
import { ManualEnv } from '../helpers/manual-env.ts'
import { seededRandom } from '../helpers/random.ts'
import { errorOf, join, openLog, openReader, until } from '../helpers/replication.ts'

const TIMEOUT = { timeout: 20_000 }
const BLOCK_BYTES = 1_000
const RATE = 20 * BLOCK_BYTES
/** Beyond the burst of a second: answers that are being made when it is used up, and the proofs' own bytes. */
const SLACK_BLOCKS = 24

function blocks(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => new Uint8Array(BLOCK_BYTES).fill(i))
}

function heldBy(log: Log): number {
  return log.sync.held
}

test('a bucket lets through its rate and what a second saved up, whatever is taken', (t) => {
  for (let seed = 1; seed <= seedsFor(50, 2_000); seed++) {
    const random = seededRandom(seed)
    const rate = 1 + random.int(1_000_000)
    const bucket = new TokenBucket(rate)
    let [now, through, last] = [0, 0, 0]
    for (let step = 0; step < 200; step++) {
      const waitMs = bucket.waitMs(now)
      now += waitMs > 0 ? waitMs : random.int(50)
      if (bucket.waitMs(now) > 0) {
        if (bucket.waitMs(now) > 1) t.fail(`seed ${seed}: waits longer than it said`)
        continue
      }
      last = random.int(rate * 2)
      through += last
      bucket.take(last, now)
    }
    const most = rate + (rate * now) / 1_000 + last
    if (through > most + 1) t.fail(`seed ${seed}: ${through} of at most ${most}`)
  }
  t.pass()
})

test('what goes out keeps to the rate, and follows its changes', TIMEOUT, async (t) => {
  const env = new ManualEnv()
  const limit = new RateLimit(RATE)
  const writer = await openLog(t, { env, limits: { upload: limit } })
  await writer.append(blocks(300))
  const reader = await openReader(t, writer)
  await join(t, reader, writer)
  const download = reader.download({ end: 300 })
  await until(reader, 'download', () => heldBy(reader) > 0)
  await turns(200)
  t.ok(heldBy(reader) >= 10, `${heldBy(reader)} of the first second`)
  t.ok(heldBy(reader) <= 20 + SLACK_BLOCKS, 'not more')
  t.ok(env.timerCount > 0)
  limit.bytesPerSecond = 1e9
  for (let i = 0; i < 5; i++) {
    env.advance(1_000)
    await turns(100)
  }
  await download.done()
  t.is(heldBy(reader), 300)
})

test('what comes in keeps to the rate, and explain says so', TIMEOUT, async (t) => {
  const env = new ManualEnv()
  const writer = await openLog(t)
  await writer.append(blocks(300))
  const reader = await openLog(t, { key: writer.key, env, limits: { downloadPerPeer: RATE } })
  await join(t, reader, writer)
  await until(reader, 'append', () => reader.length === 300)
  const download = reader.download({ end: 300 })
  for (let second = 1; second <= 3; second++) {
    await turns(200)
    t.ok(heldBy(reader) <= 20 * second + SLACK_BLOCKS, `${heldBy(reader)} by second ${second}`)
    t.is(reader.explain(299).reason, 'limited')
    t.is(reader.sync.peers[0]?.waitingBecause, 'limited')
    env.advance(1_000)
  }
  download.destroy()
})

test('several logs share a limit', TIMEOUT, async (t) => {
  const env = new ManualEnv()
  const limits = { upload: new RateLimit(RATE) }
  const readers: Log[] = []
  for (let i = 0; i < 3; i++) {
    const writer = await openLog(t, { env, limits })
    await writer.append(blocks(100))
    const reader = await openReader(t, writer)
    await join(t, reader, writer)
    reader.download({ end: 100 })
    readers.push(reader)
  }
  await turns(300)
  const held = readers.reduce((sum, reader) => sum + heldBy(reader), 0)
  t.ok(held > 0 && held <= 20 + 3 * SLACK_BLOCKS, `${held} together`)
})

test('bad limits', TIMEOUT, async (t) => {
  const INVALID = 'ArgumentError INVALID_ARGUMENT'
  t.is(await errorOf(() => new RateLimit(0)), INVALID)
  t.is(await errorOf(openLog(t, { limits: { upload: Number.NaN } })), INVALID)
  t.is(await errorOf(openLog(t, { limits: { uploadPerPeer: new RateLimit(1) as never } })), INVALID)
  const unknown = { up: 1 } as never
  t.is(await errorOf(openLog(t, { limits: unknown })), 'ArgumentError UNKNOWN_OPTION')
})
