// How many megabytes per second in appends of 16 blocks of 64 KiB?
import { batches } from '../data.ts'
import { ALL_LEVELS, type BenchCase } from '../harness.ts'
import { open, timed } from '../workloads.ts'

const COUNT = 4096
const BYTES = 65_536

export const appendLarge: BenchCase = {
  name: 'append-64k',
  unit: 'MB/s',
  target: null,
  variants: ALL_LEVELS,
  async run(variant, directory) {
    const log = await open(variant, directory)
    const all = [...batches(COUNT, BYTES, 16)]
    const ms = await timed(async () => {
      for (const batch of all) await log.append(batch)
    })
    await log.close()
    return (COUNT * BYTES) / 1000 / ms
  }
}
