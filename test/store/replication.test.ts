// One connection for all logs of two stores: those open on both sides, those opened later, those opened because the
// remote asked; and what one who may not know a log is told.
import type { Duplex } from 'node:stream'
import { type Assertions, test } from 'brittle'
import type { Log } from '../../lib/log/log.ts'
import type { Location } from '../../lib/log/options.ts'
import { Mux } from '../../lib/mux/mux.ts'
import { capabilityOf } from '../../lib/replication/capability.ts'
import { handshakeCodec } from '../../lib/replication/messages.ts'
import { createRawPair } from '../../lib/secret-stream/raw-pair.ts'
import { SecretStream } from '../../lib/secret-stream/secret-stream.ts'
import { REFUSAL_AFTER_MS } from '../../lib/store/constants.ts'
import type { StoreOptions } from '../../lib/store/options.ts'
import { Store } from '../../lib/store/store.ts'
import { fromUtf8, toHex } from '../../lib/util/bytes.ts'
import { turns } from '../helpers/attacker.ts'
import { keepAlive } from '../helpers/keep-alive.ts'
import { ManualEnv } from '../helpers/manual-env.ts'
import { until } from '../helpers/replication.ts'

const TIMEOUT = { timeout: 20_000 }

async function openStore(
  t: Assertions,
  options: StoreOptions = {},
  location: Location = null
): Promise<Store> {
  const store = await Store.open(location, options)
  t.teardown(() => store.close(), { order: 1 })
  return store
}

function connect(t: Assertions, a: Store, b: Store): Duplex {
  const [ours, theirs] = [a.replicate(true), b.replicate(false)] as unknown as [Duplex, Duplex]
  for (const stream of [ours, theirs]) stream.on('error', () => {})
  ours.pipe(theirs).pipe(ours)
  t.teardown(() => ours.destroy(), { order: 0 })
  return ours
}

/** Two multiplexers over one encrypted connection. */
function muxPair(): [Mux, Mux] {
  const { inner, outer } = createRawPair()
  const ours = new SecretStream({ raw: inner, isInitiator: true })
  const theirs = new SecretStream({ raw: outer as never, isInitiator: false })
  return [new Mux(ours), new Mux(theirs)]
}

/** Names of the logs that are open. */
async function openIn(store: Store): Promise<string[]> {
  const names: string[] = []
  for await (const { names: all, length } of store.list()) {
    if (length !== null) names.push(...all.map(({ name }) => name))
  }
  return names
}

async function lengthsOf(logs: readonly Log[]): Promise<number[]> {
  await Promise.all(logs.map((log) => until(log, 'append', () => log.length > 0)))
  return logs.map((log) => log.length)
}

test('logs open before and after the connection, both ways', TIMEOUT, async (t) => {
  keepAlive(t)
  const [a, b] = [await openStore(t), await openStore(t)]
  const early = await a.get({ name: 'early' })
  await early.append([fromUtf8('one'), fromUtf8('two')])
  const earlyCopy = await b.get({ key: early.key })
  connect(t, a, b)
  t.is(Buffer.from(await earlyCopy.get(1)).toString(), 'two')
  const late = await b.get({ name: 'late' })
  await late.append(fromUtf8('three'))
  const lateCopy = await a.get({ key: late.key })
  t.is(Buffer.from(await lateCopy.get(0)).toString(), 'three')
  await late.append(fromUtf8('four'))
  await until(lateCopy, 'append', () => lateCopy.length === 2)
  t.is(Buffer.from(await lateCopy.get(1)).toString(), 'four')
  t.is(a.stats().connections, 1)
})

test('what is held and not open is opened for the remote', TIMEOUT, async (t) => {
  keepAlive(t)
  const directory = await t.tmp()
  const before = await Store.open(directory)
  const keys: Uint8Array[] = []
  for (let i = 0; i < 40; i++) {
    const log = await before.get({ name: `log ${i}` })
    await log.append([fromUtf8(`${i}`), fromUtf8('end')])
    keys.push(log.key)
  }
  await before.close()
  const holder = await openStore(t, {}, directory)
  const reader = await openStore(t)
  connect(t, reader, holder)
  const logs = await Promise.all(keys.map((key) => reader.get({ key })))
  for (const [i, log] of logs.entries()) t.is(Buffer.from(await log.get(0)).toString(), `${i}`)
  t.alike(
    await lengthsOf(logs),
    keys.map(() => 2)
  )
  t.is(holder.stats().idleLogs, 40)
  const mine = await holder.get({ name: 'log 7' })
  await mine.append(fromUtf8('more'))
  await until(logs[7]!, 'append', () => logs[7]!.length === 3)
  t.is(holder.stats().idleLogs, 39)
  await mine.close()
  t.is(holder.stats().idleLogs, 40, 'its peer still has it')
  t.is(Buffer.from(await logs[7]!.get(2)).toString(), 'more')
})

