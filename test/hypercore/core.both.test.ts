// Both: opening, appending, reading, cutting and clearing one core.
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { both } from './both.ts'

const keyPair = createKeyPair(Buffer.alloc(32, 7))
const pair = {
  publicKey: Buffer.from(keyPair.publicKey),
  secretKey: Buffer.from(keyPair.secretKey)
}

both('a new core', async (stage) => {
  const core = stage.make(await stage.directory(), null, { keyPair: pair })
  stage.tell('before', [core.key, core.length, core.byteLength, core.fork, core.writable, core.id])
  stage.tell('flags', [core.opened, core.closed, core.readable, core.timeout, core.wait, core.weak])
  stage.follow('core', core, ['ready', 'append', 'truncate', 'close'])
  await core.ready()
  stage.tell('key', [core.key, core.discoveryKey, core.id, core.keyPair])
  stage.tell('manifest', core.manifest)
  stage.tell('raw manifest', core.getManifest({ raw: true }))
  stage.tell('state', [core.opened, core.writable, core.readable, core.exclusive, core.padding])
  stage.tell('lengths', [core.length, core.byteLength, core.contiguousLength, core.signedLength])
  await stage.note('append', () => core.append('hello'))
  await stage.note('append many', () => core.append(['a', Buffer.from('bc'), 'd']))
  await stage.note('append nothing', () => core.append([]))
  await stage.note('append empty', () => core.append(''))
  for (let i = 0; i < 5; i++) await stage.note(`get ${i}`, () => core.get(i))
  await stage.note('get utf-8', () => core.get(0, { valueEncoding: 'utf-8' }))
  await stage.note('get absent', () => core.get(9, { wait: false }))
  await stage.note('get absent in time', () => core.get(9, { timeout: 10 }))
  await stage.note('info', async () => ({ ...(await core.info()) }))
  await stage.note('tree hash', () => core.treeHash())
  await stage.note('tree hash at 2', () => core.treeHash(2))
  await stage.note('has', () =>
    Promise.all([core.has(0), core.has(4), core.has(5), core.has(0, 5), core.has(3, 9)])
  )
  for (const at of [0, 1, 5, 6, 8, 9, 10])
    await stage.note(`seek ${at}`, () => core.seek(at, { wait: false }))
  await stage.note('update', () => core.update())
  await stage.note('close', () => core.close())
  stage.tell('after', [
    core.opened,
    core.closed,
    core.writable,
    core.readable,
    core.length,
    core.key
  ])
  await stage.note('get closed', () => core.get(0))
  await stage.note('append closed', () => core.append('x'))
  await stage.note('update closed', () => core.update())
  await stage.note('clear closed', () => core.clear(0))
  await stage.note('truncate closed', () => core.truncate(0))
  await stage.note('session closed', () => core.session())
  await stage.note('close again', () => core.close())
})

both('bad arguments', async (stage) => {
  const core = await stage.open(null, { keyPair: pair })
  await core.append(['a', 'b', 'c'])
  const bad = core as unknown as Record<string, (...args: unknown[]) => unknown>
  await stage.note('get undefined', () => bad['get']?.(undefined))
  await stage.note('get -1', () => core.get(-1))
  await stage.note('get NaN', () => core.get(Number.NaN))
  await stage.note('has -1', () => core.has(-1))
  await stage.note('has undefined', () => bad['has']?.())
  await stage.note('seek -1', () => core.seek(-1))
  await stage.note('clear -1', () => core.clear(-1))
  await stage.note('clear to -1', () => core.clear(0, -1))
  await stage.note('truncate up', () => core.truncate(5))
  await stage.note('too large', () => core.append(Buffer.alloc(15 * 1024 * 1024 + 1)))
  await stage.note('checkout', () => core.session({ checkout: 1 }))
  await stage.note('length', () => core.length)
})

both('truncate', async (stage) => {
  const core = await stage.open(null, { keyPair: pair })
  stage.follow('core', core, ['append', 'truncate'])
  await core.append(['a', 'b', 'c', 'd'])
  await stage.note('truncate', () => core.truncate(2))
  stage.tell('state', [core.length, core.byteLength, core.fork, core.contiguousLength])
  await stage.note('get', () => core.get(2, { wait: false }))
  await stage.note('append', () => core.append('e'))
  await stage.note('fork', () => core.truncate(1, { fork: 7 }))
  await stage.note('fork number', () => core.truncate(1, 9))
  stage.tell('state', [core.length, core.byteLength, core.fork])
  await stage.note('to 0', () => core.truncate())
  stage.tell('state', [core.length, core.byteLength, core.fork])
  await stage.note('append', () => core.append('f'))
  await stage.note('tree hash', () => core.treeHash())
})

