// The moves of random programs (random-program.ts): one call, or a few that belong together, with what it is called on
// and its arguments by chance.
import type { SessionOptions } from '../../lib/hypercore/options.ts'
import type { SeededRandom } from '../helpers/random.ts'
import type { Core } from './both.ts'
import type { Kind, Move, Target, World } from './random-program.ts'

/** Sessions open at one time. */
const MAX_TARGETS = 7

/** Each with how often it comes. */
export const MOVES: readonly (readonly [weight: number, move: Move])[] = [
  [8, append],
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
  [1, cutBatch],
  [3, commit],
  [2, useAtom],
  [2, closeOne],
  [3, follow],
  [2, readerHolds],
  [1, download],
  [1, reconnect],
  [2, stream],
  [1, byteStream],
  [2, userData],
  [1, info],
  [2, misuse],
  [1, useClosed]
]

function blocksOf(random: SeededRandom, least: number): Buffer[] {
  return Array.from({ length: least + random.int(4) }, () =>
    Buffer.from(random.bytes(random.int(9)))
  )
}

/** Now and then past the end. */
function indexIn(random: SeededRandom, core: Core): number {
  return random.int(core.length + 2)
}

function pick({ core, targets }: World, random: SeededRandom, kind?: Kind): Target | undefined {
  const fitting = kind === undefined ? targets : targets.filter((each) => each.kind === kind)
  const all =
    kind === undefined ? [...fitting, { kind: 'core', name: 'core', core } as const] : fitting
  return all[random.int(Math.max(1, all.length))]
}

async function enter(world: World, kind: Kind, name: string, core: Core): Promise<void> {
  await core.ready()
  world.targets.push({ kind, name, core })
}

async function append({ stage, core }: World, random: SeededRandom): Promise<void> {
  const blocks = blocksOf(random, 0)
  const options = random.int(5) === 0 ? { maxLength: random.int(12) } : {}
  await stage.note(`append ${blocks.length}`, () => core.append(blocks, options))
}

async function get(world: World, random: SeededRandom): Promise<void> {
  const { name, core } = pick(world, random) as Target
  const index = indexIn(random, core)
  const ways = world.isEncrypted
    ? [{}, { valueEncoding: 'hex' }]
    : [{}, { valueEncoding: 'hex' }, { raw: true }, { decrypt: false }]
  const options = ways[random.int(ways.length)]
  const what = `${name} get ${index} ${JSON.stringify(options)}`
  await world.stage.note(what, () => core.get(index, { wait: false, ...options } as object))
}

async function has(world: World, random: SeededRandom): Promise<void> {
  const { name, core } = pick(world, random) as Target
  const start = indexIn(random, core)
  const end = start + random.int(4)
  await world.stage.note(`${name} has ${start} ${end}`, () => core.has(start, end))
}

async function seek(world: World, random: SeededRandom): Promise<void> {
  if (world.isCleared) return
  const { core, stage } = world
  const at = random.int(core.byteLength + 3)
  await stage.note(`seek ${at}`, () => core.seek(at, { wait: false }))
}

async function clear(world: World, random: SeededRandom): Promise<void> {
  const { core, stage } = world
  const start = indexIn(random, core)
  const end = Math.min(start + 1 + random.int(3), Math.max(core.length, start + 1))
  world.isCleared = true
  await stage.note(`clear ${start} ${end}`, () => core.clear(start, end))
}

async function truncate(world: World, random: SeededRandom): Promise<void> {
  const { core, stage } = world
  if (world.isCleared) return
  const length = Math.max(0, core.length - random.int(3))
  world.isCut = true
  await leaveBatches(world)
  await stage.note(`truncate ${length}`, () => core.truncate(length))
}

async function leaveBatches(world: World): Promise<void> {
  const stands = ({ kind, name }: Target): boolean => kind !== 'batch' && !name.includes('batch')
  for (const each of world.targets) if (!stands(each)) await each.core.close()
  world.targets.splice(0, world.targets.length, ...world.targets.filter(stands))
}

async function treeHash({ core, stage, isEncrypted }: World): Promise<void> {
  // No key stream is used twice here, so the stored bytes are others.
  if (isEncrypted) return
  // It would wait for the last block.
  if (core.length > 0 && !(await core.has(core.length - 1))) return
  await stage.note('tree hash', () => core.treeHash())
  await stage.note('signable', () => core.signable())
}

