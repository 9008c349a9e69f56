// Blocks to write: the same for every engine, not compressible, cheap to make.

const MIX = 0x9e3779b1

/** The block of an index: different bytes for each. */
export function blockOf(index: number, byteLength: number): Uint8Array {
  const block = new Uint8Array(byteLength)
  const words = new Uint32Array(block.buffer, 0, byteLength >>> 2)
  let state = Math.imul(index + 1, MIX) >>> 0 || 1
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[i] = state
  }
  return block
}

export function* batches(
  count: number,
  byteLength: number,
  perBatch: number
): Iterable<Uint8Array[]> {
  for (let start = 0; start < count; start += perBatch) {
    const batch: Uint8Array[] = []
    for (let i = start; i < Math.min(count, start + perBatch); i++)
      batch.push(blockOf(i, byteLength))
    yield batch
  }
}

/** Distinct indexes below max, in a fixed random order. */
export function randomIndexes(count: number, max: number): number[] {
  const chosen = new Set<number>()
  let state = MIX
  while (chosen.size < count) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    chosen.add(Math.floor((state / 0x100000000) * max))
  }
  return [...chosen]
}