both('clear', async (stage) => {
  const core = await stage.open(null, { keyPair: pair })
  await core.append(['a', 'b', 'c', 'd', 'e'])
  await stage.note('clear 1', () => core.clear(1))
  stage.tell('contiguous', [core.contiguousLength, core.length, core.byteLength])
  await stage.note('get 1', () => core.get(1, { wait: false }))
  await stage.note('clear 2..4', () => core.clear(2, 4))
  await stage.note('has', () => Promise.all([0, 1, 2, 3, 4].map((i) => core.has(i))))
  await stage.note('clear nothing', () => core.clear(3, 3))
  await stage.note('clear beyond', () => core.clear(7, 9))
  await stage.note('waits', () => core.get(2, { timeout: 5 }))
  await stage.note('append', () => core.append('f'))
  await stage.note('tree hash', () => core.treeHash())
})

both('reopening', async (stage) => {
  const directory = await stage.directory()
  await stage.note('none', async () =>
    stage.openIn(await stage.directory(), null, { createIfMissing: false })
  )
  const first = await stage.openIn(directory, null, { keyPair: pair })
  await first.append(['a', 'b'])
  await first.close()
  const second = await stage.openIn(directory)
  stage.tell('second', [second.key, second.length, second.byteLength, second.fork, second.writable])
  stage.tell('key pair', second.keyPair)
  await stage.note('append', () => second.append('c'))
  await second.close()
  const third = await stage.openIn(directory, second.key, { createIfMissing: false })
  stage.tell('third', [third.length, third.writable])
  await stage.note('get', () => third.get(2))
  await third.close()
  const other = await stage.openIn(directory, Buffer.alloc(32, 9))
  stage.tell('other', [other.key, other.length, other.writable])
  await other.close()
  const again = await stage.openIn(directory)
  stage.tell('again', [again.key, again.length])
})

both('a reader', async (stage) => {
  const core = stage.make(await stage.directory(), pair.publicKey)
  stage.tell('at once', [core.key, core.discoveryKey, core.id, core.length])
  await core.ready()
  stage.tell('state', [core.writable, core.readable, core.manifest, core.keyPair])
  await stage.note('append', () => core.append('a'))
  await stage.note('truncate', () => core.truncate(1))
  await stage.note('truncate to nothing', () => core.truncate(0, 0))
  await stage.note('get', () => core.get(0, { wait: false }))
  await stage.note('update', () => core.update({ wait: true }))
  await stage.note('seek', () => core.seek(3, { wait: false }))
})

both('value encodings', async (stage) => {
  const core = await stage.open(null, { keyPair: pair })
  const json = core.session({ valueEncoding: 'json' })
  const text = core.session({ valueEncoding: 'utf-8' })
  const codec = core.session({
    valueEncoding: { encode: (value: number) => Buffer.from([value]), decode: (b: Buffer) => b[0] }
  })
  const upper = core.session({
    encodeBatch: (batch) => batch.map((each) => Buffer.from(`${each}!`))
  })
  await stage.note('json', () => json.append({ a: 1 }))
  await stage.note('text', () => text.append('héllo'))
  await stage.note('codec', () => codec.append(9))
  await stage.note('batch', () => upper.append(['x', 'y']))
  await stage.note('get json', () => json.get(0))
  await stage.note('get text', () => text.get(1))
  await stage.note('get codec', () => codec.get(2))
  await stage.note('get raw', () => json.get(0, { raw: true }))
  await stage.note('get other', () => text.get(0, { valueEncoding: 'json' }))
  await stage.note('not json', () => json.get(1))
  await stage.note('get batch', () => text.get(3))
  await stage.note('buffer passes', () => json.append(Buffer.from('7')))
  await stage.note('as json', () => json.get(5))
})

both('waiting, and giving up', async (stage) => {
  const core = await stage.open(null, { keyPair: pair })
  const seen: number[] = []
  const waiting = core.get(0, { onwait: (index) => seen.push(index) })
  await stage.until(() => seen.length === 1)
  await core.append('late')
  await stage.note('came', () => waiting)
  stage.tell('waited for', [seen, core.waits])
  const session = core.session({ wait: false })
  await stage.note('does not wait', () => session.get(7))
  stage.tell('inherits', [session.wait, core.session({ timeout: 5 }).timeout])
  const cancelled = stage.note('cancelled', () => core.get(8))
  const list: never[] = []
  const own = stage.note('own list', () => core.get(9, { activeRequests: list }))
  await stage.until(() => core.activeRequests.length === 1 && list.length === 1)
  stage.Hypercore.clearRequests(core.activeRequests)
  await cancelled
  stage.Hypercore.destroyRequests(list, new Error('mine'))
  await own
  await stage.note('destroyed list', () => core.get(9, { activeRequests: list }))
  const atClose = stage.note('at close', () => core.get(8))
  await stage.until(() => core.activeRequests.length === 1)
  const range = core.download({ start: 0, end: 9 })
  const done = stage.note('download at close', () => range.done())
  await range.ready()
  await core.close()
  await atClose
  await done
})

both('maxLength', async (stage) => {
  const core = await stage.open(null, { keyPair: pair })
  await stage.note('fits', () => core.append(['a', 'b'], { maxLength: 2 }))
  await stage.note('does not', () => core.append(['c'], { maxLength: 2 }))
  stage.tell('length', core.length)
})
