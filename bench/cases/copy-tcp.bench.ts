// How fast is a whole log copied from one process to another over TCP on loopback, encrypted and verified?
import { join } from 'node:path'
import { ALL_ENGINES, type BenchCase, type Variant } from '../harness.ts'
import { open, serveElsewhere, timed } from '../workloads.ts'

export const copySmall: BenchCase = {
  name: 'copy-100b-tcp',
  unit: 'blocks/s',
  target: 3,
  variants: ALL_ENGINES,
  async run(variant, directory) {
    const count = 100_000
    return (count / (await copy(variant, directory, count, 100))) * 1000
  }
}

export const copyLarge: BenchCase = {
  name: 'copy-64k-tcp',
  unit: 'MB/s',
  target: 1.5,
  variants: ALL_ENGINES,
  async run(variant, directory) {
    const count = 4096
    return (count * 65_536) / 1000 / (await copy(variant, directory, count, 65_536))
  }
}

/** Milliseconds from the connection to the last block stored. */
async function copy(
  variant: Variant,
  directory: string,
  count: number,
  byteLength: number
): Promise<number> {
  const served = await serveElsewhere(variant, join(directory, 'a'), { count, byteLength })
  const reader = await open(variant, join(directory, 'b'), served.key)
  const ms = await timed(async () => {
    reader.replicate(true, served.socket)
    await reader.atLength(count)
    await reader.download({ start: 0, end: count })
  })
  const last = await reader.get(count - 1)
  if (last?.byteLength !== byteLength) throw new Error('The copy is not complete')
  await reader.close()
  await served.stop()
  return ms
}
