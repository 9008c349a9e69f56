// Rates and switches of a store, in simulated time: they hold for all its logs together, and for each peer over all logs
// it has; also for logs that are opened because a peer asks; changed while they hold.
import type { Duplex } from 'node:stream'
import { type Assertions, test } from 'brittle'
import type { Log } from '../../lib/log/log.ts'
import { RateLimit } from '../../lib/replication/rate-limit.ts'
import { SharedLimit } from '../../lib/replication/shared-traffic.ts'
import { memoryStorage } from '../../lib/storage/memory-storage.ts'
import type { StoreOptions } from '../../lib/store/options.ts'
import { Store } from '../../lib/store/store.ts'
import { turns } from '../helpers/attacker.ts'
import { keepAlive } from '../helpers/keep-alive.ts'
import { ManualEnv } from '../helpers/manual-env.ts'
import { errorOf } from '../helpers/replication.ts'

const TIMEOUT = { timeout: 20_000 }
const BLOCK_BYTES = 1_000
/** Per second. */
const RATE_BLOCKS = 20
const RATE = RATE_BLOCKS * BLOCK_BYTES
const LOGS = 4
const LOG_BLOCKS = 200
/** Of each log: answers that are being made when the rate is used up, and the proofs' own bytes. */
const SLACK_BLOCKS = 24
const SECONDS = 10

async function openStore(t: Assertions, options: StoreOptions = {}): Promise<Store> {
  const store = await Store.open(null, options)
  t.teardown(() => store.close(), { order: 1 })
  return store
}

/** A store whose logs are held and not open, and their keys. */
async function openHolder(
  t: Assertions,
  options: StoreOptions
): Promise<{ holder: Store; keys: Uint8Array[] }> {
  const place = memoryStorage()
  const before = await Store.open(place)
  const keys: Uint8Array[] = []
  for (let i = 0; i < LOGS; i++) {
    const log = await before.get({ name: `${i}` })
    await log.append(Array.from({ length: LOG_BLOCKS }, () => new Uint8Array(BLOCK_BYTES).fill(i)))
    keys.push(log.key)
  }
  await before.close()
  const holder = await Store.open(place, options)
  t.teardown(() => holder.close(), { order: 1 })
  return { holder, keys }
}

function connect(t: Assertions, a: Store, b: Store): void {
  const [ours, theirs] = [a.replicate(true), b.replicate(false)] as unknown as [Duplex, Duplex]
  for (const stream of [ours, theirs]) stream.on('error', () => {})
  ours.pipe(theirs).pipe(ours)
  t.teardown(() => ours.destroy(), { order: 0 })
}

/** Copies of all logs, connected and being downloaded. */
async function readAll(
  t: Assertions,
  reader: Store,
  holder: Store,
  keys: readonly Uint8Array[]
): Promise<Log[]> {
  connect(t, reader, holder)
  const logs = await Promise.all(keys.map((key) => reader.get({ key })))
  for (const log of logs) log.download({ end: LOG_BLOCKS })
  return logs
}

function heldBy(logs: readonly Log[]): number {
  return logs.reduce((sum, log) => sum + log.sync.held, 0)
}

/** More than three of four logs would get through, each with a rate of its own. */
const MOST = RATE_BLOCKS * (SECONDS + 1) + LOGS * SLACK_BLOCKS

async function pass(env: ManualEnv, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    env.advance(1_000)
    await turns(150)
  }
}

test('the upload rate holds for all logs and peers, and may change', TIMEOUT, async (t) => {
  keepAlive(t)
  const env = new ManualEnv()
  const { holder, keys } = await openHolder(t, { env, limits: { upload: RATE } })
  const first = await readAll(t, await openStore(t), holder, keys.slice(0, 2))
  const second = await readAll(t, await openStore(t), holder, keys.slice(2))
  const logs = [...first, ...second]
  while (holder.stats().idleLogs < LOGS) await turns(10)
  await pass(env, SECONDS)
  const held = heldBy(logs)
  t.ok(held >= RATE_BLOCKS && held <= MOST, `${held} blocks, at most ${MOST}`)
  holder.setLimits({ upload: null })
  while (heldBy(logs) < LOGS * LOG_BLOCKS) await pass(env, 1)
  t.pass('all came once the limit was lifted')
})

test('the rate per peer holds for all that one peer has, in each direction', TIMEOUT, async (t) => {
  keepAlive(t)
  for (const direction of ['uploadPerPeer', 'downloadPerPeer'] as const) {
    const env = new ManualEnv()
    const limited = { env, limits: { [direction]: RATE } }
    const { holder, keys } = await openHolder(t, direction === 'uploadPerPeer' ? limited : {})
    const readers: Log[][] = []
    for (let i = 0; i < 2; i++) {
      const reader = await openStore(t, direction === 'downloadPerPeer' ? limited : {})
      readers.push(await readAll(t, reader, holder, keys))
    }
    await pass(env, SECONDS)
    for (const logs of readers) {
      const held = heldBy(logs)
      t.ok(held >= RATE_BLOCKS && held <= MOST, `${direction}: ${held} blocks, at most ${MOST}`)
    }
  }
})

