// Journal: one file that makes the writes to many files durable with one sync. What is written to a journaled file goes
// to that file and, at once, into the journal; a sync of the file is a sync of the journal, shared by all who wait for
// one. If power fails, the records are written to the files again, in order, before anybody opens them: every file then
// is as a cut after its own sync could have left it, or newer, which is all that the logs above count on.
//
// The file is an oplog (oplog.ts): two halves, salted and chained. Rule for starting the other half, as there: the files
// hold, synced, everything that the half at hand says. So the newest half alone is replayed.
// Replaying after a mere kill does no harm: the records are the files' last writes, in their order. A write that is not
// recorded must not follow one that is: see `voids`.
// A failed sync is final for the journal, and so for all that wait for it. Owner: StoreFiles.
import { type Env, systemEnv } from '../env.ts'
import { StorageError } from '../errors.ts'
import type { File } from './file.ts'
import { encodeRecord, headerRecord, type JournalRecord } from './journal-format.ts'
import { Oplog } from './oplog.ts'
import { entrySpace, type Identity } from './oplog-format.ts'
import type { OplogScan } from './oplog-scan.ts'

/** Bytes of a record besides its data, at most. */
const RECORD_OVERHEAD_BYTES = 128
/** Data of one record; longer writes go to their files alone. */
export const MAX_RECORD_DATA_BYTES: number = 64 * 1024
/** Files synced at the same time: as many as the thread pool has threads. */
const SYNCS_AT_ONCE = 4

/** A file whose writes are recorded. */
export interface JournaledTarget {
  /** What was written to it so far is on the disk. */
  syncFile(): Promise<void>
  /** The journal has no more records of it. */
  settled(): void
}

export class Journal {
  readonly #oplog: Oplog
  readonly #maxDataBytes: number
  /** Files with records that they may not hold, synced: the number of the last one. */
  readonly #live: Map<JournaledTarget, number> = new Map()
  /** Files with records in this half that would be done again, whether the files hold them or not. */
  readonly #recorded: Set<JournaledTarget> = new Set()
  #syncing: Promise<void> | null = null
  #starting: Promise<void> | null = null
  #settling: Promise<void> | null = null
  /** The other half may hold a header that counts: nothing goes into this one any more. */
  #mustStart = false
  /** A settling in the background was begun for this half. */
  #hasSettled = false
  #failure: StorageError | null = null

  private constructor(oplog: Oplog) {
    this.#oplog = oplog
    this.#maxDataBytes = Math.min(MAX_RECORD_DATA_BYTES, oplog.halfBytes >> 2)
  }

  /** A journal of nothing, in a file that holds none yet. @throws StorageError WRITE_FAILED */
  static async create(
    file: File,
    how: { storeId: Uint8Array; halfBytes: number; env?: Env }
  ): Promise<Journal> {
    const { env = systemEnv, storeId, halfBytes } = how
    const identity: Identity = {
      format: 1,
      minReader: 1,
      storeId,
      key: new Uint8Array(32),
      halfBytes
    }
    await file.truncate(0)
    await Oplog.writeIdentity(file, identity)
    const journal = new Journal(new Oplog(file, identity, Oplog.unstarted(identity), env))
    await journal.#writeHeader()
    await journal.#syncJournal()
    return journal
  }

  /** Goes on with a journal whose records are in the files, synced (journal-replay.ts). @throws StorageError */
  static async resume(file: File, scan: OplogScan, env: Env = systemEnv): Promise<Journal> {
    const journal = new Journal(new Oplog(file, scan.identity, scan.position, env))
    if (scan.entries.length > 0 || scan.headerSkipped) await journal.#writeHeader()
    await journal.#syncJournal()
    return journal
  }

  get failure(): StorageError | null {
    return this.#failure
  }

  /** Longest data of one record. */
  get maxDataBytes(): number {
    return this.#maxDataBytes
  }

  /** Records made so far, in number: what `commit` makes durable. */
  get lastSeq(): number {
    return this.#oplog.lastSeq
  }

