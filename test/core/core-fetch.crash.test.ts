// T-CRASH for a reader: blocks come as proofs, in any order, their bytes inside the oplog or straight to `blocks`.
// At each cut of the trace the disk must open, hold only right bytes and no less than what was promised, call
// nothing damaged, and take all proofs again. The failure's line names seed, cut and variant.
import { test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { emptyRequest, type Proof } from '../../lib/merkle/proof.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { memoryStorage } from '../../lib/storage/memory-storage.ts'
import { equalBytes } from '../../lib/util/bytes.ts'
import { seedsFor } from '../helpers/long.ts'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'
import { type Images, RecordedDisk } from '../helpers/recorded-disk.ts'
import { seededEnv } from '../helpers/seeded-env.ts'

const BLOCKS = 24
const limitsOf = (seed: number): { [name: string]: number } => ({
  halfBytes: 8192,
  inlineLimitBytes: 600,
  fetchedInlineBytes: seed % 2 === 0 ? 0 : 150,
  syncAfterMs: 1
})

interface Source {
  readonly key: Uint8Array
  readonly blocks: readonly Uint8Array[]
  readonly upgrade: Proof
  readonly proofs: readonly Proof[]
}

async function makeSource(random: SeededRandom): Promise<Source> {
  const keyPair = createKeyPair(new Uint8Array(32).fill(5))
  const writer = await Core.open(await LogFiles.open(memoryStorage()), { keyPair })
  const blocks = Array.from({ length: BLOCKS }, () => random.bytes(random.int(300)))
  await writer.append(blocks)
  const prove = async (part: Partial<typeof emptyRequest>): Promise<Proof> => {
    const proof = await writer.prove({ ...emptyRequest, ...part })
    if (proof === null) throw new Error('The writer cannot prove its own log')
    return proof
  }
  const upgrade = await prove({ upgrade: { start: 0, length: BLOCKS }, manifest: true })
  const proofs: Proof[] = []
  for (let index = 0; index < BLOCKS; index++) {
    // Up to the full root above: 16 blocks, then 8.
    proofs.push(await prove({ block: { index, nodes: index < 16 ? 4 : 3 } }))
  }
  await writer.close()
  return { key: writer.key, blocks, upgrade, proofs }
}

interface Run {
  readonly disk: RecordedDisk
  readonly created: number
  /** Trace position at which the upgrade, and each block, was promised. */
  readonly upgraded: number
  readonly stored: ReadonlyMap<number, number>
  readonly published: ReadonlyMap<number, number>
}

async function record(source: Source, seed: number, random: SeededRandom): Promise<Run> {
  const disk = new RecordedDisk()
  const files = await LogFiles.open(disk.factory)
  const options = { key: source.key, env: seededEnv(random), limits: limitsOf(seed) }
  const core = await Core.open(files, options)
  const created = disk.trace.length
  const stored = new Map<number, number>()
  const published = new Map<number, number>()
  core.onChange(({ presence }) => {
    if (presence?.present) published.set(presence.start, disk.trace.length)
  })
  await core.accept(source.upgrade)
  const upgraded = disk.trace.length
  const order = source.proofs.map((_, index) => index).sort(() => random.next() - 0.5)
  for (let at = 0; at < order.length; ) {
    const together = order.slice(at, at + 1 + random.int(4))
    at += together.length
    await Promise.all(together.map((index) => core.accept(source.proofs[index]!)))
    for (const index of together) stored.set(index, disk.trace.length)
    if (random.next() < 0.2) await core.flush()
  }
  await core.close()
  return { disk, created, upgraded, stored, published }
}

/** Null, or what is wrong. `promised`: blocks that have to be there. */
async function judge(
  source: Source,
  images: Images,
  isUpgraded: boolean,
  promised: readonly number[]
): Promise<string | null> {
  const disk = new RecordedDisk(images)
  const core = await Core.open(await LogFiles.open(disk.factory), { key: source.key })
  if (isUpgraded && core.tree.length !== BLOCKS) return 'the upgrade is gone'
  for (const index of promised) if (!core.holds(index)) return `block ${index} is gone`
  for (let index = 0; index < core.tree.length; index++) {
    const block = await core.read(index)
    if (block !== null && !equalBytes(block, source.blocks[index]!))
      return `block ${index} is wrong`
  }
  if (core.damages.length > 0) return `${core.damages.length} damages reported`
  if (core.tree.length < BLOCKS) await core.accept(source.upgrade)
  for (const proof of source.proofs) await core.accept(proof)
  if (core.contiguousLength !== BLOCKS)
    return `only ${core.contiguousLength} blocks after all proofs`
  await core.close()
  return null
}

test('a reader keeps what it was promised, and nothing false, on every disk after a crash', {
  timeout: 120_000
}, async (t) => {
  let disks = 0
  for (let seed = 1; seed <= seedsFor(2, 60); seed++) {
    const random = seededRandom(seed)
    const source = await makeSource(random)
    const run = await record(source, seed, random)
    const faults: string[] = []
    const before = (positions: ReadonlyMap<number, number>, cut: number): number[] =>
      [...positions].filter(([, position]) => position <= cut).map(([index]) => index)
    for (let cut = run.created; cut <= run.disk.trace.length && faults.length < 3; cut++) {
      const dice = seededRandom(seed * 1000 + cut)
      const half = dice.next()
      const variants: [string, Images, number[]][] = [
        ['killed', run.disk.killedAt(cut), before(run.stored, cut)],
        ['torn', run.disk.killedAt(cut, 1 + dice.int(40)), before(run.stored, cut)],
        ['nothing unsynced', run.disk.powerCutAt(cut, () => false), before(run.published, cut)],
        [
          'some pieces',
          run.disk.powerCutAt(cut, () => dice.next() < half),
          before(run.published, cut)
        ]
      ]
      for (const [name, images, promised] of variants) {
        disks++
        const fault = await judge(source, images, run.upgraded <= cut, promised).catch(
          (error: unknown) => `throws ${String(error)}`
        )
        if (fault !== null) faults.push(`cut ${cut}, ${name}: ${fault}`)
      }
    }
    t.alike(faults, [], `T-CRASH fetch seed ${seed}: ${run.disk.trace.length} disk operations`)
  }
  t.comment(`${disks} disks`)
})
