// Very many logs in one store: made, found again, read and replicated, each opened on demand, within a number of
// descriptors and a budget of memory; and opening the store reads nothing of what they hold.
import { readdirSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { type Assertions, test } from 'brittle'
import type { Log } from '../../lib/log/log.ts'
import type { StorageFactory } from '../../lib/storage/file.ts'
import { memoryStorage } from '../../lib/storage/memory-storage.ts'
import { BUSY_MS } from '../../lib/store/constants.ts'
import { Store } from '../../lib/store/store.ts'
import { keepAlive } from '../helpers/keep-alive.ts'
import { seedsFor, tellFigures } from '../helpers/long.ts'
import { ManualEnv } from '../helpers/manual-env.ts'
import { seededRandom } from '../helpers/random.ts'
import { errorOf } from '../helpers/replication.ts'

const LOGS = seedsFor(1_000, 10_000)
const ASKED = seedsFor(150, 2_000)
/** Logs in use at the same moment. */
const AT_ONCE = 10
const TIMEOUT = { timeout: seedsFor(60_000, 600_000) }
const LIMITS = { maxOpenFiles: 64, cacheBytes: 1024 * 1024 }
const IDLE_LOGS = 2 * AT_ONCE
/** And more: long enough that its buffer is kept, each of another length, so that none is used again. */
const LONG_BLOCK_BYTES = 20_000

function blocksOf(i: number): Uint8Array[] {
  const long = new Uint8Array(LONG_BLOCK_BYTES + i).fill(i)
  return [Buffer.from(`the first of ${i}`), long, Buffer.from(`the last of ${i}`)]
}

/** What the process has open; null where the system does not tell. */
function descriptors(): number | null {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return null
  }
}

/** The most that a store was seen to cost. */
class Costs {
  openFiles = 0
  descriptors = 0
  cachedBytes = 0
  idleLogs = 0
  readonly #before = descriptors()

  look(store: Store): void {
    const { openFiles, cachedBytes, idleLogs } = store.stats()
    this.openFiles = Math.max(this.openFiles, openFiles)
    this.descriptors = Math.max(this.descriptors, (descriptors() ?? 0) - (this.#before ?? 0))
    this.cachedBytes = Math.max(this.cachedBytes, cachedBytes)
    this.idleLogs = Math.max(this.idleLogs, idleLogs)
  }

  check(t: Assertions, what: string): void {
    t.ok(this.openFiles <= LIMITS.maxOpenFiles, `${what}: ${this.openFiles} files open at most`)
    // That of the lock, and that of the directory that is looked at, are no files of the store.
    t.ok(this.descriptors <= LIMITS.maxOpenFiles + 4, `${this.descriptors} descriptors`)
    t.ok(this.cachedBytes <= LIMITS.cacheBytes, `${this.cachedBytes} bytes cached`)
    t.ok(this.idleLogs <= IDLE_LOGS, `${this.idleLogs} logs open for peers only`)
  }
}

/** So many at the same moment. */
async function inTurn(count: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0
  const run = async (): Promise<void> => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, run))
}

async function make(store: Store, costs: Costs): Promise<Uint8Array[]> {
  const keys: Uint8Array[] = []
  await inTurn(LOGS, async (i) => {
    const log = await store.get({ name: `log ${i}` })
    await log.append(blocksOf(i))
    keys[i] = log.key
    costs.look(store)
    await log.close()
  })
  return keys
}

function isRight(i: number, blocks: readonly Uint8Array[]): boolean {
  return Buffer.concat(blocks).equals(Buffer.concat(blocksOf(i)))
}

async function readBlocks(log: Log): Promise<Uint8Array[]> {
  return [await log.get(0), await log.get(1), await log.get(2)]
}

