// T-FUZZ of the key-value store: a hostile writer's blocks, changed, cut or swapped. Whatever they are, a get and an
// iteration end within a bounded number of reads, with a value, with nothing, or with MALFORMED; never otherwise.
import { test } from 'brittle'
import { FormatError } from '../../lib/errors.ts'
import { diffByHistory } from '../../lib/keyvalue/diff.ts'
import { readEntry } from '../../lib/keyvalue/entry.ts'
import { descend, headEntrance } from '../../lib/keyvalue/get.ts'
import { readHeader } from '../../lib/keyvalue/header.ts'
import { reverseHistoryOf } from '../../lib/keyvalue/history.ts'
import { Iteration } from '../../lib/keyvalue/iterate.ts'
import { type Paths, pathsOf } from '../../lib/keyvalue/path.ts'
import { headRef } from '../../lib/keyvalue/place.ts'
import { fromUtf8 } from '../../lib/util/bytes.ts'
import { seedList, tellFigures } from '../helpers/long.ts'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'
import { openModel, step } from './model.ts'

const STORES = 12
const STEPS = 25
const GETS = 40
/** Far more than any sound walk of these stores takes. */
const MAX_READS = 20_000

test('damaged blocks: bounded, and never anything but MALFORMED', async (t) => {
  const figures = { logs: 0, found: 0, absent: 0, malformed: 0 }
  for (let store = 1; store <= STORES; store++) {
    await using run = await openModel(store)
    for (let i = 0; i < STEPS; i++) await step(run)
    const { version } = run.versions.at(-1)!
    const blocks: Uint8Array[] = []
    for (let i = 0; i < run.log.length; i++) blocks.push(await run.log.get(i))
    const paths = pathsOf(readHeader(blocks[0]!))
    for (const seed of seedList(60, 4000)) {
      const random = seededRandom(seed * 1000 + store)
      const damaged = damage(blocks, random)
      figures.logs++
      const where = `store ${store}, seed ${seed}`
      for (let i = 0; i < GETS; i++) {
        const key = run.keys[random.int(run.keys.length)]!
        judge(where, () => tally(figures, getFrom(damaged, version, key, paths)))
      }
      judge(where, () => iterate(damaged, version, paths))
      judge(where, () => drain(damaged, diffByHistory(1, version, paths)))
      judge(where, () => drain(damaged, reverseHistoryOf(1, version)))
    }
  }
  t.ok(figures.malformed > 0 && figures.found > 0 && figures.absent > 0)
  tellFigures(t, 'T-KV damage', figures)

  function judge(where: string, work: () => void): void {
    try {
      work()
    } catch (error) {
      if (error instanceof FormatError) figures.malformed++
      else throw new Error(`${where}: ${String(error)}`, { cause: error })
    }
  }
})

function tally(figures: { found: number; absent: number }, isFound: boolean): void {
  if (isFound) figures.found++
  else figures.absent++
}

function damage(blocks: readonly Uint8Array[], random: SeededRandom): Uint8Array[] {
  const damaged = [...blocks]
  for (let left = 1 + random.int(3); left > 0; left--) {
    const at = 1 + random.int(blocks.length - 1)
    const block = Uint8Array.from(damaged[at]!)
    const what = random.int(4)
    if (what === 0) damaged[at] = block.subarray(0, random.int(block.byteLength))
    else if (what === 1) damaged[at] = damaged[1 + random.int(blocks.length - 1)]!
    else {
      for (let flips = 1 + random.int(4); flips > 0; flips--) {
        if (block.byteLength > 0) block[random.int(block.byteLength)] = random.int(256)
      }
      damaged[at] = block
    }
  }
  return damaged
}

function getFrom(
  blocks: readonly Uint8Array[],
  version: number,
  key: string,
  paths: Paths
): boolean {
  const components = key.split('/').map(fromUtf8)
  const walk = descend(paths.pathOf(components), headEntrance(version))
  const leaf = drain(blocks, walk)
  if (leaf === null || !leaf.hasKey(components)) return false
  drain(blocks, readEntry(leaf))
  return true
}

function iterate(blocks: readonly Uint8Array[], version: number, paths: Paths): void {
  drain(blocks, new Iteration(headRef(version), paths).leaves())
}

/** Runs a walk, or a production to its end, and counts what it reads. */
function drain<R>(blocks: readonly Uint8Array[], walk: Generator<unknown, R, Uint8Array>): R {
  let reads = 0
  let next = walk.next()
  while (next.done !== true) {
    if (++reads > MAX_READS) throw new Error(`more than ${MAX_READS} steps`)
    if (typeof next.value !== 'number') {
      next = walk.next(NO_BLOCK)
      continue
    }
    const block = blocks[next.value]
    if (block === undefined) throw new Error(`asks for block ${next.value}`)
    next = walk.next(block)
  }
  return next.value
}

const NO_BLOCK = new Uint8Array(0)
