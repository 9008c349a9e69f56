// Conditions, batches, sub-stores, calls made together, values in blocks of their own, unfinished groups, truncation.
import { test } from 'brittle'
import { KeyValue } from '../../lib/keyvalue/keyvalue.ts'
import { Log } from '../../lib/log/log.ts'
import { errorOf } from '../helpers/replication.ts'

async function opened(options: object = {}): Promise<{ log: Log; kv: KeyValue<string, string> }> {
  const log = await Log.open(null)
  const kv = await KeyValue.open<string, string>(log, { valueEncoding: 'utf-8', ...options })
  return { log, kv }
}

test('conditions: absent, version, compare and swap', async (t) => {
  const { kv } = await opened()
  t.is((await kv.put('a', '1', { ifAbsent: true }))?.version, 1)
  t.is(await kv.put('a', '2', { ifAbsent: true }), null)
  t.is(await kv.put('a', '2', { ifVersion: 7 }), null)
  const second = await kv.put('a', '2', { ifVersion: 1 })
  t.is(second?.prev, 1)
  t.is(await kv.put('b', '1', { ifVersion: 0, cas: (current) => current !== null }), null)
  t.ok(await kv.put('a', '3', { cas: (current, next) => current?.value === '2' && next === '3' }))
  t.is(await kv.del('a', { ifVersion: 1 }), false)
  t.is(await kv.del('a', { cas: ({ value }) => value === '3' }), true)
  t.is(await kv.del('a'), false)
  t.is(await kv.count(), 0)
  const failing = kv.put('a', '1', {
    cas: () => {
      throw new RangeError('mine')
    }
  })
  t.is(await failing.catch((error: unknown) => (error as Error).message), 'mine')
  t.ok(await kv.put('a', '1'), 'the writer goes on')
})

test('a batch is one version, all or nothing', async (t) => {
  const { kv, log } = await opened()
  await kv.put('a', '1')
  const before = log.length
  t.is(
    await errorOf(
      kv.batch([
        { type: 'put', key: 'b', value: '1' },
        { type: 'put', key: 'a', value: '2', ifAbsent: true }
      ])
    ),
    'StateError CONDITION_FAILED'
  )
  t.is(log.length, before)
  t.is(await kv.get('b'), null)
  const version = await kv.batch([
    { type: 'put', key: 'b', value: '1' },
    { type: 'put', key: 'b', value: '2' },
    { type: 'del', key: 'a' },
    { type: 'put', key: 'c', value: '1' },
    { type: 'del', key: 'c' }
  ])
  t.is(version, log.length)
  t.is((await kv.get('b'))?.value, '2')
  t.is(await kv.get('c'), null)
  t.is(await kv.count(), 1)
  t.is(await kv.batch([{ type: 'del', key: 'nothing' }]), version, 'no change, no block')
  t.is(log.length, version)
})

test('calls made together are written together, each with its version', async (t) => {
  const { kv, log } = await opened()
  const keys = Array.from({ length: 50 }, (_, i) => `key ${i}`)
  const entries = await Promise.all(keys.map((key) => kv.put(key, key)))
  t.is(new Set(entries.map((entry) => entry?.key)).size, 50)
  t.ok(log.length < 20, `${log.length} blocks`)
  const twice = await Promise.all([kv.put('key 1', 'x'), kv.put('key 1', 'y')])
  t.is(twice[1]?.prev, twice[0]?.version, 'no write of a key is passed over')
  const values: string[] = []
  for await (const { value } of kv.keyHistory('key 1')) values.push(value)
  t.alike(values, ['y', 'x', 'key 1'])
})

test('sub-stores share batches', async (t) => {
  const { kv } = await opened()
  const users = kv.sub('users')
  const counts = kv.sub('counts', { valueEncoding: 'json' })
  await kv.batch([
    { type: 'put', key: 'ann', value: 'Ann', sub: users },
    { type: 'put', key: 'users', value: 1, sub: counts }
  ])
  t.is((await kv.get('users/ann'))?.value, 'Ann')
  t.is((await users.get('ann'))?.value, 'Ann')
  t.is((await counts.get('users'))?.value, 1)
  const keys: string[] = []
  for await (const { key } of users.entries()) keys.push(key)
  t.alike(keys, ['ann'])
  const { kv: other } = await opened()
  t.is(
    await errorOf(other.batch([{ type: 'del', key: 'ann', sub: users }])),
    'ArgumentError INVALID_ARGUMENT'
  )
})

