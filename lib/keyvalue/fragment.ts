// Fragment: what a commit or a page holds: fields of its group, and a piece of trie (spec hamt.md sections 5.3 and 5.4).
// Read lazily: the head of the block at once, a node when a walk comes to it (node.ts).
//
//   09 00 02 | 41 01 0001 01 | 04 02 03 6e706d 08 6c6566742d706164 05 312e332e30      block 2
//   commit with a root, lead 0, 2 live keys | a branch | a leaf

import { ByteReader } from './byte-reader.ts'
import {
  MAX_COMPONENTS,
  MAX_INLINE_SPANS,
  MAX_KEY_BYTES,
  MAX_READ_BLOCK_BYTES
} from './constants.ts'
import type { Key } from './key.ts'
import { readSpanFields, type Span } from './span.ts'
import { skipFields } from './tagged-fields.ts'
import type { Walk } from './walk.ts'

export const COMMIT = 1
export const PAGE = 2
export const VALUE = 3

export const KIND_MASK = 7
export const ROOT_FLAG = 8
export const DELETIONS_FLAG = 16
/** Of a commit: fields of checkpoints follow. Of a page: every pointer leads to a leaf. */
export const CHECKPOINT_FLAG = 32
export const FINAL_FLAG = 32
export const FIELDS_FLAG = 64
export const COMMON_FLAG = 128

/** The span that is the root of an earlier checkpoint commit: readers need not read that. */
export interface InlineSpan extends Span {
  readonly checkpoint: number
}

export interface Deletion {
  readonly key: Key
  /** The entry version that was removed. */
  readonly version: number
}

export interface CheckpointFields {
  /** The newest checkpoint commit. */
  readonly newest: number
  /** Of the newest one itself: the lowest block that its version needs, but for the header. */
  readonly floor: number | null
  /** Newest first. */
  readonly spans: readonly InlineSpan[]
}

export interface Fragment {
  readonly seq: number
  readonly bytes: Uint8Array
  readonly isCommit: boolean
  /** Every pointer leads to a leaf. */
  readonly isFinal: boolean
  /** Blocks of its group before it. */
  readonly lead: number
  /** Live keys of this version; 0 in a page. */
  readonly count: number
  readonly checkpoint: CheckpointFields | null
  /** Where the deletions begin; -1: none. */
  readonly deletionsAt: number
  /** Leading components that leaves may share; null: none. */
  readonly common: Key | null
  /** Where the root node begins; -1: none. */
  readonly root: number
}

/** @throws FormatError MALFORMED */
export function readFragment(bytes: Uint8Array, seq: number): Fragment {
  const reader = new ByteReader(bytes, seq)
  if (bytes.byteLength > MAX_READ_BLOCK_BYTES) reader.fail(`${bytes.byteLength} bytes are too many`)
  const flags = reader.byte()
  const kind = flags & KIND_MASK
  const isCommit = kind === COMMIT
  if (!isCommit && kind !== PAGE) reader.fail(`kind ${kind} is neither a commit nor a page`)
  if (!isCommit && (flags & FIELDS_FLAG) !== 0) reader.fail('a page has no fields')
  const lead = readLead(reader)
  const count = isCommit ? reader.varint() : 0
  const checkpoint =
    isCommit && (flags & CHECKPOINT_FLAG) !== 0 ? readCheckpointFields(reader) : null
  let deletionsAt = -1
  if ((flags & DELETIONS_FLAG) !== 0) {
    deletionsAt = reader.at
    skipDeletions(reader)
  }
  if ((flags & FIELDS_FLAG) !== 0) skipFields(reader, reader.varint())
  const common = (flags & COMMON_FLAG) !== 0 ? readComponents(reader, 1) : null
  const hasRoot = (flags & ROOT_FLAG) !== 0
  if (!hasRoot) reader.assertEnd('the fields')
  const isFinal = !isCommit && (flags & FINAL_FLAG) !== 0
  const root = hasRoot ? reader.at : -1
  return { seq, bytes, isCommit, isFinal, lead, count, checkpoint, deletionsAt, common, root }
}

/** @throws FormatError MALFORMED */
export function* fragmentAt(seq: number): Walk<Fragment> {
  return readFragment(yield seq, seq)
}

/** The kind of any block, and how many of its group come before it. @throws FormatError MALFORMED */
export function readPlace(bytes: Uint8Array, seq: number): { kind: number; lead: number } {
  const reader = new ByteReader(bytes, seq)
  const kind = reader.byte() & KIND_MASK
  if (kind < COMMIT || kind > VALUE) reader.fail(`kind ${kind} is unknown`)
  return { kind, lead: readLead(reader) }
}

/** The bytes of a value block. @throws FormatError MALFORMED */
export function readValueChunk(bytes: Uint8Array, seq: number): Uint8Array {
  const reader = new ByteReader(bytes, seq)
  if (reader.byte() !== VALUE) reader.fail('it is no value block')
  readLead(reader)
  return bytes.subarray(reader.at)
}

/** What this block's group deleted. @throws FormatError MALFORMED */
export function readDeletions(fragment: Fragment): Deletion[] {
  if (fragment.deletionsAt < 0) return []
  const reader = new ByteReader(fragment.bytes, fragment.seq, fragment.deletionsAt)
  const deletions: Deletion[] = []
  for (let left = reader.varint(); left > 0; left--) {
    const key = readComponents(reader, 1)
    deletions.push({ key, version: reader.older() })
  }
  return deletions
}

/** A count, and components with their lengths. */
export function readComponents(reader: ByteReader, min: number): Uint8Array[] {
  const count = reader.varint()
  if (count < min || count > MAX_COMPONENTS) reader.fail(`${count} components`)
  const components: Uint8Array[] = []
  let byteLength = 0
  for (let i = 0; i < count; i++) {
    const component = reader.take(reader.varint())
    byteLength += component.byteLength
    components.push(component)
  }
  if (byteLength > MAX_KEY_BYTES) reader.fail(`a key of ${byteLength} bytes`)
  return components
}

function readLead(reader: ByteReader): number {
  const lead = reader.varint()
  if (lead >= reader.seq) reader.fail(`${lead} blocks of its group cannot come before it`)
  return lead
}

function readCheckpointFields(reader: ByteReader): CheckpointFields {
  const age = reader.varint()
  const newest = age === 0 ? reader.seq : reader.olderBy(age)
  const floor = age === 0 ? readFloor(reader) : null
  const count = reader.byte()
  if (count > MAX_INLINE_SPANS) reader.fail(`${count} inline spans`)
  const spans: InlineSpan[] = []
  let checkpointAge = age
  for (let i = 0; i < count; i++) {
    const delta = reader.varint()
    if (i > 0 && delta === 0) reader.fail('two inline spans of one checkpoint')
    checkpointAge += delta
    const checkpoint = checkpointAge === 0 ? reader.seq : reader.olderBy(checkpointAge)
    spans.push({ checkpoint, ...readSpanFields(reader, -1, checkpoint) })
  }
  return { newest, floor, spans }
}

/** The age may be 0: a full checkpoint of one block needs no other. */
function readFloor(reader: ByteReader): number {
  const age = reader.varint()
  return age === 0 ? reader.seq : reader.olderBy(age)
}

function skipDeletions(reader: ByteReader): void {
  for (let left = reader.varint(); left > 0; left--) {
    readComponents(reader, 1)
    reader.older()
  }
}
