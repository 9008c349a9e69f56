// Input of append: bytes of stdin or of a file, cut into blocks. Never keeps more than one block that is not whole.
import { createReadStream } from 'node:fs'
import { AbortError, ArgumentError } from '../index.ts'

/** The log's own limit, known here so that endless input without a newline ends before it fills the memory. */
export const MAX_BLOCK_BYTES: number = 15 * 1024 * 1024

const NEWLINE = 0x0a
const READ_BYTES = 1024 * 1024

type Chunks = AsyncIterable<Uint8Array>

/** @throws AbortError ABORTED when the signal fires: what has no end yet is not a block */
export async function* stdinChunks(signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
  const stop = (): void => {
    process.stdin.destroy()
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    for await (const chunk of process.stdin) yield chunk as Uint8Array
  } finally {
    signal.removeEventListener('abort', stop)
  }
  if (signal.aborted) throw new AbortError('ABORTED', 'Interrupted')
}

export function fileChunks(path: string): Chunks {
  return createReadStream(path, { highWaterMark: READ_BYTES }) as Chunks
}

/** All of it as one block. @throws ArgumentError LIMIT_EXCEEDED */
export async function* whole(
  chunks: Chunks,
  name: string
): AsyncGenerator<Uint8Array[], void, void> {
  const parts: Uint8Array[] = []
  let byteLength = 0
  for await (const chunk of chunks) {
    parts.push(chunk)
    byteLength += chunk.byteLength
    checkLength(byteLength, name)
  }
  yield [Buffer.concat(parts)]
}

/** The blocks that each chunk completes: lines, or pieces of so many bytes. @throws ArgumentError LIMIT_EXCEEDED */
export async function* pieces(
  chunks: Chunks,
  blockBytes: number | undefined
): AsyncGenerator<Uint8Array[], void, void> {
  const rest = new Rest()
  for await (const chunk of chunks) {
    const blocks = cut(chunk, rest, blockBytes)
    if (blocks.length > 0) yield blocks
  }
  if (rest.byteLength > 0) yield [rest.take(new Uint8Array(0))]
}

/** What of the chunk begins a block without ending it goes to the rest. */
function cut(chunk: Uint8Array, rest: Rest, blockBytes: number | undefined): Uint8Array[] {
  const blocks: Uint8Array[] = []
  let start = 0
  while (start < chunk.byteLength) {
    const isLine = blockBytes === undefined
    const end = isLine ? chunk.indexOf(NEWLINE, start) : start + blockBytes - rest.byteLength
    if (end === -1 || end > chunk.byteLength) break
    blocks.push(rest.take(chunk.subarray(start, end)))
    start = isLine ? end + 1 : end
  }
  rest.add(chunk.subarray(start))
  return blocks
}

/** The beginning of a block whose end has not come yet. */
class Rest {
  byteLength = 0
  #parts: Uint8Array[] = []

  add(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return
    this.#parts.push(bytes)
    this.byteLength += bytes.byteLength
    checkLength(this.byteLength, 'A line')
  }

  take(end: Uint8Array): Uint8Array {
    const block = this.byteLength === 0 ? end : Buffer.concat([...this.#parts, end])
    this.#parts = []
    this.byteLength = 0
    return block
  }
}

function checkLength(byteLength: number, name: string): void {
  if (byteLength <= MAX_BLOCK_BYTES) return
  throw new ArgumentError(
    'LIMIT_EXCEEDED',
    `${name} is longer than a block may be: ${MAX_BLOCK_BYTES} bytes`
  )
}
