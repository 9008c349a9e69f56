// Bundles for tests: made of logs in memory, read from bytes in pieces.
import { createBundle } from '../../lib/backup/backup.ts'
import { Log } from '../../lib/log/log.ts'
import { concat } from '../../lib/util/bytes.ts'
import { seededRandom } from '../helpers/random.ts'

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return concat(parts)
}

export async function* inPieces(
  bytes: Uint8Array,
  pieceBytes = 1000
): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes)
    yield bytes.subarray(at, at + pieceBytes)
}

export function makeBlocks(count: number, seed: number): Uint8Array[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => random.bytes(random.int(100)))
}

export async function makeBundle(count: number, seed = 1): Promise<Uint8Array> {
  const log = await Log.open(null)
  const blocks = makeBlocks(count, seed)
  if (count > 0) await log.append(blocks)
  const bundle = await collect(createBundle([{ log }]))
  await log.close()
  return bundle
}
