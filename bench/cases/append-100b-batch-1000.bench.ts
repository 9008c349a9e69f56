// How many 100 B blocks per second in appends of 1,000?
import { batches } from '../data.ts'
import { ALL_LEVELS, type BenchCase } from '../harness.ts'
import { fill, open, timed } from '../workloads.ts'

const COUNT = 200_000

export const appendBatch: BenchCase = {
  name: 'append-100b-batch-1000',
  unit: 'blocks/s',
  target: 2,
  variants: ALL_LEVELS,
  async run(variant, directory) {
    const log = await open(variant, directory)
    await fill(log, 20_000, 100)
    const all = [...batches(COUNT, 100, 1000)]
    const ms = await timed(async () => {
      for (const batch of all) await log.append(batch)
    })
    await log.close()
    return (COUNT / ms) * 1000
  }
}
