// Oplog: where the next entries go. It lays out groups (Oplog.prepare, pure), writes them, and remembers the
// position only after the write succeeded (Oplog.advance), so the place of a failed write is used again. What a
// failed write left may be whole: it is wiped before anything is written elsewhere or synced, lest a rejected change
// come back, or a rejected header hide what is written after it.
// Owner: the committer, which decides when to write, sync and start the other half. The rule for starting one:
// the other files hold, synced, everything before it. Design: reliability.md sections 4.3 and 5.
import type { Env } from '../env.ts'
import { equalBytes } from '../util/bytes.ts'
import {
  ENTRY_ALIGNMENT,
  FIRST_PREWRITE_BYTES,
  HALVES_OFFSET,
  IDENTITY_OFFSETS,
  SALT_BYTES,
  SEAL_OFFSETS,
  SECTOR_BYTES,
  SYNC_WRITE_BYTES
} from './constants.ts'
import type { File } from './file.ts'
import {
  bodyOf,
  checksumSeed,
  decodeIdentity,
  encodeIdentity,
  encodeSeal,
  entrySpace,
  type Identity,
  sealEntry
} from './oplog-format.ts'
import type { OplogPosition } from './oplog-scan.ts'

/** What goes into an entry. */
export interface EntryBody {
  readonly byteLength: number
  readonly flags: number
  /** Writes exactly byteLength bytes; the target stays as it is afterwards and may be kept. */
  write(target: Uint8Array): void
}

/** Entries laid out for one write. */
export interface Group {
  readonly byteOffset: number
  /** The entries; the bytes beyond `end` are zeros that extend the prewritten area. */
  readonly bytes: Uint8Array
  readonly after: OplogPosition
}

export class Oplog {
  readonly file: File
  readonly halfBytes: number
  readonly #seed: number
  readonly #env: Env
  #position: OplogPosition
  #sealTurn = 0
  /** Where groups were rejected whose bytes may be there. */
  readonly #rejected: Set<number> = new Set()
  #wiping: Promise<void> | null = null

  constructor(file: File, identity: Identity, position: OplogPosition, env: Env) {
    this.file = file
    this.halfBytes = identity.halfBytes
    this.#seed = checksumSeed(identity.storeId)
    this.#env = env
    this.#position = position
  }

  /** Writes both identity sectors of a log that has none yet, and syncs them. @throws StorageError WRITE_FAILED */
  static async writeIdentity(file: File, identity: Identity): Promise<void> {
    const sector = encodeIdentity(identity.storeId, identity.key, identity.halfBytes)
    await file.writeAll(
      0,
      IDENTITY_OFFSETS.map(() => sector)
    )
    await file.sync()
  }

  /** Before the first header: half 1 is "in use" and full, so that half 0 is started next. */
  static unstarted(identity: Identity): OplogPosition {
    return {
      half: 1,
      tail: HALVES_OFFSET + 2 * identity.halfBytes,
      salt: new Uint8Array(SALT_BYTES),
      lastSeq: 0,
      lastCrc: 0,
      syncedSeq: 0,
      highestSeq: 0
    }
  }

  get lastSeq(): number {
    return this.#position.lastSeq
  }

  get syncedSeq(): number {
    return this.#position.syncedSeq
  }

  /** Bytes of the half that are taken. */
  get usedBytes(): number {
    return this.#position.tail - this.#startOf(this.#position.half)
  }

  /** Whether entries that take so much space (entrySpace of each) fit behind what is there. */
  hasRoom(space: number): boolean {
    return this.usedBytes + space <= this.halfBytes
  }

