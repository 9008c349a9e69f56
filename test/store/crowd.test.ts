// Many logs asked for at the same moment: more than wait with a connection, and more than have room. All come.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Assertions, test } from 'brittle'
import { BUSY_MS } from '../../lib/store/constants.ts'
import type { StoreOptions } from '../../lib/store/options.ts'
import { Store } from '../../lib/store/store.ts'
import { keepAlive } from '../helpers/keep-alive.ts'
import { ManualEnv } from '../helpers/manual-env.ts'

/** Opens of about 560 logs stop the reading of a connection; those on their way come on top. */
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

/** Both ends of a connection over loopback, which hands over much at once. */
async function sockets(t: Assertions): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const ours = connect(port, '127.0.0.1')
  const [theirs] = (await once(server, 'connection')) as [Socket]
  t.teardown(() => {
    ours.destroy()
    theirs.destroy()
    server.close()
  })
  return [ours, theirs]
}

test(`${MANY} logs asked for at once`, { timeout: 120_000 }, async (t) => {
  keepAlive(t)
  let letIn = (): void => {}
  const allowed = new Promise<boolean>((resolve) => {
    letIn = () => resolve(true)
  })
  const [store, keys] = await filled(t, MANY, { authorize: () => allowed })
  const reader = await readerOf(t)
  const [ours, theirs] = await sockets(t)
  reader.replicateOver(ours, { isInitiator: true })
  store.replicateOver(theirs, { isInitiator: false })
  const logs = await Promise.all(keys.map((key) => reader.get({ key })))
  const reading = Promise.all(logs.map((log) => log.get(0)))
  await sleep(WAIT_MS)
  letIn()
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
