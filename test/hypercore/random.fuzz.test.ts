// Programs made up of random calls, from a seed, on npm hypercore 11 and on the façade: each call has to come to the
// same on both: values, lengths, codes of errors. One writer with sessions, snapshots and batches; and a reader that
// follows it. LOGWOOD_SEED=17 repeats one.
//
// Left out, for they differ on purpose: seeks and cuts after a clear, for which npm hypercore may lack tree nodes, as it
// gives those up as well; and commits of batches on a core that was cut, which npm hypercore rejects with null or
// with one error or another, while here only the loss of what they stand on is a reason to (own.test.ts).
import { test } from 'brittle'
import Reference from 'hypercore'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { Hypercore } from '../../lib/hypercore/hypercore.ts'
import { seedList, tellFigures } from '../helpers/long.ts'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'
import { type Core, type HypercoreClass, play, type Script, type Stage } from './both.ts'

const keyPair = createKeyPair(Buffer.alloc(32, 7))
const CALLS = 60
/** Sessions open at one time. */
const MAX_SESSIONS = 6

interface Target {
  readonly name: string
  readonly core: Core
}

interface World {
  readonly stage: Stage
  readonly random: SeededRandom
  readonly core: Core
  readonly reader: Core
  /** What is read from: the core, its sessions, snapshots and batches. */
  readonly targets: Target[]
  batches: number
  isCleared: boolean
  isCut: boolean
}

type Move = (world: World) => Promise<unknown>

/** Each with how often it comes. */
const MOVES: readonly (readonly [weight: number, move: Move])[] = [
  [6, append],
  [8, get],
  [4, has],
  [3, seek],
  [2, clear],
  [2, truncate],
  [2, treeHash],
  [3, openSession],
  [2, openSnapshot],
  [2, openBatch],
  [4, changeBatch],
  [3, commit],
  [2, closeOne],
  [3, follow],
  [2, stream]
]

async function append({ stage, random, core }: World): Promise<void> {
  const blocks = Array.from({ length: random.int(4) }, () =>
    Buffer.from(random.bytes(random.int(9)))
  )
  const maxLength = random.int(5) === 0 ? random.int(12) : undefined
  const options = maxLength === undefined ? {} : { maxLength }
  await stage.note(`append ${blocks.length}`, () => core.append(blocks, options))
}

function indexIn({ random }: World, core: Core): number {
  return random.int(core.length + 2)
}

function target(world: World): Target {
  const { targets, random } = world
  return targets[random.int(targets.length)] ?? { name: 'core', core: world.core }
}

async function get(world: World): Promise<void> {
  const { name, core } = target(world)
  const index = indexIn(world, core)
  await world.stage.note(`${name} get ${index}`, () => core.get(index, { wait: false }))
}

async function has(world: World): Promise<void> {
  const { core, stage } = world
  const start = indexIn(world, core)
  const end = start + world.random.int(4)
  await stage.note(`has ${start} ${end}`, () => core.has(start, end))
}

async function seek(world: World): Promise<void> {
  const { core, stage, random } = world
  if (world.isCleared) return
  const at = random.int(core.byteLength + 3)
  await stage.note(`seek ${at}`, () => core.seek(at, { wait: false }))
}

async function clear(world: World): Promise<void> {
  const { core, stage, random } = world
  const start = indexIn(world, core)
  const end = Math.min(start + 1 + random.int(3), Math.max(core.length, start + 1))
  world.isCleared = true
  await stage.note(`clear ${start} ${end}`, () => core.clear(start, end))
}

async function truncate(world: World): Promise<void> {
  const { core, stage, random } = world
  if (world.isCleared) return
  const length = Math.max(0, core.length - random.int(3))
  world.isCut = true
  await stage.note(`truncate ${length}`, () => core.truncate(length))
  const isBatch = ({ name }: Target): boolean => name.startsWith('batch')
  for (const { core: batch } of world.targets.filter(isBatch)) await batch.close()
  world.targets.splice(0, world.targets.length, ...world.targets.filter((each) => !isBatch(each)))
}

async function treeHash(world: World): Promise<void> {
  const { core, stage } = world
  // It would wait for the last block.
  if (core.length > 0 && !(await core.has(core.length - 1))) return
  await stage.note('tree hash', () => core.treeHash())
}

