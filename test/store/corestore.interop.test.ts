// npm corestore 7 on the other side: the same keys from the same primary key, and all logs over one connection, in both
// directions, opened at once or on demand.
import type { Duplex } from 'node:stream'
import { type Assertions, test } from 'brittle'
import Corestore from 'corestore'
import type { Log } from '../../lib/log/log.ts'
import { Store } from '../../lib/store/store.ts'
import { fromUtf8, toHex } from '../../lib/util/bytes.ts'
import { keepAlive } from '../helpers/keep-alive.ts'

const TIMEOUT = { timeout: 30_000 }
const COUNT = 30

async function openReference(t: Assertions, options: object = {}): Promise<Corestore> {
  const store = new Corestore(await t.tmp(), options)
  await store.ready()
  t.teardown(() => store.close(), { order: 1 })
  return store
}

function connect(t: Assertions, store: Store, reference: Corestore, weInitiate: boolean): void {
  const ours = store.replicate(weInitiate) as unknown as Duplex
  const theirs = reference.replicate(!weInitiate)
  for (const stream of [ours, theirs]) stream.on('error', () => {})
  ours.pipe(theirs).pipe(ours)
  t.teardown(() => {
    ours.destroy()
    theirs.destroy()
  })
}

async function textOf(log: Log, index: number): Promise<string> {
  return Buffer.from(await log.get(index)).toString()
}

test('the same primary key and names give the same logs', TIMEOUT, async (t) => {
  const primaryKey = new Uint8Array(32).fill(5)
  const reference = await openReference(t, { primaryKey, unsafe: true })
  const store = await Store.open(null, { primaryKey })
  t.teardown(() => store.close())
  for (const name of ['a', 'main', 'ä']) {
    const theirs = reference.get({ name })
    const nested = reference.namespace('x').namespace('y').get({ name })
    await theirs.ready()
    await nested.ready()
    t.is(toHex((await store.get({ name })).key), toHex(theirs.key), name)
    const inside = store.namespace('x').namespace('y')
    t.is(toHex((await inside.get({ name })).key), toHex(nested.key), `x/y/${name}`)
    await theirs.close()
    await nested.close()
  }
})

for (const weInitiate of [true, false]) {
  const how = weInitiate ? 'we call' : 'we answer'

  test(`corestore reads logs that we open for it: ${how}`, TIMEOUT, async (t) => {
    keepAlive(t)
    const directory = await t.tmp()
    const before = await Store.open(directory)
    const keys: Uint8Array[] = []
    for (let i = 0; i < COUNT; i++) {
      const log = await before.get({ name: `${i}` })
      await log.append([fromUtf8(`first of ${i}`), fromUtf8(`second of ${i}`)])
      keys.push(log.key)
    }
    await before.close()
    const store = await Store.open(directory)
    t.teardown(() => store.close(), { order: 1 })
    const reference = await openReference(t)
    connect(t, store, reference, weInitiate)
    const cores = keys.map((key) => reference.get({ key }))
    const texts = await Promise.all(
      cores.map(async (core) => Buffer.from((await core.get(1))!).toString())
    )
    t.alike(
      texts,
      keys.map((_, i) => `second of ${i}`)
    )
    t.is(store.stats().idleLogs, COUNT)
    const mine = await store.get({ name: '3' })
    await mine.append(fromUtf8('third'))
    t.is(Buffer.from((await cores[3]!.get(2))!).toString(), 'third', 'and follows them')
  })

  test(`we read logs that corestore opens for us: ${how}`, TIMEOUT, async (t) => {
    keepAlive(t)
    const reference = await openReference(t)
    const keys: Uint8Array[] = []
    for (let i = 0; i < COUNT; i++) {
      const core = reference.get({ name: `${i}` })
      await core.append([fromUtf8(`first of ${i}`), fromUtf8(`second of ${i}`)])
      keys.push(core.key)
      await core.close()
    }
    const store = await Store.open(await t.tmp())
    t.teardown(() => store.close(), { order: 1 })
    connect(t, store, reference, weInitiate)
    const logs = await Promise.all(keys.map((key) => store.get({ key })))
    const texts = await Promise.all(logs.map((log) => textOf(log, 1)))
    t.alike(
      texts,
      keys.map((_, i) => `second of ${i}`)
    )
    const theirs = reference.get({ name: '5' })
    await theirs.append(fromUtf8('third'))
    t.is(await textOf(logs[5]!, 2), 'third', 'and follow them')
  })
}
