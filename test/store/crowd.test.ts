// Many logs asked for at the same moment: more than a connection is read for, and more than have room. All come.
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Assertions, test } from 'brittle'
import { BUSY_MS } from '../../lib/store/constants.ts'
import type { StoreOptions } from '../../lib/store/options.ts'
import { Store } from '../../lib/store/store.ts'
import { deferred } from '../../lib/util/deferred.ts'
import { keepAlive } from '../helpers/keep-alive.ts'
import { ManualEnv } from '../helpers/manual-env.ts'
import { tcpPair } from '../helpers/replication.ts'

/** More than the opens, some 470, for which a connection is not read on. */
const MANY = 1_500
/** As long as it takes until more opens wait than a connection is read for. */
const WAIT_MS = 300
const ROOM = 40

async function filled(
  t: Assertions,
  count: number,
  options: StoreOptions
): Promise<[Store, Uint8Array[]]> {
  const store = await Store.open(null, options)
  t.teardown(() => store.close(), { order: 1 })
  const keys: Uint8Array[] = []
  for (let i = 0; i < count; i++) {
    const log = await store.get({ name: `log ${i}` })
    await log.append(Buffer.from(`of ${i}`))
    keys.push(log.key)
    await log.close()
  }
  return [store, keys]
}

async function readerOf(t: Assertions): Promise<Store> {
  const reader = await Store.open(null)
  t.teardown(() => reader.close(), { order: 1 })
  return reader
}

test(`${MANY} logs asked for at once`, { timeout: 120_000 }, async (t) => {
  keepAlive(t)
  const allowed = deferred<boolean>()
  const [store, keys] = await filled(t, MANY, { authorize: () => allowed.promise })
  const reader = await readerOf(t)
  const [ours, theirs] = await tcpPair()
  t.teardown(() => ours.destroy(), { order: 0 })
  reader.replicateOver(ours, { isInitiator: true })
  store.replicateOver(theirs, { isInitiator: false })
  const logs = await Promise.all(keys.map((key) => reader.get({ key })))
  const reading = Promise.all(logs.map((log) => log.get(0)))
  await sleep(WAIT_MS)
  allowed.resolve(true)
  const blocks = await reading
  t.is(blocks.filter((block, i) => Buffer.from(block).toString() === `of ${i}`).length, MANY)
})

test('where there is room for some only, the others wait for those that are done', async (t) => {
  keepAlive(t)
  const env = new ManualEnv()
  const [store, keys] = await filled(t, 3 * ROOM, { env, limits: { idleLogs: ROOM } })
  const reader = await readerOf(t)
  const [ours, theirs] = [reader.replicate(true), store.replicate(false)] as unknown as Duplex[]
  for (const stream of [ours!, theirs!]) stream.on('error', () => {})
  ours!.pipe(theirs!).pipe(ours!)
  t.teardown(() => ours!.destroy(), { order: 0 })
  const logs = await Promise.all(keys.map((key) => reader.get({ key })))
  let come = 0
  let most = 0
  const all = logs.map(async (log, i) => {
    const block = await log.get(0)
    if (Buffer.from(block).toString() === `of ${i}`) come++
  })
  for (let rounds = 0; rounds < 500 && come < keys.length; rounds++) {
    most = Math.max(most, store.stats().idleLogs)
    await sleep(2)
    if (rounds % 10 === 9) env.advance(BUSY_MS)
  }
  t.is(come, keys.length)
  t.ok(most <= ROOM, `${most} open for peers at most`)
  await Promise.all(all)
})
