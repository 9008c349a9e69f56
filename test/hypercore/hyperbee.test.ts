// npm hyperbee, unmodified, on the façade: each of its documented calls comes to what it does on npm hypercore, and each
// side reads what the other wrote, live.
import Hyperbee from 'hyperbee'
import { both, type Stage } from './both.ts'
import { listed, mixed } from './packages.ts'

const TEXT = { keyEncoding: 'utf-8', valueEncoding: 'utf-8' }

async function beeOf(stage: Stage, options: object = TEXT): Promise<Hyperbee> {
  const bee = new Hyperbee(await stage.open(), options)
  await bee.ready()
  return bee
}

async function fill(bee: Hyperbee, names: string): Promise<void> {
  const batch = bee.batch()
  for (const name of names) await batch.put(name, `value of ${name}`)
  await batch.flush()
}

both('hyperbee: put, get, del', async (stage) => {
  const bee = await beeOf(stage)
  stage.tell('new', [bee.version, bee.writable])
  await stage.note('put', () => bee.put('a', '1'))
  await stage.note('no value', () => bee.put('b'))
  await stage.note('get', () => Promise.all(['a', 'b', 'c'].map((key) => bee.get(key))))
  await stage.note('del', () => bee.del('a'))
  await stage.note('get', () => bee.get('a'))
  await stage.note('by seq', () => bee.getBySeq(1))
  await stage.note('header', () => bee.getHeader())
  await fill(bee, 'qwertyuiopasdfghjklzxcvbnm')
  stage.tell('version', bee.version)
  await stage.note('all', () => listed(bee.createReadStream()))
  await stage.note('range', () => listed(bee.createReadStream({ gte: 'd', lt: 'k' })))
  await stage.note('turned', () =>
    listed(bee.createReadStream({ gt: 'd', lte: 'k', reverse: true }))
  )
  await stage.note('some', () => listed(bee.createReadStream({ gte: 'm' }, { limit: 3 })))
  await stage.note('peek', () => bee.peek({ gt: 'g' }))
  await bee.close()
})

both('hyperbee: compare and swap', async (stage) => {
  const bee = await beeOf(stage)
  const cas = (before: { value: string } | null, after: { value: string }) =>
    before?.value !== after.value
  for (const value of ['1', '1', '2']) {
    await bee.put('number', value, { cas })
    await stage.note('number', () => bee.get('number'))
  }
  await bee.del('number', { cas: (before: { value: string }) => before.value === '1' })
  await stage.note('kept', () => bee.get('number'))
  await bee.del('number', { cas: (before: { value: string }) => before.value === '2' })
  await stage.note('gone', () => bee.get('number'))
})

both('hyperbee: batches', async (stage) => {
  const bee = await beeOf(stage)
  const batch = bee.batch()
  await batch.put('a', '1')
  await batch.put('b', '2')
  await batch.del('a')
  await stage.note('inside', () => Promise.all([batch.get('a'), batch.get('b')]))
  await stage.note('outside', () => bee.get('b'))
  await stage.note('flush', () => batch.flush())
  await stage.note('flushed', () => bee.get('b'))
  const dropped = bee.batch()
  await dropped.put('c', '3')
  await dropped.close()
  await stage.note('dropped', () => bee.get('c'))
  await stage.note('all', () => listed(bee.createHistoryStream()))
})

both('hyperbee: histories, diffs, checkouts', async (stage) => {
  const bee = await beeOf(stage)
  await fill(bee, 'abc')
  const { version } = bee
  const snapshot = bee.snapshot()
  await bee.put('d', '4')
  await bee.del('a')
  await bee.put('b', 'new')
  await stage.note('history', () => listed(bee.createHistoryStream()))
  await stage.note('newest', () => listed(bee.createHistoryStream({ reverse: true, limit: 2 })))
  await stage.note('since', () => listed(bee.createHistoryStream({ gte: -1 })))
  await stage.note('diff', () => listed(bee.createDiffStream(version)))
  const old = bee.checkout(version)
  await stage.note('old', () => listed(old.createReadStream()))
  await stage.note('snapshot', () => listed(snapshot.createReadStream()))
  await snapshot.close()
  await old.close()
})

both('hyperbee: subs and encodings', async (stage, Class) => {
  const bee = await beeOf(stage, { keyEncoding: 'utf-8', valueEncoding: 'json' })
  const users = bee.sub('users')
  const notes = bee.sub('notes', { valueEncoding: 'utf-8' })
  await users.put('eve', { age: 30 })
  await notes.put('eve', 'likes tea')
  await stage.note('eve', () => Promise.all([users.get('eve'), notes.get('eve')]))
  await stage.note('users', () => listed(users.createReadStream()))
  await stage.note('root', () =>
    listed(bee.createReadStream(undefined, { valueEncoding: 'binary' }))
  )
  const core = await stage.open()
  await stage.note('none', () => Hyperbee.isHyperbee(core, { wait: false }))
  await core.append('something else')
  await stage.note('another', () => Hyperbee.isHyperbee(core))
  stage.tell('class', typeof Class)
})

both('hyperbee: watching', async (stage) => {
  const bee = await beeOf(stage)
  await bee.put('a', '1')
  const one = await bee.getAndWatch('a')
  stage.tell('now', one.node)
  const updated = new Promise<void>((resolve) => one.on('update', resolve))
  await bee.put('a', '2')
  await updated
  stage.tell('then', one.node)
  await one.close()
  const watcher = bee.watch({ gte: 'b', lt: 'd' })
  await watcher.ready()
  const seen = (async () => {
    for await (const [now, before] of watcher) return [now.version, before.version]
    return []
  })()
  await bee.put('x', 'not in the range')
  await bee.put('c', 'in the range')
  await stage.note('seen', () => seen)
  await watcher.close()
})

both('hyperbee: an encrypted one', async (stage) => {
  const encryption = { key: Buffer.alloc(32, 5) }
  const bee = new Hyperbee(await stage.open(null, { encryption }), TEXT)
  await fill(bee, 'abcdef')
  await stage.note('get', () => bee.get('c'))
  await stage.note('all', () => listed(bee.createReadStream({ gt: 'b' })))
})

mixed('hyperbee is read live', async ({ t, writer, reader, until }) => {
  const ours = new Hyperbee(writer, TEXT)
  await fill(ours, 'qwertyuiopasdfghjklzxcvbnm')
  const theirs = new Hyperbee(reader, TEXT)
  await until(() => reader.length === writer.length)
  t.is((await theirs.get('g'))?.value, 'value of g')
  t.is(await theirs.get('0'), null)
  t.alike(await listed(theirs.createReadStream()), await listed(ours.createReadStream()))
  const watched = await theirs.getAndWatch('live')
  const updated = new Promise<void>((resolve) => watched.on('update', resolve))
  await ours.put('live', 'yes')
  await updated
  t.is(watched.node?.value, 'yes')
  await watched.close()
  const { version } = ours
  await ours.del('q')
  await until(() => theirs.version === ours.version)
  t.alike(
    (await listed(theirs.createDiffStream(version))).map(({ right }) => right?.key),
    ['q']
  )
  t.alike(
    await listed(theirs.createHistoryStream({ gt: 20 })),
    await listed(ours.createHistoryStream({ gt: 20 }))
  )
  t.alike(
    await listed(theirs.checkout(version).createReadStream({ gte: 'p', lt: 'r' })),
    await listed(ours.checkout(version).createReadStream({ gte: 'p', lt: 'r' }))
  )
})
