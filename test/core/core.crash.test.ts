// T-CRASH, the small form: a trace of operations on tiny limits, cut at every disk operation; at each cut the
// disk as a kill leaves it, with the next write torn, and as a power cut may leave it. Each must open, hold what
// was promised, hold some whole state of the model, and go on. The failure's line names seed, cut and variant.
import { test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { equalBytes } from '../../lib/util/bytes.ts'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'
import { type Images, RecordedDisk } from '../helpers/recorded-disk.ts'
import { pick, seededEnv } from '../helpers/seeded-env.ts'

const LIMITS = { halfBytes: 8192, inlineLimitBytes: 600, syncAfterMs: 1 }
const TORN = [1, 8, 36, 511, 512, 513, 4095, 4096]
const keyPair = createKeyPair(new Uint8Array(32).fill(9))

interface ModelState {
  readonly fork: number
  readonly blocks: readonly (Uint8Array | null)[]
}

interface Run {
  readonly disk: RecordedDisk
  readonly states: readonly ModelState[]
  /** Trace positions: when call k was made, resolved, published. */
  readonly called: readonly number[]
  readonly done: readonly number[]
  readonly published: readonly number[]
  /** When the log had been created. */
  readonly created: number
}

async function record(random: SeededRandom, operations: number): Promise<Run> {
  const disk = new RecordedDisk()
  const env = seededEnv(random)
  let core = await Core.open(await LogFiles.open(disk.factory), { keyPair, env, limits: LIMITS })
  const created = disk.trace.length
  const states: ModelState[] = [{ fork: 0, blocks: [] }]
  const called: number[] = []
  const done: number[] = []
  const published: number[] = []
  const listen = (): void => {
    core.onChange(() => published.push(disk.trace.length))
  }
  listen()
  for (let i = 0; i < operations; i++) {
    const state = states.at(-1)!
    const dice = random.next()
    if (dice < 0.06) {
      await core.close()
      core = await Core.open(await LogFiles.open(disk.factory), { keyPair, env, limits: LIMITS })
      listen()
      continue
    }
    called.push(disk.trace.length)
    if (dice < 0.2 && state.blocks.length > 0) {
      const length = random.int(state.blocks.length + 1)
      states.push({ fork: state.fork + 1, blocks: state.blocks.slice(0, length) })
      await core.truncate(length)
    } else if (dice < 0.3 && state.blocks.length > 0) {
      const start = random.int(state.blocks.length)
      const end = Math.min(state.blocks.length, start + 1 + random.int(3))
      const blocks = state.blocks.map((block, index) =>
        index >= start && index < end ? null : block
      )
      states.push({ fork: state.fork, blocks })
      await core.clear(start, end)
    } else {
      const most = random.next() < 0.3 ? 900 : 120
      const blocks = Array.from({ length: 1 + random.int(5) }, () => random.bytes(random.int(most)))
      states.push({ fork: state.fork, blocks: [...state.blocks, ...blocks] })
      await core.append(blocks, { durability: random.next() < 0.4 ? 'process' : 'power' })
    }
    done.push(disk.trace.length)
  }
  await core.close()
  return { disk, states, called, done, published, created }
}

async function stateOf(core: Core): Promise<ModelState> {
  const blocks: (Uint8Array | null)[] = []
  for (let index = 0; index < core.tree.length; index++) blocks.push(await core.read(index))
  return { fork: core.tree.fork, blocks }
}

function isSame(a: ModelState, b: ModelState): boolean {
  if (a.fork !== b.fork || a.blocks.length !== b.blocks.length) return false
  return a.blocks.every((block, i) => {
    const other = b.blocks[i] ?? null
    return block === null || other === null ? block === other : equalBytes(block, other)
  })
}

/** Null, or what is wrong. */
async function judge(run: Run, images: Images, from: number, to: number): Promise<string | null> {
  try {
    return await judgeOpened(run, images, from, to)
  } catch (error) {
    return `throws: ${(error as Error).message}`
  }
}

async function judgeOpened(
  run: Run,
  images: Images,
  from: number,
  to: number
): Promise<string | null> {
  const disk = new RecordedDisk(images)
  const open = async (): Promise<Core> =>
    Core.open(await LogFiles.open(disk.factory), { keyPair, limits: LIMITS })
  let core: Core
  try {
    core = await open()
  } catch (error) {
    return `does not open: ${(error as Error).message}`
  }
  if (core.behind !== null) return `opens as behind: ${core.behind}`
  const state = await stateOf(core)
  const found = run.states.findLastIndex((each) => isSame(each, state))
  const fits = run.states.some((each, k) => k >= from && k <= to && isSame(each, state))
  if (!fits)
    return `holds state ${found} of length ${state.blocks.length}, not one of ${from} to ${to}`
  await core.append([new Uint8Array([1, 2, 3])])
  await core.close()
  core = await open()
  const after = await stateOf(core)
  await core.close()
  const expected = { fork: state.fork, blocks: [...state.blocks, new Uint8Array([1, 2, 3])] }
  return isSame(after, expected) ? null : 'does not keep what is appended after the crash'
}

async function judgeCut(run: Run, cut: number, random: SeededRandom): Promise<string[]> {
  const faults: string[] = []
  const count = (positions: readonly number[], limit: number): number =>
    positions.filter((position) => position <= limit).length
  const called = run.called.filter((position) => position < cut || position === cut).length
  const promised = count(run.published, cut)
  const check = async (variant: string, images: Images, from: number): Promise<void> => {
    const fault = await judge(run, images, cut < run.created ? 0 : from, called)
    if (fault !== null) faults.push(`cut ${cut}, ${variant}: ${fault}`)
  }
  await check('killed', run.disk.killedAt(cut), count(run.done, cut))
  const next = run.disk.trace[cut]
  const length = next?.kind === 'write' ? next.bytes.byteLength : 0
  const torn = pick(random, [...TORN, length - 1].filter((bytes) => bytes < length).concat(0))
  if (torn > 0)
    await check(`torn after ${torn}`, run.disk.killedAt(cut, torn), count(run.done, cut))
  await check(
    'nothing unsynced',
    run.disk.powerCutAt(cut, () => false),
    promised
  )
  const lost = random.int(20)
  await check(
    `all but the last ${lost % 3} pieces`,
    run.disk.powerCutAt(cut, (i, n) => i < n - 1 - (lost % 3)),
    promised
  )
  await check(
    'only the last piece',
    run.disk.powerCutAt(cut, (i, n) => i === n - 1),
    promised
  )
  for (let i = 0; i < 2; i++) {
    const seed = random.int(1e9)
    const dice = seededRandom(seed)
    await check(
      `half of the pieces, ${seed}`,
      run.disk.powerCutAt(cut, () => dice.next() < 0.5),
      promised
    )
  }
  return faults
}

test('every disk after a crash opens, holds what was promised, and goes on', {
  timeout: 120_000
}, async (t) => {
  const seeds =
    process.env['LOGWOOD_SEED'] === undefined ? [1, 2, 3] : [Number(process.env['LOGWOOD_SEED'])]
  let disks = 0
  for (const seed of seeds) {
    const random = seededRandom(seed)
    const run = await record(random, 40)
    const faults: string[] = []
    for (let cut = 0; cut <= run.disk.trace.length && faults.length < 3; cut++) {
      faults.push(...(await judgeCut(run, cut, random)))
      disks += 7
    }
    t.alike(faults, [], `T-CRASH seed ${seed}: ${run.disk.trace.length} disk operations`)
  }
  t.comment(`about ${disks} disks`)
})
