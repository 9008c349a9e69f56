// Reading an oplog at opening: which half is the newest, how far its chain goes, and whether what is missing
// behind it was ever acknowledged. Only reads. Design: reliability.md section 6, steps 1 to 4.
import { StorageError } from '../errors.ts'
import { equalBytes, viewOf } from '../util/bytes.ts'
import {
  ENTRY_ALIGNMENT,
  ENTRY_HEADER_BYTES,
  FORMAT_VERSION,
  HALVES_OFFSET,
  IDENTITY_OFFSETS,
  SCAN_CHECKSUM_BYTES,
  SEAL_OFFSETS,
  SECTOR_BYTES
} from './constants.ts'
import type { File } from './file.ts'
import {
  checksumSeed,
  decodeIdentity,
  decodeSeal,
  type Entry,
  entrySpace,
  FLAG_HEADER,
  type Identity,
  peekEntry,
  readEntry
} from './oplog-format.ts'
import { isZero } from './page-cache.ts'

/** Read at once: all of a short oplog. */
const FIRST_READ_BYTES = 32 * 1024
/** A multiple of the entries' alignment. */
const STRIDE_BYTES = 1024

/** Where the next entry goes and what it links to. */
export interface OplogPosition {
  readonly half: number
  /** Offset in the file. */
  readonly tail: number
  readonly salt: Uint8Array
  readonly lastSeq: number
  readonly lastCrc: number
  readonly syncedSeq: number
  /** No number up to here may be used again: it may have been used by an entry that was lost. */
  readonly highestSeq: number
}

export interface OplogScan {
  readonly identity: Identity
  readonly header: Entry
  /** Behind the header, in order. */
  readonly entries: readonly Entry[]
  readonly position: OplogPosition
  /** Acknowledged entries that are damaged or gone; null if there are none. */
  readonly lost: { readonly from: number; readonly to: number } | null
  /** Dropped entries lie behind the tail: the next one must not be written before them, lest it link them up again. */
  readonly hasLeftovers: boolean
  /** The newest half's header is damaged; its entries were found behind it. */
  readonly headerSkipped: boolean
}

export type OplogState =
  | { readonly kind: 'empty' }
  /** The log was being created: only an identity, nothing was ever stored. */
  | { readonly kind: 'unfinished'; readonly identity: Identity | null }
  | { readonly kind: 'log'; readonly scan: OplogScan }

/**
 * @param othersHaveContent whether any other file of the log has content, so that it cannot be a new one
 * @throws StorageError CORRUPT, FORMAT_TOO_NEW, READ_FAILED
 */
export async function scanOplog(file: File, othersHaveContent: boolean): Promise<OplogState> {
  if (file.byteLength === 0) {
    if (othersHaveContent) throw corrupt(file, 0, 'it is empty, but other files of the log are not')
    return { kind: 'empty' }
  }
  const head = await file.read(0, Math.min(file.byteLength, FIRST_READ_BYTES))
  const identity = readIdentity(head)
  if (identity === null) {
    if (othersHaveContent || !isZero(await tailOf(file))) {
      throw corrupt(file, 0, 'both identities are damaged')
    }
    return { kind: 'unfinished', identity: null }
  }
  if (identity.minReader > FORMAT_VERSION) {
    throw new StorageError(
      'FORMAT_TOO_NEW',
      `${file.name} has format ${identity.format}, this version reads up to ${FORMAT_VERSION}`
    )
  }
  return scanHalves(file, head, identity)
}