async function openSession(world: World, random: SeededRandom): Promise<void> {
  if (world.targets.length > MAX_TARGETS) return
  const from = pick(world, random) as Target
  const kinds: SessionOptions[] = [
    {},
    { valueEncoding: 'utf-8' },
    { writable: false },
    { wait: false }
  ]
  const session = from.core.session(kinds[random.int(kinds.length)])
  const kind = from.kind === 'core' ? 'session' : from.kind
  await enter(world, kind, `session of ${from.name}`, session)
}

async function openSnapshot(world: World, random: SeededRandom): Promise<void> {
  if (world.targets.length > MAX_TARGETS) return
  const from = pick(world, random) as Target
  await enter(world, 'snapshot', `snapshot of ${from.name}`, from.core.snapshot())
}

async function openBatch(world: World, random: SeededRandom): Promise<void> {
  if (world.targets.length > MAX_TARGETS) return
  const name = `batch-${world.opened++}`
  const checkout =
    random.int(3) === 0 && !world.isCleared ? random.int(world.core.length + 1) : undefined
  const options = checkout === undefined ? { name } : { name, checkout }
  const batch = world.core.session(options)
  let isOpen = false
  await world.stage.note(`${name} ${checkout}`, async () => {
    await batch.ready()
    isOpen = true
    return batch.writable
  })
  if (isOpen) await enter(world, 'batch', name, batch)
}

async function changeBatch(world: World, random: SeededRandom): Promise<void> {
  const batch = pick(world, random, 'batch')
  if (batch === undefined) return
  const blocks = blocksOf(random, 1)
  await world.stage.note(`${batch.name} append`, () => batch.core.append(blocks))
  await world.stage.note(`${batch.name} signed`, () => batch.core.signedLength)
}

async function cutBatch(world: World, random: SeededRandom): Promise<void> {
  const batch = pick(world, random, 'batch')
  if (batch === undefined || world.isCleared) return
  const length = Math.max(0, batch.core.length - random.int(3))
  await world.stage.note(`${batch.name} cut ${length}`, () => batch.core.truncate(length))
}

async function commit(world: World, random: SeededRandom): Promise<void> {
  const batch = pick(world, random, 'batch')
  const { core, stage } = world
  // npm hypercore tells of an append when nothing is committed, too.
  if (batch === undefined || batch.core.length <= core.length) return
  await stage.note(`commit ${batch.name}`, () => core.commit(batch.core))
}

async function useAtom(world: World, random: SeededRandom): Promise<void> {
  const { core, stage } = world
  // npm hypercore goes round in circles for an atom of a core that was cut down to nothing.
  if (core.length === 0 && world.isCut) return
  const atom = core.state?.storage.createAtom()
  if (atom === undefined) return
  const inside = core.session({ atom })
  await inside.ready()
  // An atom that cuts nothing off is told as a truncation here, and only as an append there.
  const isCut = random.int(3) === 0 && !world.isCleared && core.length > 0
  if (isCut) {
    world.isCut = true
    await leaveBatches(world)
    const length = core.length - 1
    await stage.note(`atom truncate ${length}`, () => inside.truncate(length))
  }
  await stage.note('atom append', () => inside.append(blocksOf(random, 1)))
  stage.tell('atom', [inside.length, core.length, inside.byteLength])
  await stage.note('atom get', () => inside.get(inside.length - 1))
  await stage.note('flush', () => atom.flush())
  await inside.close()
}

async function closeOne({ targets }: World, random: SeededRandom): Promise<void> {
  const [closed] = targets.splice(1 + random.int(targets.length), 1)
  await closed?.core.close()
}

/**
 * Not every cut reaches a stock reader before the core is longer again; and after a clear a stock core may lack the tree
 * nodes that prove what it has left.
 */
async function caughtUp({ stage, core, reader, isCut, isCleared }: World): Promise<boolean> {
  if (isCut || isCleared) return false
  await stage.until(() => reader.length === core.length)
  return true
}

async function follow(world: World, random: SeededRandom): Promise<void> {
  const { stage, core, reader } = world
  if (!(await caughtUp(world))) return
  const index = random.int(Math.max(1, core.length))
  if (!(await core.has(index))) return
  await stage.note(`reader get ${index}`, () => reader.get(index))
  stage.tell('reader', [reader.length, reader.byteLength, reader.writable])
}