test('large values have blocks of their own, which iterating keys does not touch', async (t) => {
  const { kv, log } = await opened()
  const large = 'x'.repeat(150_000)
  await kv.put('large', large)
  t.is(log.length, 1 + 3 + 1)
  t.is((await kv.get('large'))?.value, large)
  await log.clear(1, 4)
  const keys: string[] = []
  for await (const { key } of kv.entries({ keysOnly: true })) keys.push(key)
  t.alike(keys, ['large'])
  const { kv: cold } = { kv: await KeyValue.open<string, string>(log, { valueEncoding: 'utf-8' }) }
  t.is(await errorOf(cold.get('large', { wait: false })), 'UnavailableError NOT_AVAILABLE')
})

test('an unfinished group is no version, and the next write cuts it off', async (t) => {
  const whole = await opened()
  await whole.kv.put('a', '1')
  await whole.kv.batch(
    Array.from({ length: 300 }, (_, i) => ({ type: 'put', key: `k${i}`, value: 'v'.repeat(30) }))
  )
  const blocks: Uint8Array[] = []
  for await (const block of whole.log) blocks.push(block)
  t.ok(blocks.length > 10)
  for (let length = 2; length < blocks.length; length++) {
    const { kv, log } = await opened()
    await log.append(blocks.slice(0, length))
    t.is((await kv.stats()).version, 2)
    t.is(await kv.count(), 1)
    t.is((await kv.get('a'))?.value, '1')
    await kv.put('b', '2')
    t.is(log.length, 3)
    t.is(await kv.count(), 2)
    await kv.close()
    await log.close()
  }
})

test('what is cut off is gone for who read it; the newest version goes on', async (t) => {
  const { kv, log } = await opened()
  await kv.put('a', '1')
  await kv.put('a', '2')
  const old = await kv.checkout(2)
  const newest = await kv.snapshot()
  await log.truncate(2)
  t.is(await errorOf(newest.get('a')), 'UnavailableError GONE')
  t.is((await old.get('a'))?.value, '1')
  t.is((await kv.get('a'))?.value, '1')
  await kv.put('a', '3')
  t.is((await kv.get('a'))?.value, '3')
  t.is(await errorOf(kv.checkout(17)), 'ArgumentError BAD_VERSION')
  t.is(await errorOf(old.put('a', '4')), 'StateError NOT_WRITABLE')
})

test('keys that may not be', async (t) => {
  const { kv } = await opened()
  for (const key of ['', '/', 'a/', '/a', 'a//b', 'x'.repeat(4097), `${'a/'.repeat(64)}b`]) {
    t.is(await errorOf(kv.put(key, '1')), 'ArgumentError KEY_INVALID')
    t.is(await errorOf(kv.get(key)), 'ArgumentError KEY_INVALID')
  }
  const { kv: ordered } = await opened({ ordered: true })
  t.is(await errorOf(ordered.put('a/b', '1')), 'ArgumentError KEY_INVALID')
  t.is(await errorOf(ordered.put('x'.repeat(1025), '1')), 'ArgumentError KEY_INVALID')
  t.ok(await ordered.put('x', '1'))
})

test('split checkpoints: the same entries, and writes between', async (t) => {
  const { kv } = await opened({ checkpoints: 'none' })
  const value = 'v'.repeat(20)
  await kv.batch(Array.from({ length: 2000 }, (_, i) => ({ type: 'put', key: `k${i}`, value })))
  for (const kind of ['index', 'full'] as const) {
    const done = kv.checkpoint({ kind, split: true })
    const written = kv.put(`between ${kind}`, 'x')
    await Promise.all([done, written])
    t.is((await kv.get(`between ${kind}`))?.value, 'x')
    for (let i = 0; i < 2000; i += 7) t.is((await kv.get(`k${i}`))?.value, value)
  }
  let entries = 0
  for await (const _ of kv.entries()) entries++
  t.is(entries, 2002)
  t.is(await kv.count(), 2002)
})

test('watching a prefix, and a live history', async (t) => {
  const { kv } = await opened()
  await kv.put('b/1', 'x')
  const changes = kv.watch('a')
  const next = changes.next()
  await kv.put('b/2', 'x')
  await kv.put('a/1', 'x')
  const { value } = await next
  t.is(value?.to, 4)
  const keys: string[] = []
  for await (const { key } of kv.diff(value!.from, { to: value!.to, prefix: 'a' })) keys.push(key)
  t.alike(keys, ['a/1'])
  const waiting = changes.next()
  await changes.return?.()
  t.ok((await waiting).done)

  const live = kv.history({ since: 4, live: true })
  const first = live.next()
  await kv.del('b/1')
  const { value: operation } = await first
  t.is(operation?.type, 'del')
  const pending = live.next()
  await live.return?.()
  t.ok((await pending).done)
})