test('logs open for peers only have a limit, and close after a while', TIMEOUT, async (t) => {
  keepAlive(t)
  const env = new ManualEnv()
  const directory = await t.tmp()
  const before = await Store.open(directory)
  const keys: Uint8Array[] = []
  for (let i = 0; i < 6; i++) {
    const log = await before.get({ name: `${i}` })
    await log.append([fromUtf8(`${i}`), fromUtf8(`${i} again`)])
    keys.push(log.key)
  }
  await before.close()
  const holder = await openStore(
    t,
    { env, limits: { idleLogs: 3, idleAfterMs: 30_000 } },
    directory
  )
  const reader = await openStore(t)
  const stream = connect(t, reader, holder)
  const read = async (i: number, index = 0): Promise<string> => {
    const log = await reader.get({ key: keys[i]! })
    const text = Buffer.from(await log.get(index)).toString()
    await log.close()
    return text
  }
  for (let i = 0; i < 3; i++) t.is(await read(i), `${i}`)
  t.is(holder.stats().idleLogs, 3)
  env.advance(5_000)
  t.is(await read(3), '3', 'one without traffic made room')
  await turns(50)
  t.alike(await openIn(holder), ['1', '2', '3'], 'and is not opened for who does not need it')
  env.advance(5_000)
  t.is(await read(0, 1), '0 again', 'for who does, it is')
  await turns(50)
  t.alike(await openIn(holder), ['0', '2', '3'])
  stream.destroy()
  while (holder.stats().connections > 0) await new Promise((resolve) => setImmediate(resolve))
  while (holder.stats().openLogs > 0) {
    env.advance(45_000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.is(holder.stats().idleLogs, 0)
})

test(
  'who does not show that it knows the key gets the answer of those who ask for nothing',
  TIMEOUT,
  async (t) => {
    keepAlive(t)
    const directory = await t.tmp()
    const before = await Store.open(directory)
    const log = await before.get({ name: 'secret' })
    await log.append(fromUtf8('x'))
    await before.close()
    const env = new ManualEnv()
    const holder = await openStore(t, { env }, directory)
    const [attacker, theirs] = muxPair()
    holder.replicate(theirs, { offers: false })
    await attacker.stream.opened
    const tried = [log.discoveryKey, new Uint8Array(32).fill(9)]
    const answers: string[] = []
    const open = (id: Uint8Array, capability: Uint8Array): void => {
      attacker.open({
        protocol: 'hypercore/alpha',
        id,
        handshake: { codec: handshakeCodec, value: { seeks: true, capability } },
        messages: [],
        onOpen: () => answers.push(`${toHex(id)} open`),
        onClose: () => answers.push(`${toHex(id)} no`)
      })
    }
    for (const id of tried) open(id, new Uint8Array(32))
    const turns = async (): Promise<void> => {
      for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve))
    }
    await turns()
    t.alike(answers, [], 'nothing is said before the time')
    while (answers.length < tried.length) {
      env.advance(REFUSAL_AFTER_MS)
      await turns()
    }
    t.alike(answers.sort(), tried.map((id) => `${toHex(id)} no`).sort())
    answers.length = 0
    const { handshakeHash, isInitiator } = attacker.stream
    const context = { handshakeHash: handshakeHash!, key: log.key }
    open(log.discoveryKey, capabilityOf(context, isInitiator))
    while (answers.length === 0) await turns()
    t.alike(answers, [`${toHex(log.discoveryKey)} open`])
    attacker.destroy()
  }
)

test('authorize decides, in both directions', TIMEOUT, async (t) => {
  keepAlive(t)
  const asked: boolean[] = []
  let allowed: string[] = []
  const a = await openStore(t, {
    authorize: ({ discoveryKey, remotePublicKey, isIncoming }) => {
      if (remotePublicKey.byteLength !== 32) throw new Error('who?')
      asked.push(isIncoming)
      return allowed.includes(toHex(discoveryKey))
    }
  })
  const b = await openStore(t)
  const [yes, no] = [await a.get({ name: 'yes' }), await a.get({ name: 'no' })]
  await yes.append(fromUtf8('y'))
  await no.append(fromUtf8('n'))
  allowed = [toHex(yes.discoveryKey)]
  connect(t, a, b)
  const copies = [await b.get({ key: yes.key }), await b.get({ key: no.key })]
  t.is(Buffer.from(await copies[0]!.get(0)).toString(), 'y')
  t.absent(await copies[1]!.update())
  t.is(copies[1]!.length, 0)
  t.ok(asked.includes(true))
  t.ok(asked.includes(false))
})

test('closing a store ends its own connections, not those it was lent', TIMEOUT, async (t) => {
  keepAlive(t)
  const [a, b] = [await openStore(t), await openStore(t)]
  const [ours, theirs] = muxPair()
  a.replicate(ours)
  b.replicate(theirs)
  const log = await a.get({ name: 'x' })
  await log.append(fromUtf8('1'))
  t.ok(await (await b.get({ key: log.key })).get(0))
  await a.close()
  t.absent(ours.isClosed)
  t.is(ours.channels.length, 0)
  ours.destroy()
  await theirs.closed
  while (b.stats().connections > 0) await new Promise((resolve) => setImmediate(resolve))
  t.pass('a connection that ended is forgotten')
})