async function scanHalves(file: File, head: Uint8Array, identity: Identity): Promise<OplogState> {
  const seed = checksumSeed(identity.storeId)
  const seal = Math.max(
    ...SEAL_OFFSETS.map((offset) => decodeSeal(head.subarray(offset, offset + SECTOR_BYTES), seed))
  )
  const end = Math.min(file.byteLength, HALVES_OFFSET + 2 * identity.halfBytes)
  const bytes = await wholeOf(file, head, Math.max(HALVES_OFFSET, end))
  const area: Area = { bytes, halfBytes: identity.halfBytes, seed }
  const chains = [readChain(area, 0), readChain(area, 1)]
  const newest = chains.reduce((a, b) => (lastSeqOf(b) > lastSeqOf(a) ? b : a))
  if (newest === undefined || newest.length === 0) {
    if (seal > 0 || findLost(area, 0, 0) > 0) {
      throw corrupt(file, HALVES_OFFSET, 'no half has a valid header')
    }
    return { kind: 'unfinished', identity }
  }
  const isAlone = chains.some((chain) => chain.length === 0)
  const skipped = isAlone ? afterDamagedHeader(area, newest) : null
  const entries = skipped === null ? newest : [...newest, ...skipped]
  const last = entries.at(-1)!
  const found = Math.max(seal > last.seq ? seal : 0, findLost(area, last.seq, last.seq))
  const onlyHeader = found === last.seq + 1 && hasDamagedHeader(area, last)
  const lostTo = onlyHeader ? 0 : found
  const syncedSeq = Math.max(Math.min(seal, last.seq), ...entries.map((entry) => entry.syncedSeq))
  // A header that was never synced is missing without damage: what follows it stands for itself.
  const skippedSeq = skipped === null ? Number.POSITIVE_INFINITY : newest.at(-1)!.seq + 1
  const scan: OplogScan = {
    identity,
    header: entries[0]!,
    entries: entries.slice(1),
    position: {
      half: halfOf(area, last.byteOffset),
      tail: last.byteOffset + entrySpaceOf(last),
      salt: last.salt,
      lastSeq: last.seq,
      lastCrc: last.crc,
      syncedSeq,
      highestSeq: Math.max(last.seq, found)
    },
    lost: lostTo > 0 ? { from: last.seq + 1, to: lostTo } : null,
    hasLeftovers: hasLeftovers(area, last),
    headerSkipped: skippedSeq <= syncedSeq || onlyHeader
  }
  return { kind: 'log', scan }
}

/** The first bytes of the file, beyond its end zeros, of which those at the head have been read. */
async function wholeOf(file: File, head: Uint8Array, byteLength: number): Promise<Uint8Array> {
  if (head.byteLength >= byteLength) return head.subarray(0, byteLength)
  const rest = Math.min(file.byteLength, byteLength) - head.byteLength
  const bytes = new Uint8Array(byteLength)
  bytes.set(head)
  if (rest > 0) bytes.set(await file.read(head.byteLength, rest), head.byteLength)
  return bytes
}

/** Most of an oplog is zeros, which are passed in strides: the last place behind which the search must go on. */
function lastZero(bytes: Uint8Array, at: number): number {
  if (at % STRIDE_BYTES !== 0) return at
  let end = at
  while (
    end + STRIDE_BYTES <= bytes.byteLength &&
    isZero(bytes.subarray(end, end + STRIDE_BYTES))
  ) {
    end += STRIDE_BYTES
  }
  return end === at ? at : end - ENTRY_ALIGNMENT
}

/** Whether anything behind the entry looks like one of the same use of its half. */
function hasLeftovers(area: Area, last: Entry): boolean {
  const end = endOfHalf(area, last.byteOffset)
  const view = viewOf(area.bytes)
  let at = last.byteOffset + entrySpaceOf(last)
  for (; at + ENTRY_HEADER_BYTES <= end; at += ENTRY_ALIGNMENT) {
    if (view.getUint32(at, true) < ENTRY_HEADER_BYTES) {
      at = lastZero(area.bytes, at)
      continue
    }
    const prefix = peekEntry(area.bytes, at, end)
    if (prefix !== null && prefix.seq > last.seq && equalBytes(prefix.salt, last.salt)) return true
  }
  return false
}

interface Area {
  /** The file from its beginning to the end of half 1, or as far as it goes. */
  readonly bytes: Uint8Array
  readonly halfBytes: number
  readonly seed: number
}

function readIdentity(head: Uint8Array): Identity | null {
  for (const offset of IDENTITY_OFFSETS) {
    const identity = decodeIdentity(head.subarray(offset, offset + SECTOR_BYTES))
    if (identity !== null) return identity
  }
  return null
}

async function tailOf(file: File): Promise<Uint8Array> {
  const start = SEAL_OFFSETS[0]!
  return file.byteLength <= start
    ? new Uint8Array(0)
    : file.read(start, Math.min(file.byteLength - start, 4 * 1024 * 1024))
}

/** The header of a half and what links to it; empty if the header does not pass. */
function readChain(area: Area, half: number): Entry[] {
  const start = HALVES_OFFSET + half * area.halfBytes
  const header = readEntry(area.bytes, start, endOfHalf(area, start), area.seed)
  if (header === null || (header.flags & FLAG_HEADER) === 0) return []
  return followChain(area, header)
}

