// Stores: names and namespaces, one log behind all its sessions, what is kept and found again, lost keys, locks, modes.
import { copyFile, cp, mkdir, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'brittle'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { Log } from '../../lib/log/log.ts'
import { memoryStorage } from '../../lib/storage/memory-storage.ts'
import { Store, type StoreEntry } from '../../lib/store/store.ts'
import { toHex } from '../../lib/util/bytes.ts'
import { errorOf } from '../helpers/replication.ts'

async function all(entries: AsyncIterable<StoreEntry>): Promise<StoreEntry[]> {
  const list: StoreEntry[] = []
  for await (const entry of entries) list.push(entry)
  return list
}

for (const kind of ['directory', 'storage', 'memory'] as const) {
  test(`logs by name, key, pair and discovery key: ${kind}`, async (t) => {
    const location = { directory: await t.tmp(), storage: memoryStorage(), memory: null }[kind]
    const store = await Store.open(location)
    const inbox = await store.get({ name: 'inbox', encoding: 'json' })
    t.ok(inbox.writable)
    await inbox.append([{ a: 1 }, { b: 2 }])
    const again = await store.get<object>({ key: inbox.key, encoding: 'json' })
    t.alike(await again.get(1), { b: 2 })
    await again.append({ c: 3 })
    t.is(inbox.length, 3, 'one log behind both')
    const other = await store.namespace('chat').get({ name: 'inbox', encoding: 'utf-8' })
    t.not(toHex(other.key), toHex(inbox.key))
    t.is(toHex((await store.namespace('chat').get({ name: 'inbox' })).key), toHex(other.key))
    const pair = createKeyPair()
    const own = await store.get({ keyPair: pair })
    await own.append(new Uint8Array(9))
    const fresh = await store.get()
    t.ok(fresh.writable)
    const byDiscovery = await store.get({ discoveryKey: own.discoveryKey })
    t.is(byDiscovery.length, 1)
    t.is(await errorOf(store.get({ discoveryKey: new Uint8Array(32) })), 'StorageError NOT_FOUND')
    t.is(
      await errorOf(store.get({ name: 'none', createIfMissing: false })),
      'StorageError NOT_FOUND'
    )
    t.is(store.stats().logs, 4)
    const { primaryKey } = store
    await store.close()
    t.is(inbox.status, 'closed')
    t.is(await errorOf(store.get()), 'StateError CLOSED')
    if (location === null) return

    const reopened = await Store.open(location)
    t.is(toHex(reopened.primaryKey), toHex(primaryKey))
    t.is(reopened.stats().openLogs, 0)
    t.is(reopened.stats().logs, 4)
    const found = await reopened.get<object>({ name: 'inbox', encoding: 'json' })
    t.alike(await found.get(2), { c: 3 })
    t.ok((await reopened.get({ discoveryKey: own.discoveryKey })).writable, 'its pair was kept')
    await reopened.close()
  })
}

test('names are told by list, new logs by watch', async (t) => {
  const directory = await t.tmp()
  const store = await Store.open(directory)
  const stop = new AbortController()
  const seen: string[] = []
  const watching = (async () => {
    for await (const { names } of store.watch({ signal: stop.signal })) {
      seen.push(names.map((each) => each.name).join())
    }
  })()
  const chat = store.namespace('chat')
  await store.get({ name: 'one' })
  await store.get({ name: 'one' })
  await chat.get({ name: 'two' })
  await store.get()
  stop.abort()
  await watching
  t.alike(seen, ['one', 'two', ''])
  await store.close()
  const reopened = await Store.open(directory)
  t.alike(
    (await all(reopened.list())).map(({ names, length }) => [names.map((n) => n.name), length]),
    [
      [['one'], null],
      [['two'], null],
      [[], null]
    ]
  )
  const inChat = await all(reopened.list({ namespace: chat.namespaceKey }))
  t.alike(
    inChat.map(({ names }) => names[0]?.name),
    ['two']
  )
  const [entry] = inChat
  t.is((await reopened.get({ discoveryKey: entry!.discoveryKey })).length, 0)
  t.is((await all(reopened.list({ namespace: chat.namespaceKey })))[0]?.length, 0, 'open by now')
  const ended = reopened.watch().next()
  await reopened.close()
  t.is((await ended).done, true, 'the store ends what watches it')
})

test('a session closes what it opened, and nothing else', async (t) => {
  const store = await Store.open(null)
  const [one, two] = [store.session(), store.namespace('n')]
  const a = await one.get({ name: 'a' })
  const same = await two.get({ key: a.key })
  const outer = await store.get({ name: 'b' })
  await one.close()
  t.is(a.status, 'closed')
  t.is(await errorOf(one.get()), 'StateError CLOSED')
  await same.append(new Uint8Array(3))
  t.is(same.length, 1)
  await two.close()
  t.is(store.stats().openLogs, 1)
  t.is(outer.status, 'open')
  t.is((await store.get({ name: 'a' })).length, 1, 'memory: a closed log keeps its files')
  await store.close()
})

test('many callers at once get one log, also while it closes', async (t) => {
  const store = await Store.open(await t.tmp())
  for (let round = 0; round < 5; round++) {
    const logs = await Promise.all(Array.from({ length: 8 }, () => store.get({ name: 'x' })))
    t.is(store.stats().openLogs, 1)
    await logs[0]!.append(new Uint8Array(1))
    const closing = Promise.all(logs.map((log) => log.close()))
    const next = await store.get({ name: 'x' })
    t.is(next.length, round + 1)
    await closing
    await next.close()
  }
  t.is(store.stats().openLogs, 0)
  await store.close()
})

test('a log that was read by its key is opened anew for its writer, if nobody reads', async (t) => {
  const store = await Store.open(await t.tmp())
  const { key } = await Store.open(null, { primaryKey: store.primaryKey }).then(async (twin) => {
    const log = await twin.get({ name: 'x' })
    await twin.close()
    return log
  })
  const reader = await store.get({ key })
  t.absent(reader.writable)
  t.is(await errorOf(store.get({ name: 'x' })), 'StateError NOT_WRITABLE')
  await reader.close()
  const writer = await store.get({ name: 'x' })
  await writer.append(new Uint8Array(2))
  t.is(toHex(writer.key), toHex(key))
  await store.close()
})

test('wrong options are told', async (t) => {
  const store = await Store.open(null)
  const wrong = [{ name: 'a', key: new Uint8Array(32) }, { discoveryKey: new Uint8Array(3) }]
  for (const options of wrong) {
    t.is(await errorOf(store.get(options)), 'ArgumentError INVALID_ARGUMENT')
  }
  for (const options of [{ readOnly: true }, { nonsense: 1 }, { cacheBytes: 3 }]) {
    t.is(await errorOf(store.get(options as object)), 'ArgumentError UNKNOWN_OPTION')
  }
  t.is(await errorOf(Store.open(null, { x: 1 } as object)), 'ArgumentError UNKNOWN_OPTION')
  const short = { primaryKey: new Uint8Array(31) }
  t.is(await errorOf(Store.open(null, short)), 'ArgumentError INVALID_ARGUMENT')
  t.is(await errorOf(store.get({ signal: AbortSignal.abort() })), 'AbortError ABORTED')
  await store.close()
})

test('the primary key is kept, and never replaced', async (t) => {
  const directory = await t.tmp()
  const store = await Store.open(directory, { primaryKey: new Uint8Array(32).fill(7) })
  const { key } = await store.get({ name: 'x' })
  await store.close()
  const other = { primaryKey: new Uint8Array(32).fill(8) }
  t.is(await errorOf(Store.open(directory, other)), 'StorageError WRONG_KEY')
  const path = join(directory, 'primary-key')
  await copyFile(path, `${path}.kept`)
  await writeFile(path, new Uint8Array(52))
  t.is(await errorOf(Store.open(directory)), 'StorageError CORRUPT')
  await truncate(path, 0)
  t.is(await errorOf(Store.open(directory)), 'StorageError CORRUPT')
  await rm(path)
  t.is(await errorOf(Store.open(directory)), 'StorageError CORRUPT')
  for (const name of ['journal', 'index']) await rm(join(directory, name))
  t.is(await errorOf(Store.open(directory)), 'StorageError CORRUPT', 'logs without a key')
  await copyFile(`${path}.kept`, path)
  const reopened = await Store.open(directory)
  t.is(toHex((await reopened.get({ name: 'x' })).key), toHex(key))
  await reopened.close()
})

test('a store that is not there; a log of it that is gone', async (t) => {
  const directory = await t.tmp()
  const missing = Store.open(join(directory, 'none'), { createIfMissing: false })
  t.is(await errorOf(missing), 'StorageError NOT_FOUND')
  t.is(await errorOf(Store.open(directory, { createIfMissing: false })), 'StorageError NOT_FOUND')
  const store = await Store.open(directory)
  const log = await store.get({ name: 'x' })
  await log.append(new Uint8Array(5))
  const hex = toHex(log.discoveryKey)
  await store.close()
  await rm(join(directory, 'logs', hex.slice(0, 2), hex), { recursive: true })
  const reopened = await Store.open(directory)
  t.is(await errorOf(reopened.get({ name: 'x' })), 'StorageError CORRUPT', 'it is no new log')
  t.ok((await reopened.get({ name: 'y' })).writable, 'others are as they were')
  await reopened.close()
})

test('one owner of all: LOCKED, by the store and by its logs; others may read', async (t) => {
  const directory = await t.tmp()
  const store = await Store.open(directory)
  const log = await store.get({ name: 'x' })
  await log.append(new Uint8Array(5))
  t.is(await errorOf(Store.open(directory)), 'StateError LOCKED')
  const hex = toHex(log.discoveryKey)
  const place = join(directory, 'logs', hex.slice(0, 2), hex)
  t.is(await errorOf(Log.open(place)), 'StateError LOCKED')
  const reader = await Log.open(place, { readOnly: true })
  t.is(reader.length, 1)
  await reader.close()
  await store.close()
  t.is(await errorOf(Log.open(place)), 'StateError LOCKED', 'also when the store is closed')
  const reopened = await Store.open(directory)
  await reopened.close()
})

test('directories are 0700, files 0600', async (t) => {
  if (process.platform === 'win32') return
  const directory = join(await t.tmp(), 'store')
  const before = process.umask(0)
  try {
    const store = await Store.open(directory)
    const log = await store.get({ name: 'x' })
    await log.append(new Uint8Array(5))
    await store.close()
  } finally {
    process.umask(before)
  }
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  t.ok(entries.length >= 8)
  t.is((await stat(directory)).mode & 0o777, 0o700)
  for (const entry of entries) {
    const { mode } = await stat(join(entry.parentPath, entry.name))
    t.is(mode & 0o777, entry.isDirectory() ? 0o700 : 0o600, entry.name)
  }
})

test('in a copy of a store, logs that are new there are behind', async (t) => {
  const [directory, copy] = [await t.tmp(), join(await t.tmp(), 'copy')]
  const store = await Store.open(directory)
  await (await store.get({ name: 'old' })).append(new Uint8Array(1))
  await store.close()
  await mkdir(copy)
  await cp(directory, copy, { recursive: true })
  const second = await Store.open(copy)
  t.ok(second.isCopy)
  const [old, fresh] = [await second.get({ name: 'old' }), await second.get({ name: 'fresh' })]
  t.is(await errorOf(old.append(new Uint8Array(1))), 'StateError BEHIND')
  t.is(await errorOf(fresh.append(new Uint8Array(1))), 'StateError BEHIND')
  await fresh.close()
  const again = await second.get({ name: 'fresh' })
  t.is(again.behind, 'copied', 'that lasts')
  await again.resume({ trust: 'local' })
  await again.append(new Uint8Array(1))
  t.is(again.fork, 1)
  await second.close()
  const third = await Store.open(copy)
  t.is((await third.get({ name: 'fresh' })).behind, null)
  await third.close()
  const original = await Store.open(directory)
  t.absent(original.isCopy)
  await original.close()
})

test('a log is purged with all its bytes, and may begin anew', async (t) => {
  for (const location of [await t.tmp(), memoryStorage()]) {
    const store = await Store.open(location)
    const log = await store.get({ name: 'x' })
    await log.append([new Uint8Array(100).fill(1), new Uint8Array(5)])
    await store.purge(log.discoveryKey)
    t.is(await errorOf(log.append(new Uint8Array(1))), 'StateError CLOSED')
    t.is(store.stats().logs, 0)
    t.is(await errorOf(store.get({ discoveryKey: log.discoveryKey })), 'StorageError NOT_FOUND')
    if (typeof location === 'string') {
      const hex = toHex(log.discoveryKey)
      t.alike(await readdir(join(location, 'logs', hex.slice(0, 2))), [])
    }
    const anew = await store.get({ name: 'x' })
    t.is(anew.length, 0)
    await anew.append(new Uint8Array(1))
    await store.close()
    const reopened = await Store.open(location)
    t.is((await reopened.get({ name: 'x' })).length, 1)
    await reopened.close()
  }
})