test('stores share a rate, beside the rates of their logs', TIMEOUT, async (t) => {
  keepAlive(t)
  const env = new ManualEnv()
  const upload = new RateLimit(RATE)
  const logs: Log[] = []
  for (let i = 0; i < 2; i++) {
    const { holder, keys } = await openHolder(t, { env, limits: { upload } })
    const own = { name: '0', limits: { upload: BLOCK_BYTES } }
    await holder.get(own)
    logs.push(...(await readAll(t, await openStore(t), holder, keys.slice(0, 2))))
  }
  await pass(env, SECONDS)
  t.ok(heldBy(logs) <= MOST, `${heldBy(logs)} blocks, at most ${MOST}`)
  const slow = heldBy([logs[0]!, logs[2]!])
  t.ok(slow <= 2 * (SECONDS + 1 + SLACK_BLOCKS), `${slow} of the logs with a rate of their own`)
})

test('the switches of a store hold for all its logs', TIMEOUT, async (t) => {
  keepAlive(t)
  const { holder, keys } = await openHolder(t, { upload: false })
  await holder.get({ name: '3', upload: false })
  const reader = await openStore(t)
  connect(t, reader, holder)
  const logs = await Promise.all(keys.map((key) => reader.get({ key })))
  const last = logs[3]!.download({ end: 1 })
  await turns(300)
  t.is(heldBy(logs), 0, 'nothing flows')
  holder.setUpload(true)
  const [first] = logs as [Log, ...Log[]]
  t.is((await first.get(5)).byteLength, BLOCK_BYTES, 'now it does')
  await turns(100)
  t.is(logs[3]!.sync.held, 0, 'a log that says no for itself gives none')
  last.destroy()
  const [peer] = first.peers
  reader.setDownload(false, { peer: peer!.remotePublicKey! })
  const waiting = first.get(6)
  await turns(300)
  t.is(first.sync.held, 1, 'not from this peer')
  reader.setDownload(null, { peer: peer!.remotePublicKey! })
  t.is((await waiting).byteLength, BLOCK_BYTES, 'as from all again')
})

test('peers that passed by are forgotten, those in debt are not', (t) => {
  const limit = new SharedLimit()
  limit.perPeer = 1_000
  const key = (i: number): Uint8Array => Uint8Array.of(i >> 16, i >> 8, i)
  const debtor = limit.of(key(1 << 20))
  debtor.take(1e6, 0)
  for (let i = 0; i < 20_000; i++) {
    limit.of(key(i)).take(500, i * 100)
    if (limit.remembered > 64) t.fail(`${limit.remembered} remembered`)
    if (i % 1_000 === 0) t.ok(debtor.waitMs(i * 100) > 0 === i * 100 <= 999_000)
  }
  const [once, again] = [limit.of(key(7)), limit.of(key(7))]
  once.take(1_500, 2e6)
  t.is(again.waitMs(2e6), 500, 'one bucket, over whichever connection')
  t.is(limit.of(key(8)).waitMs(2e6), 0)
  const [nameless, other] = [limit.of(null), limit.of(null)]
  nameless.take(1_500, 2e6)
  t.is(nameless.waitMs(2e6), 500)
  t.is(other.waitMs(2e6), 0, 'each without a key for itself')
  limit.perPeer = 5_000
  t.is(again.waitMs(2e6), 100, 'a debt stays when the rate changes')
  limit.perPeer = null
  t.is(again.waitMs(2e6), 0)
  t.is(limit.remembered, 0)
})

test('bad rates and switches', TIMEOUT, async (t) => {
  const INVALID = 'ArgumentError INVALID_ARGUMENT'
  const store = await openStore(t)
  t.is(await errorOf(Store.open(null, { limits: { upload: 0 } })), INVALID)
  t.is(await errorOf(Store.open(null, { upload: 1 as never })), INVALID)
  const perPeer = { uploadPerPeer: new RateLimit(1) as never }
  t.is(await errorOf(Store.open(null, { limits: perPeer })), INVALID)
  t.is(await errorOf(() => store.setLimits(perPeer)), INVALID)
  t.is(await errorOf(() => store.setLimits({ download: -1 })), INVALID)
  const unknown = { idleLogs: 3 } as never
  t.is(await errorOf(() => store.setLimits(unknown)), 'ArgumentError UNKNOWN_OPTION')
  t.is(await errorOf(() => store.setUpload(true, { peer: new Uint8Array(3) })), INVALID)
  t.is(await errorOf(() => store.setDownload(1 as never)), INVALID)
})
