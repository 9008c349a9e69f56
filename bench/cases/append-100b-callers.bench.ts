// How many appends of one 100 B block per second, with 10 or 100 callers at once, each waiting for its own?
import { blockOf } from '../data.ts'
import { ALL_LEVELS, type BenchCase } from '../harness.ts'
import { open, timed } from '../workloads.ts'

const COUNT = 6000

export const append10Callers: BenchCase = byCallers(10)
export const append100Callers: BenchCase = byCallers(100)

function byCallers(callers: number): BenchCase {
  return {
    name: `append-100b-${callers}-callers`,
    unit: 'appends/s',
    target: null,
    variants: ALL_LEVELS,
    async run(variant, directory) {
      const log = await open(variant, directory)
      let next = 0
      const appendOn = async (end: number): Promise<void> => {
        while (next < end) await log.append([blockOf(next++, 100)])
      }
      const all = (end: number): Promise<unknown> =>
        Promise.all(Array.from({ length: callers }, () => appendOn(end)))
      await all(500)
      const ms = await timed(() => all(500 + COUNT))
      await log.close()
      return (COUNT / ms) * 1000
    }
  }
}
