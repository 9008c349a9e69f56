// Names, namespaces, sessions, lists and replication of a corestore, compared with npm corestore 7.
import { test } from 'brittle'
import { both, codeOf, fails, hex, mixed } from './both.ts'

const PRIMARY_KEY = new Uint8Array(32).fill(7)
const KNOWN = { primaryKey: PRIMARY_KEY, unsafe: true }

async function sorted(keys: AsyncIterable<Uint8Array>): Promise<(string | null)[]> {
  const list: (string | null)[] = []
  for await (const key of keys) list.push(hex(key))
  return list.sort()
}

both('keys of names and namespaces', async (stage) => {
  const store = await stage.open(KNOWN)
  const [a, b] = [store.get({ name: 'a' }), store.namespace('x').get({ name: 'a' })]
  const c = store.namespace('x').namespace('y').get({ name: 'ü' })
  for (const core of [a, b, c]) await core.ready()
  const { publicKey, secretKey } = await store.createKeyPair('z')
  const other = await store.createKeyPair('z', store.namespace('x').ns)
  return {
    keys: [a, b, c].map((core) => [hex(core.key), hex(core.discoveryKey), core.writable]),
    pairs: [hex(publicKey), hex(secretKey), hex(other.publicKey)],
    namespaces: [hex(store.ns), hex(store.namespace('x').ns), hex(store.primaryKey)]
  }
})

both('a core of a key pair, of a manifest, of what a preload says', async (stage) => {
  const store = await stage.open(KNOWN)
  const keyPair = await store.createKeyPair('q')
  const [ofPair, ofName] = [store.get({ keyPair }), store.get({ name: 'q' })]
  await ofPair.append('x')
  await ofName.ready()
  const manifest = { version: 1, signers: [{ publicKey: keyPair.publicKey }], allowPatch: false }
  const ofManifest = store.get({ manifest, keyPair })
  await ofManifest.ready()
  const later = store.get({ preload: Promise.resolve({ name: 'pre' }) })
  await later.ready()
  return [hex(ofPair.key), ofName.length, hex(ofManifest.key), ofManifest.length, hex(later.key)]
})

both('what is stored is there again', async (stage) => {
  const directory = await stage.directory()
  const before = await stage.openIn(directory)
  const core = before.get({ name: 'a' })
  await core.append(['x', 'y'])
  const { key, discoveryKey } = core
  await before.close()
  const store = await stage.openIn(directory)
  const [named, keyed] = [store.get({ name: 'a' }), store.get(key as Uint8Array)]
  const found = store.get({ discoveryKey: discoveryKey as Uint8Array })
  for (const each of [named, keyed, found]) await each.ready()
  const values = await Promise.all(
    [named, keyed, found].map(async (each) => hex(await each.get(1)))
  )
  const states = [named, keyed, found].map(({ length, writable }) => [length, writable])
  await store.close()
  return { values, states, closed: [core, named, keyed, found].map(({ closed }) => closed) }
})

both('what is not stored', async (stage) => {
  const store = await stage.open()
  const unknown = store.get({ discoveryKey: new Uint8Array(32).fill(1) })
  return codeOf(() => unknown.ready())
})

both('sessions of a store', async (stage) => {
  const store = await stage.open()
  const session = store.session()
  const a = session.get({ name: 'a' })
  await a.append('x')
  const b = store.get({ name: 'a' })
  await b.ready()
  await session.close()
  const readOnly = store.session({ writable: false }).get({ name: 'a' })
  await readOnly.ready()
  return [a.closed, b.closed, b.length, readOnly.writable, await codeOf(() => readOnly.append('y'))]
})

both('a closed store', async (stage) => {
  const store = await stage.open()
  const session = store.session()
  await store.close()
  return [
    store.closed,
    await fails(() => store.get({ name: 'x' })),
    await fails(() => store.replicate(true)),
    await fails(() => session.get({ name: 'x' }))
  ]
})

