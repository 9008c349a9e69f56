// ScatteredWrites: the many small pieces that a checkpoint puts to their places. A hop to the thread pool for each
// would take ten times as long as the write itself, so small ones are done at once; every so often one takes the
// hop, so that the event loop gets its turn.
import { concat } from '../util/bytes.ts'
import { SCATTERED_WRITE_BYTES, SCATTERED_WRITES_PER_TURN } from './constants.ts'
import type { File } from './file.ts'

export class ScatteredWrites {
  readonly #file: File
  #atOnce = 0

  constructor(file: File) {
    this.#file = file
  }

  /** Writes the parts one behind the other. @throws StorageError WRITE_FAILED */
  async write(offset: number, parts: readonly Uint8Array[]): Promise<void> {
    if (parts.length === 0) return
    if (this.#isSmall(parts)) {
      const first = parts[0]!
      if (this.#file.writeNow(offset, parts.length === 1 ? first : concat(parts))) return
    }
    this.#atOnce = 0
    await this.#file.writeAll(offset, parts)
  }

  #isSmall(parts: readonly Uint8Array[]): boolean {
    let byteLength = 0
    for (const part of parts) byteLength += part.byteLength
    return byteLength <= SCATTERED_WRITE_BYTES && ++this.#atOnce <= SCATTERED_WRITES_PER_TURN
  }
}
