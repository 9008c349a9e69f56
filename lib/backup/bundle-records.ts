// Records of a bundle, framed and chained: RecordWriter makes them, readRecords takes them from a stream of bytes and
// checks each before anybody sees it, and the end last. Memory: one record and one piece of the stream.
import { hashParts } from '../crypto/hash.ts'
import { StorageError } from '../errors.ts'
import { checksum } from '../storage/checksum.ts'
import { concat, equalBytes, viewOf } from '../util/bytes.ts'
import { readUint64, writeUint64 } from '../util/codec.ts'
import {
  BUNDLE_FORMAT,
  BUNDLE_MAGIC,
  BUNDLE_MIN_READER,
  MAX_RECORD_BYTES,
  PREAMBLE_BYTES,
  RECORD_CRC_BYTES,
  RECORD_HEAD_BYTES,
  TYPE_END
} from './bundle-format.ts'

const END_BYTES = 40

/** What the end record says, as it grows. */
class Chain {
  count = 0
  crc = 0
  digest: Uint8Array = new Uint8Array(32)

  /** Takes the record in and returns its checksum. */
  add(head: Uint8Array, body: Uint8Array): number {
    this.crc = checksum(body, checksum(head, this.crc))
    this.digest = hashParts([this.digest, head, body])
    this.count++
    return this.crc
  }

  endBody(): Uint8Array {
    const body = new Uint8Array(END_BYTES)
    writeUint64(body, 0, this.count)
    body.set(this.digest, 8)
    return body
  }
}

export class RecordWriter {
  readonly #chain: Chain = new Chain()

  /** To be asked for first. */
  preamble(): Uint8Array {
    const bytes = new Uint8Array(PREAMBLE_BYTES)
    bytes.set(BUNDLE_MAGIC)
    viewOf(bytes).setUint16(4, BUNDLE_FORMAT, true)
    viewOf(bytes).setUint16(6, BUNDLE_MIN_READER, true)
    this.#chain.crc = checksum(bytes)
    return bytes
  }

  record(type: number, body: Uint8Array): Uint8Array {
    const head = new Uint8Array(RECORD_HEAD_BYTES)
    head[0] = type
    viewOf(head).setUint32(1, body.byteLength, true)
    const crc = new Uint8Array(RECORD_CRC_BYTES)
    viewOf(crc).setUint32(0, this.#chain.add(head, body), true)
    return concat([head, body, crc])
  }

  end(): Uint8Array {
    return this.record(TYPE_END, this.#chain.endBody())
  }
}

export interface RawRecord {
  readonly type: number
  readonly byteOffset: number
  /** Its own, or a view of the stream's piece. */
  readonly body: Uint8Array
}

/** All records but the end. @throws StorageError CORRUPT, FORMAT_TOO_NEW */
export async function* readRecords(
  chunks: AsyncIterable<Uint8Array>
): AsyncGenerator<RawRecord, void, void> {
  const input = new Input(chunks)
  const preamble = await input.take(PREAMBLE_BYTES)
  checkPreamble(preamble)
  const chain = new Chain()
  chain.crc = checksum(preamble)
  for (;;) {
    const byteOffset = input.byteOffset
    const head = await input.take(RECORD_HEAD_BYTES)
    const type = head[0] ?? 0
    const byteLength = viewOf(head).getUint32(1, true)
    if (byteLength > MAX_RECORD_BYTES) throw damaged(byteOffset, 'a record longer than 16 MiB')
    const end = chain.endBody()
    const body = await input.take(byteLength)
    const crc = viewOf(await input.take(RECORD_CRC_BYTES)).getUint32(0, true)
    if (chain.add(head, body) !== crc) throw damaged(byteOffset, 'a checksum does not fit')
    if (type !== TYPE_END) {
      yield { type, byteOffset, body }
      continue
    }
    const isWhole = equalBytes(body, end) && readUint64(body, 0) === chain.count - 1
    if (!isWhole) throw damaged(byteOffset, 'the end does not fit what came before')
    if (!(await input.isAtEnd())) throw damaged(input.byteOffset, 'bytes behind the end')
    return
  }
}

function checkPreamble(bytes: Uint8Array): void {
  if (!equalBytes(bytes.subarray(0, 4), BUNDLE_MAGIC)) throw damaged(0, 'this is no bundle')
  if (viewOf(bytes).getUint16(6, true) > BUNDLE_FORMAT) {
    throw new StorageError('FORMAT_TOO_NEW', 'The bundle was written by a newer version')
  }
}

export function damaged(byteOffset: number, what: string, cause?: unknown): StorageError {
  return new StorageError('CORRUPT', `The bundle is damaged at byte ${byteOffset}: ${what}`, cause)
}

/** Exact numbers of bytes out of a stream of pieces. */
class Input {
  byteOffset = 0
  readonly #chunks: AsyncIterator<Uint8Array>
  #pieces: Uint8Array[] = []
  #buffered = 0

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** @throws StorageError CORRUPT if the stream ends before */
  async take(byteLength: number): Promise<Uint8Array> {
    while (this.#buffered < byteLength) {
      if (!(await this.#more())) throw damaged(this.byteOffset, 'it was cut short')
    }
    const all = this.#pieces.length === 1 ? this.#pieces[0]! : concat(this.#pieces)
    const rest = all.subarray(byteLength)
    this.#pieces = rest.byteLength > 0 ? [rest] : []
    this.#buffered = rest.byteLength
    this.byteOffset += byteLength
    return all.subarray(0, byteLength)
  }

  async isAtEnd(): Promise<boolean> {
    while (this.#buffered === 0) if (!(await this.#more())) return true
    return false
  }

  async #more(): Promise<boolean> {
    const next = await this.#chunks.next()
    if (next.done === true) return false
    if (next.value.byteLength > 0) this.#pieces.push(next.value)
    this.#buffered += next.value.byteLength
    return true
  }
}