test(`${LOGS} logs in one store`, TIMEOUT, async (t) => {
  keepAlive(t)
  const directory = await t.tmp()
  const random = seededRandom(1)
  const figures: Record<string, number> = { logs: LOGS }
  const timed = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now()
    const result = await work()
    figures[`${name} ms`] = Math.round(performance.now() - startedAt)
    return result
  }

  const making = new Costs()
  const store = await Store.open(directory, { ...LIMITS, durability: 'process' })
  const keys = await timed('made', () => make(store, making))
  making.check(t, 'making')
  t.is(store.stats().logs, LOGS)
  t.is(store.stats().openLogs, 0)
  await store.close()

  const env = new ManualEnv()
  const limits = { idleLogs: IDLE_LOGS }
  const options = { ...LIMITS, env, limits }
  const holder = await timed('opened', () => Store.open(directory, options))
  t.teardown(() => holder.close(), { order: 1 })
  t.alike([holder.stats().logs, holder.stats().openLogs], [LOGS, 0], 'found again, none open')
  const asked = Array.from({ length: ASKED }, () => random.int(LOGS))

  const reading = new Costs()
  let wrong = 0
  await timed('read', () =>
    inTurn(ASKED, async (n) => {
      const i = asked[n]!
      const log = await holder.get({ name: `log ${i}` })
      if (!isRight(i, await readBlocks(log))) wrong++
      reading.look(holder)
      await log.close()
    })
  )
  t.is(wrong, 0, 'read here')
  reading.check(t, 'reading')

  const serving = new Costs()
  const reader = await Store.open(null)
  t.teardown(() => reader.close(), { order: 1 })
  const [ours, theirs] = [reader.replicate(true), holder.replicate(false)] as unknown as Duplex[]
  for (const stream of [ours!, theirs!]) stream.on('error', () => {})
  ours!.pipe(theirs!).pipe(ours!)
  t.teardown(() => ours!.destroy(), { order: 0 })
  await timed('served', async () => {
    for (let from = 0; from < ASKED; from += AT_ONCE) {
      // Those that were asked for before have no traffic any more, and give way.
      env.advance(BUSY_MS + 1)
      const some = [...new Set(asked.slice(from, from + AT_ONCE))]
      const logs = await Promise.all(some.map((i) => reader.get({ key: keys[i]! })))
      const blocks = await Promise.all(logs.map((log) => readBlocks(log)))
      serving.look(holder)
      wrong += some.filter((i, n) => !isRight(i, blocks[n]!)).length
      await Promise.all(logs.map((log) => log.close()))
    }
  })
  t.is(wrong, 0, 'fetched over one connection')
  t.is(holder.stats().connections, 1)
  serving.check(t, 'serving')
  const heapBytes = process.memoryUsage().heapUsed
  const most = Math.max(making.descriptors, reading.descriptors, serving.descriptors)
  tellFigures(t, 'T-MANY', {
    ...figures,
    descriptors: most,
    'heap MB': Math.round(heapBytes / 1e6)
  })
})

test('two descriptors are enough', TIMEOUT, async (t) => {
  const directory = await t.tmp()
  const store = await Store.open(directory, { maxOpenFiles: 2 })
  let most = 0
  const logs = await Promise.all(
    Array.from({ length: 30 }, async (_, i) => {
      const log = await store.get({ name: `log ${i}` })
      for (const block of [...blocksOf(i), new Uint8Array(200_000).fill(i)]) {
        await log.append(block)
        most = Math.max(most, store.stats().openFiles)
      }
      await log.clear(1, 2)
      return log
    })
  )
  for (const [i, log] of logs.entries()) {
    const [long, last] = await Promise.all([log.get(3), log.get(2)])
    t.ok(long.every((byte) => byte === i) && Buffer.from(last).equals(blocksOf(i)[2]!))
  }
  t.is(most, 2)
  await store.close()
  t.is(await errorOf(Store.open(directory, { maxOpenFiles: 1 })), 'ArgumentError INVALID_ARGUMENT')
})

/** Counts the bytes that are read of its files, logs' files apart. */
function counted(inner: StorageFactory): { storage: StorageFactory; read: Record<string, number> } {
  const read = { ofStore: 0, ofLogs: 0 }
  const storage: StorageFactory = (name) => {
    const file = inner(name)
    const count = (byteLength: number): void => {
      read[name.startsWith('logs/') ? 'ofLogs' : 'ofStore'] += byteLength
    }
    const readNow = file.readNow?.bind(file)
    const readLater = file.read.bind(file)
    file.readNow = (offset, target) => {
      count(target.byteLength)
      readNow?.(offset, target)
    }
    file.read = (offset, byteLength, callback) => {
      count(byteLength)
      readLater(offset, byteLength, callback)
    }
    return file
  }
  return { storage, read }
}

test('what opening a store reads does not grow with what its logs hold', TIMEOUT, async (t) => {
  const reads: Record<string, number>[] = []
  for (const blocks of [1, 500]) {
    const inner = memoryStorage()
    const before = await Store.open(inner)
    for (let i = 0; i < 20; i++) {
      const log = await before.get({ name: `log ${i}` })
      await log.append(Array.from({ length: blocks }, () => new Uint8Array(1_000)))
    }
    await before.close()
    const { storage, read } = counted(inner)
    const store = await Store.open(storage)
    t.is(store.stats().logs, 20)
    reads.push({ ...read })
    await store.close()
  }
  const [small, large] = reads
  t.alike(large, small, JSON.stringify(large))
  t.is(small?.['ofLogs'], 0)
})