function followChain(area: Area, first: Entry): Entry[] {
  const entries = [first]
  const end = endOfHalf(area, first.byteOffset)
  let last = first
  for (;;) {
    const next = readEntry(area.bytes, last.byteOffset + entrySpaceOf(last), end, area.seed)
    if (next === null || !links(last, next)) return entries
    entries.push(next)
    last = next
  }
}

function links(last: Entry, next: Entry): boolean {
  return (
    next.seq === last.seq + 1 &&
    next.previousCrc === last.crc &&
    (next.flags & FLAG_HEADER) === 0 &&
    equalBytes(next.salt, last.salt)
  )
}

/**
 * If only the header of the newest half is damaged, the older half says the same, being complete: what follows
 * the header is found by its number, one further than the header's. Null if there is nothing like that.
 */
function afterDamagedHeader(area: Area, older: readonly Entry[]): Entry[] | null {
  const last = older.at(-1)!
  const other = 1 - halfOf(area, last.byteOffset)
  const start = HALVES_OFFSET + other * area.halfBytes
  const wanted = last.seq + 2
  let budget = SCAN_CHECKSUM_BYTES
  const end = endOfHalf(area, start)
  const view = viewOf(area.bytes)
  for (let offset = start; offset + ENTRY_HEADER_BYTES <= end; offset += ENTRY_ALIGNMENT) {
    if (view.getUint32(offset, true) < ENTRY_HEADER_BYTES || budget <= 0) continue
    const prefix = peekEntry(area.bytes, offset, end)
    if (prefix?.seq !== wanted || (prefix.flags & FLAG_HEADER) !== 0) continue
    // What an older use of the half left behind cannot know of syncs up to here; starting a half requires them.
    if (prefix.syncedSeq < last.seq) continue
    budget -= prefix.byteLength
    const entry = readEntry(area.bytes, offset, end, area.seed)
    if (entry !== null) return followChain(area, entry)
  }
  return null
}

/** Whether the other half begins with what was a header next in number: it said nothing that is not known. */
function hasDamagedHeader(area: Area, last: Entry): boolean {
  const start = HALVES_OFFSET + (1 - halfOf(area, last.byteOffset)) * area.halfBytes
  const prefix = peekEntry(area.bytes, start, endOfHalf(area, start))
  return (
    prefix !== null &&
    prefix.flags === FLAG_HEADER &&
    prefix.seq === last.seq + 1 &&
    prefix.syncedSeq === last.seq
  )
}

/** The highest number of an entry that is whole, lies above `seq`, and knows of synced ones above `seq`; 0: none. */
function findLost(area: Area, seq: number, syncedAbove: number): number {
  let highest = 0
  let budget = SCAN_CHECKSUM_BYTES
  const { bytes } = area
  const view = viewOf(bytes)
  const last = bytes.byteLength - ENTRY_HEADER_BYTES
  for (let at = HALVES_OFFSET; at <= last && budget > 0; at += ENTRY_ALIGNMENT) {
    const byteLength = view.getUint32(at, true)
    if (byteLength < ENTRY_HEADER_BYTES) {
      at = lastZero(bytes, at)
      continue
    }
    if (byteLength > area.halfBytes) continue
    const end = endOfHalf(area, at)
    const prefix = peekEntry(bytes, at, end)
    if (prefix === null || prefix.seq <= seq || prefix.syncedSeq <= syncedAbove) continue
    budget -= prefix.byteLength
    const entry = readEntry(bytes, at, end, area.seed)
    if (entry !== null) highest = Math.max(highest, entry.seq)
  }
  return highest
}

function halfOf(area: Area, byteOffset: number): number {
  return byteOffset < HALVES_OFFSET + area.halfBytes ? 0 : 1
}

function endOfHalf(area: Area, byteOffset: number): number {
  const end = HALVES_OFFSET + (halfOf(area, byteOffset) + 1) * area.halfBytes
  return Math.min(end, area.bytes.byteLength)
}

function entrySpaceOf(entry: Entry): number {
  return entrySpace(entry.body.byteLength)
}

function lastSeqOf(chain: readonly Entry[] | undefined): number {
  return chain?.[0]?.seq ?? -1
}

function corrupt(file: File, byteOffset: number, what: string): StorageError {
  return new StorageError('CORRUPT', `${file.name} is damaged at byte ${byteOffset}: ${what}`)
}