  /** Lays out entries at the tail or, with a header, at the start of the other half. Changes nothing. */
  prepare(bodies: readonly EntryBody[], header: EntryBody | null): Group {
    const from = header === null ? this.#position : this.#otherHalf()
    const entries = header === null ? bodies : [header, ...bodies]
    const used = spaceOf(entries.map((entry) => entry.byteLength))
    const bytes = new Uint8Array(used + this.#prewriteBytes(from, used))
    let offset = 0
    let { lastSeq: seq, lastCrc: crc } = from
    for (const entry of entries) {
      entry.write(bodyOf(bytes, offset, entry.byteLength))
      seq++
      const prefix = {
        seq,
        salt: from.salt,
        previousCrc: crc,
        syncedSeq: this.#position.syncedSeq,
        flags: entry.flags
      }
      crc = sealEntry(bytes, offset, entry.byteLength, prefix, this.#seed)
      offset += entrySpace(entry.byteLength)
    }
    const after = { ...from, tail: from.tail + used, lastSeq: seq, lastCrc: crc, highestSeq: seq }
    return { byteOffset: from.tail, bytes, after }
  }

  /** False if it has to be done with write. @throws StorageError WRITE_FAILED */
  writeNow(group: Group): boolean {
    if (group.bytes.byteLength > SYNC_WRITE_BYTES || this.hasRejected) return false
    try {
      return this.file.writeNow(group.byteOffset, group.bytes)
    } catch (error) {
      this.reject(group)
      throw error
    }
  }

  async write(group: Group): Promise<void> {
    this.#rejected.delete(group.byteOffset)
    await this.wipe()
    await this.file.write(group.byteOffset, group.bytes)
  }

  /** The group counts as not written, whatever became of its bytes. */
  reject(group: Group): void {
    this.#rejected.add(group.byteOffset)
  }

  /** Bytes of rejected groups may be there. */
  get hasRejected(): boolean {
    return this.#rejected.size > 0 || this.#wiping !== null
  }

  /** Puts an end where rejected groups begin. @throws StorageError WRITE_FAILED: to be done again */
  async wipe(): Promise<void> {
    if (!this.hasRejected) return
    this.#wiping ??= this.#wipeAll().finally(() => {
      this.#wiping = null
    })
    await this.#wiping
  }

  async #wipeAll(): Promise<void> {
    for (const byteOffset of this.#rejected) {
      await this.file.write(byteOffset, new Uint8Array(ENTRY_ALIGNMENT))
      this.#rejected.delete(byteOffset)
    }
  }

  /** The group is written. */
  advance(group: Group): void {
    const syncedSeq = this.#position.syncedSeq
    this.#position = { ...group.after, syncedSeq }
  }

  /** Everything up to that number is synced. */
  synced(seq: number): void {
    if (seq <= this.#position.syncedSeq) return
    this.#position = { ...this.#position, syncedSeq: seq }
  }

  /** Writes the witness of what is synced; it reaches the disk with some later sync. @throws StorageError */
  async seal(): Promise<void> {
    const offset = SEAL_OFFSETS[this.#sealTurn]!
    this.#sealTurn = 1 - this.#sealTurn
    const sector = encodeSeal(this.#position.syncedSeq, this.#seed)
    if (!this.file.writeNow(offset, sector)) await this.file.write(offset, sector)
  }

  #otherHalf(): OplogPosition {
    const { half, highestSeq, lastCrc, syncedSeq } = this.#position
    return {
      half: 1 - half,
      tail: this.#startOf(1 - half),
      salt: this.#env.randomBytes(SALT_BYTES),
      lastSeq: highestSeq,
      lastCrc,
      syncedSeq,
      highestSeq
    }
  }

  /** How many zeros to write behind the group: the area grows by doubling, so most syncs change no length. */
  #prewriteBytes(from: OplogPosition, used: number): number {
    const end = from.tail + used
    if (end <= this.file.byteLength) return 0
    const start = this.#startOf(from.half)
    let area = Math.min(FIRST_PREWRITE_BYTES, this.halfBytes)
    while (start + area < end) area *= 2
    return start + Math.min(area, this.halfBytes) - end
  }

  #startOf(half: number): number {
    return HALVES_OFFSET + half * this.halfBytes
  }
}

/** Writes a damaged identity sector anew from the other one, and syncs it. @throws StorageError */
export async function rewriteIdentity(file: File): Promise<void> {
  const sectors = await Promise.all(
    IDENTITY_OFFSETS.map((offset) => file.read(offset, SECTOR_BYTES))
  )
  const sound = sectors.find((sector) => decodeIdentity(sector) !== null)
  if (sound === undefined) return
  for (const [i, sector] of sectors.entries()) {
    if (!equalBytes(sector, sound)) await file.write(IDENTITY_OFFSETS[i] ?? 0, sound)
  }
  await file.sync()
}

function spaceOf(bodyBytes: readonly number[]): number {
  let space = 0
  for (const byteLength of bodyBytes) space += entrySpace(byteLength)
  return space
}
