// The records of a store's journal: what was written to the files of its logs. They are bodies of oplog entries
// (oplog-format.ts), whose seq, salt and chained checksums the journal shares. Owner: Journal.
//
//   write      1 | file u8 | place 32 | offset u64 | zeros behind the data u32 | data
//   truncate   2 | file u8 | place 32 | byteLength u64
//   settled    3 | file u8 | place 32          earlier records of that file are void: the disk has it all, and more
//   dropped    4 | 0       | place 32          the same for all files of that place, which are being removed
//   header     5                               the first of a half: everything before it is in the files, synced
//
// file: 0 oplog, 1 blocks, 2 nodes, 3 presence, 255 the index of the store; place: the log's discovery key, or zeros.
// Example, "hi" and 3 zeros at byte 7 of `nodes` of the log 32 × ab:
//   01 02 abab…ab 0700000000000000 03000000 6869
import { copyOf, viewOf } from '../util/bytes.ts'
import { readUint64, writeUint64 } from '../util/codec.ts'
import type { EntryBody } from './oplog.ts'
import { FLAG_HEADER } from './oplog-format.ts'

export const JOURNALED_FILES: readonly string[] = ['oplog', 'blocks', 'nodes', 'presence']
export const INDEX_FILE = 255
export const PLACE_BYTES = 32

const KIND_WRITE = 1
const KIND_TRUNCATE = 2
const KIND_SETTLED = 3
const KIND_DROPPED = 4
const KIND_HEADER = 5
const PREFIX_BYTES = 2 + PLACE_BYTES
const WRITE_BYTES = PREFIX_BYTES + 12
const TRUNCATE_BYTES = PREFIX_BYTES + 8

/** A file of the store. */
export interface JournalTarget {
  /** Index in JOURNALED_FILES, or INDEX_FILE. */
  readonly file: number
  /** 32 bytes. */
  readonly place: Uint8Array
}

export type JournalRecord =
  | (JournalTarget & {
      readonly kind: 'write'
      readonly offset: number
      readonly data: Uint8Array
      readonly zeros: number
    })
  | (JournalTarget & { readonly kind: 'truncate'; readonly byteLength: number })
  | (JournalTarget & { readonly kind: 'settled' })
  | (JournalTarget & { readonly kind: 'dropped' })

export const headerRecord: EntryBody = {
  byteLength: 1,
  flags: FLAG_HEADER,
  write: (target) => target.set([KIND_HEADER])
}

export function encodeRecord(record: JournalRecord): EntryBody {
  return {
    byteLength: byteLengthOf(record),
    flags: 0,
    write(target) {
      target[0] = kindOf(record)
      target[1] = record.file
      target.set(record.place, 2)
      if (record.kind === 'truncate') writeUint64(target, PREFIX_BYTES, record.byteLength)
      if (record.kind !== 'write') return
      writeUint64(target, PREFIX_BYTES, record.offset)
      viewOf(target).setUint32(PREFIX_BYTES + 8, record.zeros, true)
      target.set(record.data, WRITE_BYTES)
    }
  }
}

/** Null: it is none of this version. The data is a view of the body. */
export function decodeRecord(body: Uint8Array): JournalRecord | null {
  if (body.byteLength < PREFIX_BYTES) return null
  const file = body[1]!
  const target = { file, place: copyOf(body.subarray(2, PREFIX_BYTES)) }
  if (file !== INDEX_FILE && file >= JOURNALED_FILES.length) return null
  switch (body[0]) {
    case KIND_WRITE: {
      if (body.byteLength < WRITE_BYTES) return null
      const offset = readUint64(body, PREFIX_BYTES)
      const zeros = viewOf(body).getUint32(PREFIX_BYTES + 8, true)
      if (!Number.isSafeInteger(offset)) return null
      return { kind: 'write', ...target, offset, zeros, data: body.subarray(WRITE_BYTES) }
    }
    case KIND_TRUNCATE: {
      if (body.byteLength !== TRUNCATE_BYTES) return null
      const byteLength = readUint64(body, PREFIX_BYTES)
      return Number.isSafeInteger(byteLength) ? { kind: 'truncate', ...target, byteLength } : null
    }
    case KIND_SETTLED:
      return { kind: 'settled', ...target }
    case KIND_DROPPED:
      return { kind: 'dropped', ...target }
    default:
      return null
  }
}

function byteLengthOf(record: JournalRecord): number {
  if (record.kind === 'write') return WRITE_BYTES + record.data.byteLength
  return record.kind === 'truncate' ? TRUNCATE_BYTES : PREFIX_BYTES
}

function kindOf({ kind }: JournalRecord): number {
  switch (kind) {
    case 'write':
      return KIND_WRITE
    case 'truncate':
      return KIND_TRUNCATE
    case 'settled':
      return KIND_SETTLED
    case 'dropped':
      return KIND_DROPPED
  }
}
