// Values: in their leaf, or in blocks of their own that iteration never touches (spec hamt.md sections 5.5 and 5.7).
import { ArgumentError, FormatError } from '../errors.ts'
import { concat } from '../util/bytes.ts'
import { writeValueBlock } from './block-writer.ts'
import { MAX_BATCH_BYTES, VALUE_CHUNK_BYTES } from './constants.ts'
import { readValueChunk } from './fragment.ts'
import type { ValuePlace } from './node.ts'
import type { Group } from './pack.ts'
import type { Walk } from './walk.ts'

/** Blocks of a value that is not in its leaf. */
export function valueBlocks(byteLength: number): number {
  return Math.ceil(byteLength / VALUE_CHUNK_BYTES)
}

/** A leaf, or what is known of it. */
export interface Valued {
  readonly value: ValuePlace
  /** The block of the leaf. */
  readonly seq: number
}

/**
 * The value's bytes, a view where they stand in one block.
 * @throws FormatError MALFORMED; ArgumentError TOO_LARGE if it would not fit into memory
 */
export function* readValue({ value, seq }: Valued): Walk<Uint8Array> {
  if ('inline' in value) return value.inline
  const { first, byteLength } = value
  if (byteLength > MAX_BATCH_BYTES) {
    throw new ArgumentError(
      'TOO_LARGE',
      `The value has ${byteLength} bytes, at most ${MAX_BATCH_BYTES} are read at once`
    )
  }
  const count = valueBlocks(byteLength)
  if (first + count > seq) {
    throw new FormatError('MALFORMED', seq, 'a value that ends behind its leaf')
  }
  const chunks: Uint8Array[] = []
  for (let i = 0; i < count; i++) {
    const seq = first + i
    const chunk = readValueChunk(yield seq, seq)
    const expected = i < count - 1 ? VALUE_CHUNK_BYTES : byteLength - i * VALUE_CHUNK_BYTES
    if (chunk.byteLength !== expected) {
      throw new FormatError(
        'MALFORMED',
        seq,
        `${chunk.byteLength} bytes of a value, not ${expected}`
      )
    }
    chunks.push(chunk)
  }
  return count === 1 ? chunks[0]! : concat(chunks)
}

/** Puts a value into blocks of the group. */
export function writeValue(group: Group, bytes: Uint8Array): ValuePlace {
  const first = group.nextSeq
  for (let at = 0; at < bytes.byteLength; at += VALUE_CHUNK_BYTES) {
    group.add(writeValueBlock(group.lead, bytes.subarray(at, at + VALUE_CHUNK_BYTES)))
  }
  return { first, byteLength: bytes.byteLength }
}