async function enter(world: World, name: string, core: Core): Promise<void> {
  await core.ready()
  world.targets.push({ name, core })
}

async function openSession(world: World): Promise<void> {
  if (world.targets.length > MAX_SESSIONS) return
  const from = target(world)
  await enter(world, `${from.name} session`, from.core.session())
}

async function openSnapshot(world: World): Promise<void> {
  if (world.targets.length > MAX_SESSIONS) return
  await enter(world, 'snapshot', world.core.snapshot())
}

async function openBatch(world: World): Promise<void> {
  if (world.targets.length > MAX_SESSIONS) return
  const name = `batch ${world.batches++}`
  await enter(world, name, world.core.session({ name }))
}

function batchIn(world: World): Target | undefined {
  const batches = world.targets.filter(({ name }) => name.startsWith('batch'))
  return batches[world.random.int(Math.max(1, batches.length))]
}

async function changeBatch(world: World): Promise<void> {
  const batch = batchIn(world)
  if (batch === undefined) return
  const { stage, random } = world
  const blocks = Array.from({ length: 1 + random.int(3) }, () => Buffer.from(random.bytes(4)))
  await stage.note(`${batch.name} append`, () => batch.core.append(blocks))
}

async function commit(world: World): Promise<void> {
  const batch = batchIn(world)
  if (batch === undefined) return
  await world.stage.note(`commit ${batch.name}`, () => world.core.commit(batch.core))
}

async function closeOne(world: World): Promise<void> {
  const at = 1 + world.random.int(world.targets.length)
  const [closed] = world.targets.splice(at, 1)
  await closed?.core.close()
}

async function follow(world: World): Promise<void> {
  const { stage, core, reader } = world
  // Not every cut reaches a stock reader before the core is longer again.
  if (world.isCut) return
  await stage.until(() => reader.length === core.length && reader.fork === core.fork)
  const index = indexIn(world, core)
  if (!(await core.has(index))) return
  await stage.note(`reader get ${index}`, () => reader.get(index))
}

async function stream(world: World): Promise<void> {
  const { core, stage } = world
  const start = indexIn(world, core)
  for (let index = start; index < core.length; index++) {
    if (!(await core.has(index))) return
  }
  await stage.note(`stream ${start}`, async () => {
    const values: unknown[] = []
    for await (const value of core.createReadStream({ start })) values.push(value)
    return values
  })
}

function program(seed: number): Script {
  return async (stage) => {
    const random = seededRandom(seed)
    const core = await stage.open(null, { keyPair })
    const reader = await stage.open(core.key)
    stage.replicate(core, reader)
    const targets = [{ name: 'core', core }]
    const world: World = {
      stage,
      random,
      core,
      reader,
      targets,
      batches: 0,
      isCleared: false,
      isCut: false
    }
    const total = MOVES.reduce((sum, [weight]) => sum + weight, 0)
    for (let call = 0; call < CALLS; call++) {
      let left = random.int(total)
      const move = MOVES.find(([weight]) => {
        left -= weight
        return left < 0
      })
      await move?.[1](world)
      stage.tell('state', [core.length, core.byteLength, core.fork, core.contiguousLength])
      stage.tell(
        'targets',
        world.targets.map((each) => [each.core.length, each.core.byteLength])
      )
    }
  }
}

test('random programs come to the same on both', { timeout: 3_600_000 }, async (t) => {
  const keepAlive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(keepAlive))
  const seeds = seedList(40, 1000)
  let calls = 0
  for (const seed of seeds) {
    const theirs = await play(t, Reference as unknown as HypercoreClass, program(seed))
    const ours = await play(t, Hypercore, program(seed))
    const at = theirs.findIndex((told, i) => JSON.stringify(told) !== JSON.stringify(ours[i]))
    if (at >= 0 || ours.length !== theirs.length) {
      const before = theirs.slice(Math.max(0, at - 6), at).map((told) => JSON.stringify(told))
      t.alike(ours[at], theirs[at], `seed ${seed}, ${at}, after ${before.join(' ')}`)
    }
    calls += theirs.length
  }
  tellFigures(t, 'T-TWIN', { programs: seeds.length, outcomes: calls })
  t.pass()
})
