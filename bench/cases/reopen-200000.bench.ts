// How long does it take to open a closed log of 200,000 blocks and read one?
import { ALL_ENGINES, type BenchCase } from '../harness.ts'
import { fill, open, timed } from '../workloads.ts'

const COUNT = 200_000
const TIMES = 5

export const reopen: BenchCase = {
  name: 'reopen-200000',
  unit: 'ms',
  target: null,
  variants: ALL_ENGINES,
  async run(variant, directory) {
    const first = await open(variant, directory)
    await fill(first, COUNT, 100)
    await first.close()
    let total = 0
    for (let i = 0; i < TIMES; i++) {
      total += await timed(async () => {
        const log = await open(variant, directory)
        await log.get(COUNT >> 1)
        await log.close()
      })
    }
    return total / TIMES
  }
}
