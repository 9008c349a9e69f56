// What kill.real.test.ts and its child agree on: a block is a function of its index and of the run that wrote it.
import { seededRandom } from '../helpers/random.ts'

export function killBlock(index: number, generation: number): Uint8Array {
  const random = seededRandom(index * 1_000 + generation)
  const block = random.bytes(8 + random.int(index % 13 === 0 ? 5_000 : 300))
  new DataView(block.buffer).setUint32(0, index)
  new DataView(block.buffer).setUint32(4, generation)
  return block
}
