// npm hyperbee2, unmodified, on cores of the façade. It asks a store for its cores: the few calls that it makes stand
// here; a whole Corestore is another matter.
import Hyperbee2 from 'hyperbee2'
import { both, type HypercoreClass } from './both.ts'
import { listed, mixed } from './packages.ts'

type Core = InstanceType<HypercoreClass>

/** What hyperbee2 needs of a store that holds one core. */
class OneCore {
  opening: Promise<void>
  closing: Promise<void> | null = null
  opened = false
  closed = false
  readonly #core: Core

  constructor(core: Core) {
    this.#core = core
    this.opening = core.ready().then(() => {
      this.opened = true
    })
  }

  ready(): Promise<void> {
    return this.opening
  }

  get({ writable = true }: { writable?: boolean }): Core {
    return this.#core.session({ writable })
  }

  close(): Promise<void> {
    this.closing ??= Promise.resolve().then(() => {
      this.closed = true
    })
    return this.closing
  }
}

async function fill(tree: Hyperbee2, names: string): Promise<void> {
  const batch = tree.write()
  for (const name of names) batch.tryPut(Buffer.from(name), Buffer.from(`value of ${name}`))
  await batch.flush()
}

const shown = ({ key, value }: { key: Buffer; value: Buffer }) => `${key}: ${value}`

both('hyperbee2', async (stage) => {
  const core = await stage.open()
  const tree = new Hyperbee2(new OneCore(core))
  await tree.ready()
  await fill(tree, 'qwertyuiopasdfghjklzxcvbnm')
  await stage.note('get', async () => (await tree.get(Buffer.from('g')))?.value)
  await stage.note('none', () => tree.get(Buffer.from('0')))
  const snapshot = tree.snapshot()
  const batch = tree.write()
  batch.tryDelete(Buffer.from('g'))
  batch.tryPut(Buffer.from('h'), Buffer.alloc(5000, 'large'))
  await batch.flush()
  await stage.note('deleted', () => tree.get(Buffer.from('g')))
  await stage.note('large', async () => (await tree.get(Buffer.from('h')))?.value.byteLength)
  await stage.note('all', async () => (await listed(tree.createReadStream())).length)
  await stage.note('before', async () => (await listed(snapshot.createReadStream())).map(shown))
  stage.tell('length', core.length)
  await tree.close()
})

mixed('hyperbee2 is read', async ({ t, writer, reader, until }) => {
  const ours = new Hyperbee2(new OneCore(writer))
  await ours.ready()
  await fill(ours, 'qwertyuiop')
  await until(() => reader.length === writer.length)
  const theirs = new Hyperbee2(new OneCore(reader), { autoUpdate: true })
  await theirs.ready()
  t.is(String((await theirs.get(Buffer.from('t')))?.value), 'value of t')
  t.alike(
    (await listed(theirs.createReadStream())).map(shown),
    (await listed(ours.createReadStream())).map(shown)
  )
  await fill(ours, 'live')
  await until(async () => (await theirs.get(Buffer.from('l'))) !== null)
  await theirs.close()
  await ours.close()
})
