// How fast come 5,000 random blocks of 100 B of a log of 200,000 that another process serves over TCP?
import { join } from 'node:path'
import { randomIndexes } from '../data.ts'
import { ALL_ENGINES, type BenchCase } from '../harness.ts'
import { open, serveElsewhere, timed } from '../workloads.ts'

const COUNT = 200_000
const WANTED = 5000

export const sparse: BenchCase = {
  name: 'sparse-5000-of-200000',
  unit: 'blocks/s',
  target: null,
  variants: ALL_ENGINES,
  async run(variant, directory) {
    const served = await serveElsewhere(variant, join(directory, 'a'), {
      count: COUNT,
      byteLength: 100
    })
    const reader = await open(variant, join(directory, 'b'), served.key)
    reader.replicate(true, served.socket)
    await reader.atLength(COUNT)
    const indexes = randomIndexes(WANTED, COUNT)
    const ms = await timed(() => Promise.all(indexes.map((index) => reader.get(index))))
    await reader.close()
    await served.stop()
    return (WANTED / ms) * 1000
  }
}
