// What the façade does where npm hypercore differs, or where its own timing decides.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { inspect } from 'node:util'
import { type Assertions, test } from 'brittle'
import { Hypercore } from '../../lib/hypercore/hypercore.ts'

async function stage(
  t: Assertions,
  script: (open: (...args: ConstructorParameters<typeof Hypercore>) => Hypercore) => Promise<void>
): Promise<void> {
  const keepAlive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(keepAlive))
  const cores: Hypercore[] = []
  await script((...args) => {
    const core = new Hypercore(...args)
    cores.push(core)
    return core
  })
  for (const core of cores) await core.close()
}

function join2(a: Hypercore, b: Hypercore): void {
  const first = a.replicate(true)
  first.pipe(b.replicate(false)).pipe(first)
}

test('the latest block is fetched for who wants it', (t) =>
  stage(t, async (open) => {
    const a = open(null)
    await a.append(['a', 'b', 'c'])
    const b = open(null, a.key, { allowLatestBlock: true })
    const c = open(null, a.key)
    await c.setAlwaysLatestBlock(true)
    join2(a, b)
    join2(a, c)
    while (!((await b.has(2)) && (await c.has(2)))) await turn()
    t.is(b.contiguousLength, 0)
    await c.setAlwaysLatestBlock(false)
    await a.append('d')
    while (!(await b.has(3))) await turn()
    t.absent(await c.has(3))
  }))

test('an atom changes cores when it is flushed', (t) =>
  stage(t, async (open) => {
    const [a, b] = [open(null), open(null)]
    await a.append('a')
    await b.append('x')
    const atom = a.state?.storage.createAtom()
    if (atom === undefined) throw new Error('no atom')
    const [inA, inB] = [a.session({ atom }), b.session({ atom })]
    await inA.append(['b', 'c'])
    await inB.truncate(0)
    await inB.append('y')
    t.alike([a.length, b.length, inA.length, inB.length], [1, 1, 3, 1])
    t.is(String(await inB.get(0)), 'y')
    await atom.flush()
    t.alike([a.length, a.fork, b.length, b.fork], [3, 0, 1, 1])
    t.is(String(await b.get(0)), 'y')
    await inA.append('d')
    t.is(a.length, 3)
    await atom.flush()
    t.is(a.length, 4)
    for (const session of [inA, inB]) await session.close()
  }))

test('an atom wins over what was appended beside it, under the next fork', (t) =>
  stage(t, async (open) => {
    const core = open(null)
    await core.append('1')
    const atom = core.state?.storage.createAtom()
    if (atom === undefined) throw new Error('no atom')
    const inside = core.session({ atom })
    await inside.ready()
    await core.append('2')
    await inside.append('of the atom')
    await atom.flush()
    t.is(String(await core.get(core.length - 1)), 'of the atom')
    t.alike([core.length, core.fork], [2, 1])
    await core.truncate(0)
    await inside.append('late')
    await t.exception(atom.flush(), /INVALID_OPERATION/)
    await inside.close()
  }))

test('a batch is not committed on a core that lost what it stands on', (t) =>
  stage(t, async (open) => {
    const core = open(null)
    await core.append(['a', 'b'])
    const batch = core.session({ name: 'batch' })
    await batch.append('c')
    await core.truncate(1)
    await core.append(['B', 'C'])
    t.is(await core.commit(batch), null)
    t.alike([core.length, String(await core.get(2))], [3, 'C'])
    await batch.close()
  }))

test('a sweep refuses when its marks were lost', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'logwood-own-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  await stage(t, async (open) => {
    const core = open(directory)
    await core.append(['a', 'b'])
    await core.startMarking()
    await core.get(1)
    // As a crash leaves it: begun, and never stored.
    t.is((await core.getUserData('hypercore/marks'))?.byteLength, 0)
    await core.core?.log.setUserData('hypercore/marks', Buffer.alloc(0))
    const store = core.core?.log
    if (store === undefined) throw new Error('closed')
    const { Marks } = await import('../../lib/hypercore/marks.ts')
    t.exception(() => new Marks(store).gaps(2), /lost/)
    await core.sweep()
    t.alike([await core.has(0), await core.has(1)], [false, true])
    t.is(await core.getUserData('hypercore/marks'), null)
  })
})

test('a core by itself stays open without sessions', (t) =>
  stage(t, async () => {
    const core = Hypercore.createCore(null)
    const session = new Hypercore({ core } as object)
    await session.append('a')
    await session.close()
    const again = new Hypercore({ core } as object)
    await again.ready()
    t.is(again.length, 1)
    await again.close()
    t.absent(core.closed)
    await core.close()
    t.ok(core.closed)
  }))

test('console.log shows what matters', (t) =>
  stage(t, async (open) => {
    const core = open(null)
    await core.append('a')
    const text = inspect(core)
    for (const part of ['Hypercore(', `id: ${core.id}`, 'length: 1', 'writable: true']) {
      t.ok(text.includes(part), part)
    }
  }))