both('primary keys', async (stage) => {
  const directory = await stage.directory()
  const store = await stage.openIn(directory, KNOWN)
  await store.close()
  const other = { primaryKey: new Uint8Array(32).fill(8), unsafe: true }
  return [
    await fails(() => new stage.Corestore(directory, { primaryKey: PRIMARY_KEY })),
    await fails(() => stage.openIn(directory, other))
  ]
})

both('lists and watchers', async (stage) => {
  const store = await stage.open(KNOWN)
  let seen = 0
  store.watch(() => seen++)
  const namespace = store.namespace('n')
  for (const core of [store.get({ name: 'a' }), namespace.get({ name: 'b' })]) await core.ready()
  await store.get({ name: 'a' }).ready()
  return {
    seen,
    all: await sorted(store.list()),
    inNamespace: await sorted(store.list(namespace.ns)),
    inRoot: await sorted(store.list(store.ns))
  }
})

both('encrypted cores', async (stage) => {
  const store = await stage.open(KNOWN)
  const core = store.get({ name: 'e', encryption: { key: new Uint8Array(32).fill(9) } })
  await core.append('secret')
  const blind = store.get(core.key as Uint8Array)
  await blind.ready()
  const stored = await blind.get(0)
  return [hex(await core.get(0)), stored.byteLength, core.encryption !== null, blind.encryption]
})

both(
  'all cores over one connection, those that come later, and those that are not open',
  async (stage) => {
    const directory = await stage.directory()
    const before = await stage.openIn(directory)
    const sleeping = before.get({ name: 'sleeping' })
    await sleeping.append('awake')
    const key = sleeping.key as Uint8Array
    await before.close()

    const [writer, reader] = [await stage.openIn(directory), await stage.open()]
    const first = writer.get({ name: 'first' })
    await first.append('hello')
    stage.replicate(writer, reader)
    const values = [await reader.get(first.key as Uint8Array).get(0)]
    const second = writer.get({ name: 'second' })
    await second.append('later')
    values.push(await reader.get({ key: second.key as Uint8Array }).get(0))
    values.push(await reader.get(key).get(0))
    return values.map(hex)
  }
)

both('peers are being looked for', async (stage) => {
  const [writer, reader] = [await stage.open(), await stage.open()]
  const core = writer.get({ name: 'a' })
  await core.append('x')
  const copy = reader.get(core.key as Uint8Array)
  await copy.ready()
  const before = await copy.update()
  const done = reader.findingPeers()
  const other = reader.get(core.key as Uint8Array)
  await other.ready()
  const [updating, otherUpdating] = [copy.update(), other.update()]
  stage.replicate(writer, reader)
  const found = [await updating, await otherUpdating]
  done()
  return [before, ...found, copy.length]
})

mixed('cores with a stock store on the other side', async (t, writer, reader) => {
  const [a, b] = [writer.get({ name: 'a' }), writer.namespace('x').get({ name: 'a' })]
  await a.append(['one', 'two'])
  await b.append('three')
  const copies = [a, b].map((core) => reader.get(core.key as Uint8Array))
  t.is(hex(await copies[0]!.get(1)), hex(Buffer.from('two')))
  t.is(hex(await copies[1]!.get(0)), hex(Buffer.from('three')))
  const late = writer.get({ name: 'late' })
  await late.append('four')
  t.is(hex(await reader.get(late.key as Uint8Array).get(0)), hex(Buffer.from('four')))
  await a.append('five')
  t.is(hex(await copies[0]!.get(2)), hex(Buffer.from('five')))
})

test('a session of ours takes no core that nothing names', async (t) => {
  const { Corestore } = await import('../../lib/corestore/corestore.ts')
  const store = new Corestore(null)
  t.is(await codeOf(() => store.get()), 'BAD_ARGUMENT')
  t.is(await store.getAuth(new Uint8Array(32)), null)
  const core = store.get({ name: 'a' })
  await core.ready()
  const auth = await store.getAuth(core.discoveryKey as Uint8Array)
  t.is(hex(auth?.key ?? null), hex(core.key))
  await store.suspend()
  await store.resume()
  await store.close()
})