  /** Whether a record with so many bytes of data can be made without waiting. */
  hasRoom(dataBytes: number): boolean {
    if (this.#failure !== null || this.#mustStart || this.#starting !== null) return false
    return this.#oplog.hasRoom(entrySpace(RECORD_OVERHEAD_BYTES + dataBytes))
  }

  /** Resolves when hasRoom may be true. @throws StorageError */
  async makeRoom(): Promise<void> {
    this.#assertSound()
    this.#starting ??= this.#start().finally(() => {
      this.#starting = null
    })
    await this.#starting
  }

  /** Notes what was done to a file, right after it was; there must be room. @throws StorageError WRITE_FAILED */
  record(target: JournaledTarget | null, record: JournalRecord): void {
    this.#assertSound()
    const group = this.#oplog.prepare([encodeRecord(record)], null)
    this.#oplog.file.writeNow(group.byteOffset, group.bytes)
    this.#oplog.advance(group)
    if (target !== null) {
      this.#live.set(target, this.#oplog.lastSeq)
      this.#recorded.add(target)
    }
    this.#settleSoon()
  }

  /** Whether replaying would write to the file. */
  hasRecords(target: JournaledTarget): boolean {
    return this.#recorded.has(target)
  }

  /**
   * Makes a record in front of which all others of a file, or of files that are about to go, are void.
   * @param targets whose records the disk has to hold before
   */
  async voids(targets: readonly JournaledTarget[], record: JournalRecord): Promise<void> {
    for (;;) {
      const live = targets.find((target) => this.#live.has(target))
      if (live !== undefined) await this.#settleFile(live)
      else if (!this.hasRoom(0)) await this.makeRoom()
      else break
    }
    this.record(null, record)
    for (const target of targets) this.#recorded.delete(target)
  }

  /** The records of a place are void, and its files, which are about to go, need no sync. */
  async drop(targets: readonly JournaledTarget[], place: Uint8Array): Promise<void> {
    while (!this.hasRoom(0)) await this.makeRoom()
    this.record(null, { kind: 'dropped', file: 0, place })
    for (const target of targets) {
      this.#live.delete(target)
      this.#recorded.delete(target)
      target.settled()
    }
  }

  /** All records made so far outlast a power cut. @throws StorageError WRITE_FAILED */
  async commit(): Promise<void> {
    this.#assertSound()
    const target = this.#oplog.lastSeq
    while (this.#oplog.syncedSeq < target) {
      this.#syncing ??= this.#syncJournal().finally(() => {
        this.#syncing = null
      })
      await this.#syncing
    }
  }

  /** Nobody writes any more: leaves nothing to replay. The file stays open. @throws StorageError */
  async close(): Promise<void> {
    await this.#starting?.catch(() => {})
    await this.#settling
    await this.#syncing?.catch(() => {})
    this.#assertSound()
    while (this.#oplog.usedBytes > entrySpace(headerRecord.byteLength)) await this.makeRoom()
    await this.#oplog.seal()
    await this.#oplog.file.sync()
  }

  async #start(): Promise<void> {
    await this.#settling
    await this.#settleAll()
    await this.#writeHeader()
    await this.#syncJournal()
  }

  async #writeHeader(): Promise<void> {
    const group = this.#oplog.prepare([], headerRecord)
    this.#mustStart = true
    await this.#oplog.file.write(group.byteOffset, group.bytes)
    this.#oplog.advance(group)
    this.#mustStart = false
    this.#hasSettled = false
    const targets = [...this.#recorded]
    this.#recorded.clear()
    for (const target of targets) target.settled()
  }

  /** Half full: brings the files up to date beside the work, once, so that little is left to do when it is full. */
  #settleSoon(): void {
    if (this.#hasSettled || this.#oplog.usedBytes < this.#oplog.halfBytes / 2) return
    this.#hasSettled = true
    this.#settling = this.#settleAll()
      // A failure is kept, and met by whoever writes next.
      .catch(() => {})
      .finally(() => {
        this.#settling = null
      })
  }

  async #settleAll(): Promise<void> {
    const targets = [...this.#live.keys()]
    const next = async (): Promise<void> => {
      for (let target = targets.pop(); target !== undefined; target = targets.pop()) {
        await this.#settleFile(target)
      }
    }
    await Promise.all(Array.from({ length: SYNCS_AT_ONCE }, next))
  }

  async #settleFile(target: JournaledTarget): Promise<void> {
    const seq = this.#live.get(target)
    if (seq === undefined) return
    try {
      await target.syncFile()
    } catch (error) {
      throw this.#fail(error)
    }
    if (this.#live.get(target) === seq) this.#live.delete(target)
  }

  async #syncJournal(): Promise<void> {
    const seq = this.#oplog.lastSeq
    try {
      await this.#oplog.file.sync()
    } catch (error) {
      throw this.#fail(error)
    }
    this.#assertSound()
    this.#oplog.synced(seq)
  }

  #assertSound(): void {
    if (this.#failure !== null) throw this.#failure
  }

  #fail(error: unknown): StorageError {
    this.#failure ??= new StorageError(
      'WRITE_FAILED',
      'A sync failed: the logs of this store can be read, and written again after reopening it',
      error
    )
    return this.#failure
  }
}
