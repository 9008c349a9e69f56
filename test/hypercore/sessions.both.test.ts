// Both: sessions, snapshots and batches of one core.
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { both } from './both.ts'

const keyPair = createKeyPair(Buffer.alloc(32, 7))
const pair = {
  publicKey: Buffer.from(keyPair.publicKey),
  secretKey: Buffer.from(keyPair.secretKey)
}

both('sessions share a core', async (stage) => {
  const core = await stage.open(null, { keyPair: pair })
  const a = core.session()
  stage.tell('opening', [a.opened, core.sessions.length, a.sessions.length])
  const b = a.session({ valueEncoding: 'utf-8' })
  await b.ready()
  stage.follow('core', core, ['append', 'truncate', 'close'])
  stage.follow('a', a, ['append', 'truncate', 'close'])
  await stage.note('append', () => b.append('x'))
  stage.tell('lengths', [core.length, a.length, b.length])
  await stage.note('get', () => b.get(0))
  await stage.note('close a', () => a.close())
  stage.tell('sessions', [core.sessions.length, a.closed, core.closed])
  await stage.note('a.get', () => a.get(0))
  await stage.note('a.append', () => a.append('y'))
  await stage.note('a.session', () => a.session())
  await stage.note('close core', () => core.close())
  stage.tell('still', [b.closed, b.opened])
  await stage.note('b.get', () => b.get(0))
  await b.close()
  stage.tell('over', [b.closed, b.opened])
})

both('closing all at once', async (stage) => {
  const core = await stage.open()
  const sessions = [core.session(), core.session(), core.session()]
  let closed = 0
  for (const each of [core, ...sessions]) each.on('close', () => closed++)
  await Promise.all([core, ...sessions].map((each) => each.close()))
  stage.tell('closed', closed)
})

both('a session before the core is open', async (stage) => {
  const core = stage.make(await stage.directory(), null, { keyPair: pair, valueEncoding: 'utf-8' })
  const session = core.session()
  stage.tell('before', [session.length, session.key, session.opened, session.writable])
  const appended = stage.note('append', () => session.append('early'))
  await session.ready()
  stage.tell('after', [session.key, session.opened, session.writable])
  await appended
  await stage.note('get', () => core.get(0))
  await stage.note('own encoding', () => session.get(0))
})

both('writable and not', async (stage) => {
  const core = await stage.open(null, { keyPair: pair })
  const reader = core.session({ writable: false })
  const below = reader.session()
  const again = reader.session({ writable: true })
  await Promise.all([reader.ready(), below.ready(), again.ready()])
  stage.tell('writable', [core.writable, reader.writable, below.writable, again.writable])
  await stage.note('reader', () => reader.append('a'))
  await stage.note('reader truncates', () => reader.truncate(0))
  await stage.note('below', () => below.append('a'))
  await stage.note('again', () => again.append('a'))
  const only = await stage.open(null, { keyPair: pair, writable: false })
  stage.tell('only', only.writable)
  await stage.note('only appends', () => only.append('a'))
})

both('weak sessions', async (stage) => {
  const core = await stage.open(null, { keyPair: pair })
  const weak = core.session({ weak: true })
  await weak.ready()
  stage.follow('weak', weak, ['close'])
  await stage.note('append', () => weak.append('a'))
  await stage.note('close', () => core.close())
  await stage.until(() => weak.closed)
  stage.tell('weak', [weak.closed, weak.opened])
  await stage.note('get', () => weak.get(0))
})

both('exclusive sessions', async (stage) => {
  const core = await stage.open(null, { keyPair: pair })
  const first = core.session({ exclusive: true })
  const second = core.session({ exclusive: true })
  await first.ready()
  let isOpen = false
  second.on('ready', () => {
    isOpen = true
  })
  await first.append('a')
  stage.tell('second waits', [isOpen, first.exclusive, core.exclusive])
  await first.close()
  await second.ready()
  stage.tell('second', [isOpen, second.length, second.exclusive])
})

both('a session class of its own', async (stage, Class) => {
  class Mine extends Class {
    get isMine(): boolean {
      return true
    }
  }
  const core = await stage.open(null, { keyPair: pair })
  const session = core.session({ class: Mine }) as unknown as Mine
  await session.ready()
  stage.tell('mine', [session.isMine, session instanceof Class])
})

both('preload', async (stage) => {
  const core = stage.make(await stage.directory(), null, {
    preload: Promise.resolve({ valueEncoding: 'utf-8', keyPair: pair })
  })
  stage.tell('before', [core.key, core.sessions.length])
  await core.append('a')
  await stage.note('get', () => core.get(0))
  stage.tell('sessions', core.sessions.length)
})

