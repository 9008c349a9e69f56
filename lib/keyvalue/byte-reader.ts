// ByteReader: a cursor over one block, with the primitives of spec hamt.md section 5.1. Whatever is wrong with the
// bytes is MALFORMED, with the block's number.
import { FormatError } from '../errors.ts'

/** A varint has at most so many bytes. */
const MAX_VARINT_BYTES = 8

export class ByteReader {
  readonly bytes: Uint8Array
  readonly seq: number
  at: number
  end: number

  constructor(bytes: Uint8Array, seq: number, at = 0, end: number = bytes.byteLength) {
    this.bytes = bytes
    this.seq = seq
    this.at = at
    this.end = end
  }

  fail(problem: string): never {
    throw new FormatError('MALFORMED', this.seq, problem)
  }

  byte(): number {
    if (this.at >= this.end) this.fail('it ends too early')
    return this.bytes[this.at++]!
  }

  uint16(): number {
    const low = this.byte()
    return low | (this.byte() << 8)
  }

  /** Unsigned, low seven bits first, shortest form, at most 2^53 - 1. */
  varint(): number {
    const first = this.byte()
    if (first < 0x80) return first
    let value = first & 0x7f
    let scale = 0x80
    for (let count = 2; count <= MAX_VARINT_BYTES; count++) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (byte === 0 || value > Number.MAX_SAFE_INTEGER) break
        return value
      }
      scale *= 0x80
    }
    return this.fail('a number is not in its shortest form, or above 2^53 - 1')
  }

  /** The seq that an age names: an older block, never block 0. */
  older(): number {
    return this.olderBy(this.varint())
  }

  olderBy(age: number): number {
    if (age < 1 || age >= this.seq) this.fail(`an age of ${age} names no older block`)
    return this.seq - age
  }

  /** A view of the next bytes. */
  take(byteLength: number): Uint8Array {
    const start = this.at
    this.skip(byteLength)
    return this.bytes.subarray(start, this.at)
  }

  skip(byteLength: number): void {
    if (byteLength > this.end - this.at) this.fail('it ends too early')
    this.at += byteLength
  }

  assertEnd(what: string): void {
    if (this.at !== this.end) this.fail(`${this.end - this.at} bytes too many behind ${what}`)
  }
}
