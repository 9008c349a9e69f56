// T-SOAK: what is opened and closed again and again leaves nothing behind: no heap, no handles, no timers, no open
// files. Rounds are few in the fast run, where only a leak of kilobytes per round shows, and many in the long one.
import { readdirSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Assertions, test } from 'brittle'
import { Log } from '../../lib/log/log.ts'
import { seedsFor, tellFigures } from '../helpers/long.ts'
import { seededRandom } from '../helpers/random.ts'
import { until } from '../helpers/replication.ts'

const TIMEOUT = { timeout: 3_600_000 }
/** Of the heap, over the last 80 % of the rounds: bytes that a round may leave behind. */
const MAX_LONG_SLOPE_BYTES = 100
/** What caches, compiled code and noise may take in all. */
const MAX_GROWTH_BYTES = 8 * 1024 * 1024
const SAMPLES = 10

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function heapBytes(): number {
  collect()
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Open file descriptors; null where the system does not list them. */
function openFiles(): number | null {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return null
  }
}

function handles(): number {
  return process.getActiveResourcesInfo().length
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

async function assertNoLeak(
  t: Assertions,
  name: string,
  rounds: number,
  round: (i: number) => Promise<void>
): Promise<void> {
  const step = Math.max(1, Math.floor(rounds / SAMPLES))
  const samples: number[] = []
  for (let i = 0; i < step; i++) await round(i)
  await turns(5)
  const before = { files: openFiles(), handles: handles() }
  for (let i = step; i <= rounds; i++) {
    if (i % step === 0) {
      await turns(5)
      samples.push(heapBytes())
    }
    await round(i)
  }
  await turns(5)
  const last = samples.slice(Math.floor(samples.length / 5))
  const growth = last.at(-1)! - last[0]!
  const slope = growth / (step * Math.max(1, last.length - 1))
  const most = Math.max(MAX_LONG_SLOPE_BYTES, MAX_GROWTH_BYTES / rounds)
  t.ok(slope <= most, `${name}: ${Math.round(slope)} bytes a round, at most ${Math.round(most)}`)
  t.is(openFiles(), before.files, `${name}: open files`)
  t.ok(handles() <= before.handles, `${name}: handles and timers`)
  tellFigures(t, `T-SOAK ${name}`, { rounds, 'heap bytes a round': Math.round(slope) })
}

function joined(a: Log, b: Log): () => Promise<void> {
  const first = a.replicate(true)
  const second = b.replicate(false)
  for (const stream of [first, second]) stream.on('error', () => {})
  first.pipe(second).pipe(first)
  return async () => {
    first.destroy()
    await until(a, 'peer-remove', () => a.peers.length === 0)
  }
}

test('a log on disk, opened, used, closed', TIMEOUT, async (t) => {
  const directory = await t.tmp()
  const random = seededRandom(1)
  await (await Log.open(directory)).close()
  await assertNoLeak(t, 'logs', seedsFor(300, 10_000), async (i) => {
    const log = await Log.open(directory)
    await log.append(random.bytes(50))
    if (i % 10 === 0) await log.truncate(0)
    await log.read(0)
    await log.close()
  })
})

test('connections between two logs, made and cut', TIMEOUT, async (t) => {
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(alive))
  const writer = await Log.open(null)
  await writer.append(Array.from({ length: 50 }, (_, i) => seededRandom(i).bytes(100)))
  const reader = await Log.open(null, { key: writer.key })
  await assertNoLeak(t, 'connections', seedsFor(300, 10_000), async (i) => {
    const cut = joined(reader, writer)
    await reader.get(i % 50)
    await cut()
    await reader.clear(0, 50)
  })
  await reader.close()
  await writer.close()
})

test('readers that come and go, while one log grows, is cut and cleared', TIMEOUT, async (t) => {
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(alive))
  const random = seededRandom(3)
  const writer = await Log.open(null)
  await assertNoLeak(t, 'readers', seedsFor(150, 5_000), async (i) => {
    if (i % 25 === 24) await writer.truncate(0)
    await writer.append(Array.from({ length: 20 }, () => random.bytes(200)))
    const reader = await Log.open(null, { key: writer.key })
    const cut = joined(reader, writer)
    await reader.update()
    await reader.download({ start: 0, end: reader.length }).done()
    await cut()
    await reader.close()
  })
  await writer.close()
})

test('sessions, snapshots, waits that are given up', TIMEOUT, async (t) => {
  const log = await Log.open(null)
  await log.append([new Uint8Array(10)])
  await assertNoLeak(t, 'waits', seedsFor(2_000, 50_000), async (i) => {
    const session = i % 2 === 0 ? log.session() : log.snapshot()
    const controller = new AbortController()
    const wait = log.get(10, { signal: controller.signal }).catch(() => {})
    const download = log.download({ start: 0, end: 100, signal: controller.signal })
    download.done().catch(() => {})
    await turns(1)
    controller.abort()
    await wait
    await session.close()
  })
  await log.close()
})