async function readerHolds(world: World, random: SeededRandom): Promise<void> {
  const { stage, reader } = world
  if (!(await caughtUp(world))) return
  const start = indexIn(random, reader)
  await stage.note(`reader has ${start}`, () => reader.has(start, start + 1 + random.int(2)))
  await stage.note(`reader reads ${start}`, () => reader.get(start, { wait: false }))
}

async function download(world: World): Promise<void> {
  const { stage, core, reader } = world
  if (!(await caughtUp(world)) || core.contiguousLength < core.length) return
  await stage.note('download', () => reader.download({ start: 0, end: core.length }).done())
  stage.tell('downloaded', reader.contiguousLength)
}

async function reconnect(world: World): Promise<void> {
  const { stage, core, reader } = world
  await world.pipe.cut()
  await stage.until(() => core.peers.length === 0 && reader.peers.length === 0)
  world.pipe = stage.replicate(core, reader)
}

async function isWhole(core: Core, start: number): Promise<boolean> {
  for (let index = start; index < core.length; index++) if (!(await core.has(index))) return false
  return true
}

async function stream(world: World, random: SeededRandom): Promise<void> {
  const { name, core } = pick(world, random) as Target
  const start = indexIn(random, core)
  if (!(await isWhole(core, start))) return
  await world.stage.note(`${name} stream ${start}`, async () => {
    const values: unknown[] = []
    for await (const value of core.createReadStream({ start })) values.push(value)
    return values
  })
}

async function byteStream(world: World, random: SeededRandom): Promise<void> {
  const { core, stage, isCleared } = world
  if (isCleared || core.byteLength === 0) return
  const byteOffset = random.int(core.byteLength)
  await stage.note(`bytes ${byteOffset}`, async () => {
    const parts: Buffer[] = []
    for await (const part of core.createByteStream({ byteOffset })) parts.push(part)
    return Buffer.concat(parts)
  })
}

async function userData(world: World, random: SeededRandom): Promise<void> {
  const { core, stage } = world
  const name = `name-${random.int(3)}`
  const value = Buffer.from(random.bytes(random.int(5)))
  if (random.int(2) === 0) await stage.note(`set ${name}`, () => core.setUserData(name, value))
  await stage.note(`user data ${name}`, () => core.getUserData(name))
}

async function info(world: World, random: SeededRandom): Promise<void> {
  const { name, core } = pick(world, random) as Target
  await world.stage.note(`${name} info`, async () => {
    const { length, byteLength, fork, contiguousLength, padding } = await core.info()
    // npm hypercore counts the padding of snapshots, though not that of cores.
    const isPadded = world.isEncrypted && name.includes('snapshot')
    return [length, isPadded ? null : byteLength, fork, contiguousLength, padding]
  })
}

async function misuse(world: World, random: SeededRandom): Promise<void> {
  const { core, reader, stage } = world
  const calls: readonly [string, () => unknown][] = [
    ['get -1', () => core.get(-1)],
    ['has -1', () => core.has(-1)],
    ['seek -1', () => core.seek(-1)],
    ['clear -1', () => core.clear(-1, 2)],
    ['truncate past the end', () => core.truncate(core.length + 1)],
    ['append of a reader', () => reader.append('a')],
    ['truncate of a reader', () => reader.truncate(0)],
    ['checkout of no batch', () => core.session({ checkout: 0 })],
    ['get past the end', () => core.get(core.length + 1, { timeout: 1 })]
  ]
  const [what, call] = calls[random.int(calls.length)] ?? ['', () => null]
  if (what.startsWith('truncate past') && world.isCleared) return
  await stage.note(what, async () => void (await call()))
}

async function useClosed(world: World, random: SeededRandom): Promise<void> {
  const { core, stage } = world
  const session = core.session()
  await session.close()
  stage.tell('closed', [session.closed, session.opened, session.writable, session.length])
  const calls: readonly [string, () => unknown][] = [
    ['get', () => session.get(core.length + 1)],
    ['append', () => session.append('a')],
    ['truncate', () => session.truncate(0)],
    ['clear', () => session.clear(0)],
    ['session', () => session.session()],
    ['update', () => session.update()],
    ['close', () => session.close()]
  ]
  const [what, call] = calls[random.int(calls.length)] ?? ['', () => null]
  await stage.note(`closed ${what}`, call)
}
