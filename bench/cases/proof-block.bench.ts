// How many proofs of a 100 B block, up to the root, per second, in a log of 200,000: made; checked in a log that
// holds the tree, storing nothing (ours ends at the first node that it knows); checked and stored by a reader that
// begins with nothing but the head.
import { join } from 'node:path'
import { randomIndexes } from '../data.ts'
import { ALL_ENGINES, type BenchCase, type Variant } from '../harness.ts'
import { connectedSockets, fill, open, timed } from '../workloads.ts'

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

export const proofKeep: BenchCase = {
  name: 'proof-verify-and-store',
  unit: 'proofs/s',
  target: 2,
  variants: ALL_ENGINES,
  run: measureKeeping
}

async function measureKeeping(variant: Variant, directory: string): Promise<number> {
  const writer = await open(variant, join(directory, 'a'))
  await fill(writer, COUNT, 100)
  const reader = await open(variant, join(directory, 'b'), writer.key)
  const [ours, theirs] = await connectedSockets()
  writer.replicate(false, theirs)
  reader.replicate(true, ours)
  await reader.atLength(COUNT)
  ours.destroy()
  const proofs: unknown[] = []
  for (const index of randomIndexes(PROOFS, COUNT)) proofs.push(await writer.prove(index))
  const ms = await timed(async () => {
    for (const proof of proofs) await reader.keep(proof)
  })
  await reader.close()
  await writer.close()
  return (PROOFS / ms) * 1000
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