both('snapshots', async (stage) => {
  const core = await stage.open(null, { keyPair: pair, valueEncoding: 'utf-8' })
  await core.append(['a', 'b', 'c'])
  const old = core.snapshot({ valueEncoding: 'utf-8' })
  await old.ready()
  stage.follow('snapshot', old, ['append', 'truncate'])
  await core.append('d')
  stage.tell('lengths', [old.length, old.byteLength, old.fork, core.length, old.snapshotted])
  await stage.note('update', () => old.update({ wait: true }))
  await stage.note('past the end, not waiting', () => old.get(3, { wait: false }))
  await stage.note('past the end', () => old.get(7, { timeout: 100 }))
  await core.truncate(1)
  await core.append(['B', 'C'])
  stage.tell('lengths', [old.length, old.byteLength, old.fork, core.length])
  for (const i of [0, 1, 2]) await stage.note(`old ${i}`, () => old.get(i))
  for (const i of [0, 1, 2]) await stage.note(`new ${i}`, () => core.get(i))
  const below = old.session({ valueEncoding: 'utf-8' })
  await below.ready()
  stage.tell('below', [below.length, below.fork])
  await stage.note('below 1', () => below.get(1))
  const twice = old.snapshot({ valueEncoding: 'utf-8' })
  await twice.ready()
  stage.tell('twice', [twice.length, twice.snapshotted])
  await core.truncate(0)
  await core.append('x')
  for (const i of [0, 1, 2]) await stage.note(`old ${i}`, () => old.get(i))
  await old.close()
  await stage.note('closed', () => old.get(0))
  await stage.note('below 2', () => below.get(2))
})

both('a snapshot before the core is open', async (stage) => {
  const directory = await stage.directory()
  const first = await stage.openIn(directory, null, { keyPair: pair })
  await first.append(['a', 'b'])
  await first.close()
  const core = stage.make(directory)
  const snapshot = core.snapshot()
  stage.tell('before', snapshot.length)
  await core.append('c')
  await snapshot.ready()
  stage.tell('after', [snapshot.length, core.length])
})

both('read streams of a snapshot', async (stage) => {
  const core = await stage.open(null, { keyPair: pair })
  await core.append(['a', 'b', 'c'])
  const old = core.snapshot()
  await old.ready()
  await core.append('d')
  const values: unknown[] = []
  for await (const value of old.createReadStream()) values.push(value)
  stage.tell('values', values)
})

both('batches', async (stage) => {
  const core = await stage.open(null, { keyPair: pair, valueEncoding: 'utf-8' })
  await core.append(['a', 'b'])
  const batch = core.session({ name: 'batch', valueEncoding: 'utf-8' })
  await batch.ready()
  stage.follow('core', core, ['append', 'truncate'])
  stage.follow('batch', batch, ['append', 'truncate'])
  await stage.note('append', () => batch.append(['c', 'd']))
  stage.tell('lengths', [core.length, batch.length, batch.byteLength, batch.signedLength])
  await stage.note('get', () => Promise.all([batch.get(0), batch.get(2), batch.get(3)]))
  await stage.note('core get', () => core.get(2, { wait: false }))
  await stage.note('has', () => Promise.all([batch.has(1), batch.has(2), batch.has(4)]))
  await stage.note('commit', () => core.commit(batch))
  stage.tell('lengths', [core.length, batch.length, batch.signedLength])
  await stage.note('core get', () => Promise.all([core.get(2), core.get(3)]))
  await batch.append('e')
  await core.append('E')
  await stage.note('too late', () => core.commit(batch))
  stage.tell('lengths', [core.length, batch.length])
})

both('a batch is cut', async (stage) => {
  const core = await stage.open(null, { keyPair: pair, valueEncoding: 'utf-8' })
  await core.append(['a', 'b'])
  const batch = core.session({ name: 'batch', valueEncoding: 'utf-8' })
  await batch.ready()
  await batch.append(['c', 'd'])
  await stage.note('truncate', () => batch.truncate(3, batch.fork))
  stage.tell('lengths', [batch.length, batch.fork, core.length])
  const other = core.session({ name: 'batch', valueEncoding: 'utf-8' })
  await other.ready()
  stage.tell('other', other.length)
  await stage.note('other get', () => other.get(2))
  await stage.note('commit', () => core.commit(batch))
  stage.tell('core', [core.length, core.fork])
})
