// How many proofs of a 100 B block, up to the root, are made or checked per second, in a log of 200,000?
import { randomIndexes } from '../data.ts'
import { ALL_ENGINES, type BenchCase, type Variant } from '../harness.ts'
import { fill, open, timed } from '../workloads.ts'

const COUNT = 200_000
const PROOFS = 10_000

export const proofMake: BenchCase = {
  name: 'proof-make',
  unit: 'proofs/s',
  target: 3,
  variants: ALL_ENGINES,
  run: (variant, directory) => measureProofs(variant, directory, 'make')
}

export const proofVerify: BenchCase = {
  name: 'proof-verify',
  unit: 'proofs/s',
  target: 2,
  variants: ALL_ENGINES,
  run: (variant, directory) => measureProofs(variant, directory, 'verify')
}

async function measureProofs(
  variant: Variant,
  directory: string,
  what: 'make' | 'verify'
): Promise<number> {
  const writer = await open(variant, directory)
  await fill(writer, COUNT, 100)
  await writer.close()
  const log = await open(variant, directory)
  const indexes = randomIndexes(PROOFS, COUNT)
  for (const index of indexes.slice(0, 1000)) await log.verify(await log.prove(index))
  const proofs: unknown[] = []
  const making = await timed(async () => {
    for (const index of indexes) proofs.push(await log.prove(index))
  })
  const checking = await timed(async () => {
    for (const proof of proofs) await log.verify(proof)
  })
  await log.close()
  return (PROOFS / (what === 'make' ? making : checking)) * 1000
}
