// How many appends of one 100 B block, each waited for, per second?
import { blockOf } from '../data.ts'
import { ALL_LEVELS, type BenchCase } from '../harness.ts'
import { open, timed } from '../workloads.ts'

const COUNT = 3000

export const appendSingle: BenchCase = {
  name: 'append-100b-single',
  unit: 'appends/s',
  target: 1.5,
  variants: ALL_LEVELS,
  async run(variant, directory) {
    const log = await open(variant, directory)
    for (let i = 0; i < 200; i++) await log.append([blockOf(i, 100)])
    const ms = await timed(async () => {
      for (let i = 0; i < COUNT; i++) await log.append([blockOf(i, 100)])
    })
    await log.close()
    return (COUNT / ms) * 1000
  }
}
