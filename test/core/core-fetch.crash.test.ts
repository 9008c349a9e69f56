// T-CRASH for a reader: blocks come as proofs, in any order and several at once, their bytes inside the oplog or
// straight to `blocks`; some are cleared; then the writer's other history comes, in the same moment as blocks of both.
// Every disk that a crash may leave must open, hold only right bytes and no less than what was promised, call nothing
// damaged, and take all proofs again. The failure's line names seed, cut and state.
import { test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { emptyRequest, type Proof } from '../../lib/merkle/proof.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { memoryStorage } from '../../lib/storage/memory-storage.ts'
import { equalBytes } from '../../lib/util/bytes.ts'
import { ALL, crashStates, SOME } from '../helpers/crash-states.ts'
import { type DiskImage, fingerprint } from '../helpers/disk-image.ts'
import { seedList, seedsFor, tellFigures } from '../helpers/long.ts'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'
import { seededEnv } from '../helpers/seeded-env.ts'
import { SimDisk } from '../helpers/sim-disk.ts'

const BLOCKS = 24
const KEPT = 8
const limitsOf = (seed: number): { [name: string]: number } => ({
  halfBytes: seed % 3 === 0 ? 65_536 : 8192,
  inlineLimitBytes: 600,
  fetchedInlineBytes: seed % 2 === 0 ? 0 : 150,
  checkpointShare: seed % 3 === 0 ? 0.02 : 0.5,
  restBytes: seed % 5 < 2 ? 4096 : 0,
  syncAfterMs: 1
})

/** One of the two histories of the writer. */
interface History {
  readonly blocks: readonly Uint8Array[]
  readonly upgrade: Proof
  readonly proofs: readonly Proof[]
}

interface Source {
  readonly key: Uint8Array
  readonly forks: readonly [History, History]
}

async function makeSource(random: SeededRandom): Promise<Source> {
  const keyPair = createKeyPair(new Uint8Array(32).fill(5))
  const writer = await Core.open(await LogFiles.open(memoryStorage()), { keyPair })
  const prove = async (part: Partial<typeof emptyRequest>): Promise<Proof> => {
    const proof = await writer.prove({ ...emptyRequest, fork: writer.fork, ...part })
    if (proof === null) throw new Error('The writer cannot prove its own log')
    return proof
  }
  const grown = async (before: readonly Uint8Array[]): Promise<History> => {
    const added = Array.from({ length: BLOCKS - before.length }, () =>
      random.bytes(random.int(300))
    )
    await writer.append(added)
    const upgrade = await prove({ upgrade: { start: 0, length: BLOCKS }, manifest: true })
    const proofs: Proof[] = []
    for (let index = 0; index < BLOCKS; index++) {
      // Up to the full root above: 16 blocks, then 8.
      proofs.push(await prove({ block: { index, nodes: index < 16 ? 4 : 3 } }))
    }
    return { blocks: [...before, ...added], upgrade, proofs }
  }
  const first = await grown([])
  await writer.truncate(KEPT)
  const second = await grown(first.blocks.slice(0, KEPT))
  await writer.close()
  return { key: writer.key, forks: [first, second] }
}

/** Trace positions: what a kill, and what a power cut, may not undo from there on. */
interface Kept {
  readonly fork: number
  /** null: the head. */
  readonly index: number | null
  readonly done: number
  durable: number
}

interface Run {
  readonly disk: SimDisk
  readonly created: number
  readonly promises: readonly Kept[]
  /** From here on the second history may be found. */
  readonly reorgCalled: number
  /** By block of the first history: from here on it may be absent. */
  readonly cleared: ReadonlyMap<number, number>
}

async function record(source: Source, seed: number, random: SeededRandom): Promise<Run> {
  const disk = new SimDisk()
  const options = { key: source.key, env: seededEnv(random), limits: limitsOf(seed) }
  const core = await Core.open(await LogFiles.open(disk.factory), options)
  const created = disk.trace.length
  const promises: Kept[] = []
  const cleared = new Map<number, number>()
  const now = (): number => disk.trace.length
  const promised = (fork: number, index: number | null): void => {
    promises.push({ fork, index, done: now(), durable: Number.POSITIVE_INFINITY })
  }
  const flushed = (): void => {
    for (const each of promises) each.durable = Math.min(each.durable, now())
  }
  const take = async (fork: 0 | 1, indexes: readonly number[]): Promise<void> => {
    const history = source.forks[fork]
    await Promise.all(
      indexes.map(async (index) => {
        const result = await core.accept(history.proofs[index]!)
        if (result === 'stored') promised(fork, index)
      })
    )
  }
  const takeAll = async (fork: 0 | 1): Promise<void> => {
    const order = Array.from({ length: BLOCKS }, (_, i) => i).sort(() => random.next() - 0.5)
    while (order.length > 2) {
      await take(fork, order.splice(0, 1 + random.int(4)))
      if (random.next() < 0.2) await core.flush().then(flushed)
      if (fork === 0 && random.next() < 0.2) {
        const start = random.int(BLOCKS)
        for (let i = start; i < start + 2; i++) if (!cleared.has(i)) cleared.set(i, now())
        await core.clear(start, start + 2)
        flushed()
      }
    }
  }
  await core.accept(source.forks[0].upgrade)
  promised(0, null)
  flushed()
  await takeAll(0)
  const reorgCalled = now()
  const { proofs } = source.forks[0]
  const late = [KEPT, KEPT + 1, BLOCKS - 1].map((index) => core.accept(proofs[index]!))
  const reorg = core.accept(source.forks[1].upgrade)
  await Promise.all([...late, reorg])
  if ((await reorg) === 'outdated') await core.accept(source.forks[1].upgrade)
  promised(1, null)
  flushed()
  await takeAll(1)
  await core.close()
  flushed()
  return { disk, created, promises, reorgCalled, cleared }
}

/** Null, or what is wrong. */
async function judge(
  source: Source,
  run: Run,
  image: DiskImage,
  cut: number,
  isKill: boolean
): Promise<string | null> {
  const disk = new SimDisk(image, { later: queueMicrotask })
  const core = await Core.open(await LogFiles.open(disk.factory), { key: source.key })
  const { fork, length } = core.tree
  const kept = run.promises.filter((each) => (isKill ? each.done : each.durable) <= cut)
  if (kept.some((each) => each.index === null && each.fork > fork)) return 'a head is gone'
  if (fork > 0 && cut < run.reorgCalled) return `fork ${fork} before it was offered`
  if (kept.length > 0 && length !== BLOCKS) return `length ${length}`
  for (const { index, fork: of } of kept) {
    if (index === null || of !== fork || core.holds(index)) continue
    if (fork === 0 && (run.cleared.get(index) ?? Number.POSITIVE_INFINITY) <= cut) continue
    return `block ${index} of fork ${fork} is gone`
  }
  const { blocks } = source.forks[fork === 0 ? 0 : 1]
  for (let index = 0; index < length; index++) {
    const block = await core.read(index)
    if (block !== null && !equalBytes(block, blocks[index]!)) return `block ${index} is wrong`
  }
  if (core.damages.length > 0) return `damage: ${JSON.stringify(core.damages)}`
  const rest = source.forks[1]
  if (fork === 0) await core.accept(rest.upgrade)
  for (const proof of rest.proofs) await core.accept(proof)
  await core.close()
  const again = await Core.open(await LogFiles.open(disk.factory), { key: source.key })
  if (again.contiguousLength !== BLOCKS) return `only ${again.contiguousLength} after all proofs`
  for (let index = 0; index < BLOCKS; index++) {
    const block = await again.read(index)
    if (block === null || !equalBytes(block, rest.blocks[index]!)) return `block ${index} at last`
  }
  await again.close()
  return null
}

test('a reader keeps what it was promised, and nothing false, on every disk after a crash', {
  timeout: 36_000_000
}, async (t) => {
  const figures = { states: 0, seeds: 0, operations: 0 }
  const share = seedsFor(0.12, 1)
  for (const seed of seedList(3, 60)) {
    const random = seededRandom(seed)
    const source = await makeSource(random)
    const run = await record(source, seed, random)
    const { trace, initial } = run.disk
    const faults: string[] = []
    const seen = new Set<string>()
    const options = { random, sizes: seedsFor(0, 1) === 1 ? ALL : SOME, namesUntil: 0 }
    for (let cut = run.created; cut <= trace.length && faults.length < 3; cut++) {
      for (const state of crashStates(initial, trace, cut, options)) {
        if (share < 1 && random.next() >= share) continue
        const print = `${fingerprint(state.disk)} ${state.isKill}`
        if (seen.has(print)) continue
        seen.add(print)
        figures.states++
        const fault = await judge(source, run, state.disk, cut, state.isKill).catch(
          (error: unknown) => `throws ${error instanceof Error ? error.stack : String(error)}`
        )
        if (fault !== null) faults.push(`cut ${cut}, ${state.family} ${state.name}: ${fault}`)
      }
    }
    t.alike(faults, [], `T-CRASH fetch seed ${seed}: ${trace.length} disk operations`)
    figures.seeds++
    figures.operations += trace.length
  }
  tellFigures(t, 'T-CRASH fetch', figures)
})
