// How many 100 B blocks per second, one after the other, at random places or in order, of 200,000?
import { randomIndexes } from '../data.ts'
import { ALL_ENGINES, type BenchCase, type Variant } from '../harness.ts'
import { fill, open, timed } from '../workloads.ts'

const COUNT = 200_000
const GETS = 50_000

export const getRandom: BenchCase = getCase('get-100b-random', 3, () => randomIndexes(GETS, COUNT))

export const getSequential: BenchCase = getCase('get-100b-sequential', null, () =>
  Array.from({ length: GETS }, (_, i) => 70_000 + i)
)

function getCase(name: string, target: number | null, indexes: () => number[]): BenchCase {
  return {
    name,
    unit: 'gets/s',
    target,
    variants: ALL_ENGINES,
    run: (variant, directory) => measureGets(variant, directory, indexes())
  }
}

async function measureGets(
  variant: Variant,
  directory: string,
  indexes: readonly number[]
): Promise<number> {
  const writer = await open(variant, directory)
  await fill(writer, COUNT, 100)
  await writer.close()
  const log = await open(variant, directory)
  for (const index of randomIndexes(2000, COUNT)) await log.get(index)
  const ms = await timed(async () => {
    for (const index of indexes) await log.get(index)
  })
  await log.close()
  return (indexes.length / ms) * 1000
}
