// What kill.real.test.ts and its child agree on: a block is a function of its index, of the run that wrote it, and of
// the call in that run.
import { seededRandom } from '../helpers/random.ts'

export function killBlock(index: number, generation: number, call: number): Uint8Array {
  const random = seededRandom((index * 1_000 + generation) * 100 + call)
  const block = random.bytes(12 + random.int(index % 13 === 0 ? 5_000 : 300))
  const view = new DataView(block.buffer)
  view.setUint32(0, index)
  view.setUint32(4, generation)
  view.setUint32(8, call)
  return block
}
