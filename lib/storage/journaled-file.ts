// JournaledFile: a file whose writes the journal makes durable. Each is done and then recorded, at once; its sync is
// the journal's. Writes too long for a record go to the file alone: before the first of them the file is synced and its
// records are declared void, lest replaying them undo what is written; the next sync then is the file's own as well.
// Owner: StoreFiles, which gives the same object to whoever opens the file again.
import { concat } from '../util/bytes.ts'
import type { RandomAccess } from './file.ts'
import type { Journal, JournaledTarget } from './journal.ts'
import type { JournalTarget } from './journal-format.ts'

type Done = (error: Error | null) => void

/** Zeros at the end of what is written are not spelled out, from so many on. */
const MIN_ZEROS = 64

/** A back-end that can make a file longer without writing the zeros. */
export interface ExtensibleAccess extends RandomAccess {
  truncateNow?(byteLength: number): void
}

export class JournaledFile implements RandomAccess, JournaledTarget {
  readonly #journal: Journal
  readonly #inner: ExtensibleAccess
  readonly #target: JournalTarget
  readonly #onReleased: () => void
  #byteLength = 0
  #isOpen = false
  /** Goes up with each write that is not recorded; a sync of the file covers those before it. */
  #unrecorded = 0
  #syncedUnrecorded = 0

  /** onReleased: it is closed, and the journal needs it no more. */
  constructor(
    journal: Journal,
    inner: ExtensibleAccess,
    target: JournalTarget,
    onReleased: () => void
  ) {
    this.#journal = journal
    this.#inner = inner
    this.#target = target
    this.#onReleased = onReleased
  }

  open(callback: Done): void {
    this.#isOpen = true
    this.#inner.open(callback)
  }

  close(callback: Done): void {
    this.#isOpen = false
    if (this.#journal.hasRecords(this)) callback(null)
    else this.#release(callback)
  }

  stat(callback: (error: Error | null, stat?: { size: number; blocks?: number }) => void): void {
    this.#inner.stat((error, stat) => {
      this.#byteLength = stat?.size ?? 0
      callback(error, stat)
    })
  }

  read(
    offset: number,
    byteLength: number,
    callback: (error: Error | null, bytes?: Uint8Array) => void
  ): void {
    this.#inner.read(offset, byteLength, callback)
  }

  readNow(offset: number, target: Uint8Array): void {
    this.#inner.readNow?.(offset, target)
  }

  write(offset: number, bytes: Uint8Array, callback: Done): void {
    settle(this.#write(offset, [bytes]), callback)
  }

  writev(offset: number, parts: readonly Uint8Array[], callback: Done): void {
    settle(this.#write(offset, parts), callback)
  }

  writeNow(offset: number, bytes: Uint8Array): boolean {
    const data = withoutZeros(bytes)
    const { byteLength } = data
    if (byteLength > this.#journal.maxDataBytes || !this.#journal.hasRoom(byteLength)) return false
    if (this.#extendsBy(offset, data, bytes)) {
      this.#inner.writeNow?.(offset, data)
      this.#inner.truncateNow?.(offset + bytes.byteLength)
    } else {
      this.#inner.writeNow?.(offset, bytes)
    }
    this.#grow(offset + bytes.byteLength)
    const zeros = bytes.byteLength - byteLength
    this.#journal.record(this, { kind: 'write', ...this.#target, offset, data, zeros })
    return true
  }

  truncate(byteLength: number, callback: Done): void {
    settle(this.#truncate(byteLength), callback)
  }

  del(offset: number, byteLength: number, callback: Done): void {
    settle(this.#del(offset, byteLength), callback)
  }

  sync(callback: Done): void {
    settle(this.#sync(), callback)
  }

  create(): void {
    this.#inner.create?.()
  }

  /** For the journal. */
  async syncFile(): Promise<void> {
    const { sync } = this.#inner
    if (sync !== undefined) await done((callback) => sync.call(this.#inner, callback))
  }

  settled(): void {
    if (!this.#isOpen) this.#release(() => {})
  }

  async #write(offset: number, parts: readonly Uint8Array[]): Promise<void> {
    const bytes = parts.length === 1 ? parts[0]! : concat(parts)
    if (this.writeNow(offset, bytes)) return
    const data = withoutZeros(bytes)
    if (data.byteLength > this.#journal.maxDataBytes) return this.#writeAlone(offset, bytes)
    await this.#writeInner(offset, bytes)
    while (!this.#journal.hasRoom(data.byteLength)) await this.#journal.makeRoom()
    const zeros = bytes.byteLength - data.byteLength
    this.#journal.record(this, { kind: 'write', ...this.#target, offset, data, zeros })
  }

  async #writeAlone(offset: number, bytes: Uint8Array): Promise<void> {
    await this.#leaveJournal()
    await this.#unrecordedly(this.#writeInner(offset, bytes))
  }

  async #del(offset: number, byteLength: number): Promise<void> {
    const { del } = this.#inner
    if (del === undefined) return
    await this.#leaveJournal()
    await this.#unrecordedly(
      done((callback) => del.call(this.#inner, offset, byteLength, callback))
    )
  }

  /** Counted when it is over: a sync that began before does not cover it. */
  async #unrecordedly(work: Promise<void>): Promise<void> {
    try {
      await work
    } finally {
      this.#unrecorded++
    }
  }

  /** What is done to the file next is not recorded. */
  async #leaveJournal(): Promise<void> {
    while (this.#journal.hasRecords(this)) {
      await this.#journal.voids([this], { kind: 'settled', ...this.#target })
    }
  }

  async #writeInner(offset: number, bytes: Uint8Array): Promise<void> {
    await done((callback) => this.#inner.write(offset, bytes, callback))
    this.#grow(offset + bytes.byteLength)
  }

  async #truncate(byteLength: number): Promise<void> {
    await done((callback) => this.#inner.truncate(byteLength, callback))
    this.#byteLength = byteLength
    while (!this.#journal.hasRoom(0)) await this.#journal.makeRoom()
    this.#journal.record(this, { kind: 'truncate', ...this.#target, byteLength })
  }

  async #sync(): Promise<void> {
    const count = this.#unrecorded
    if (count > this.#syncedUnrecorded) {
      // Along with the record that earlier ones are void: without it, replaying them would undo what is synced.
      await Promise.all([this.syncFile(), this.#journal.commit()])
      this.#syncedUnrecorded = Math.max(this.#syncedUnrecorded, count)
      return
    }
    await this.#journal.commit()
  }

  #extendsBy(offset: number, data: Uint8Array, bytes: Uint8Array): boolean {
    if (data.byteLength === bytes.byteLength || this.#inner.truncateNow === undefined) return false
    return offset + data.byteLength >= this.#byteLength
  }

  #grow(end: number): void {
    if (end > this.#byteLength) this.#byteLength = end
  }

  #release(callback: Done): void {
    this.#onReleased()
    this.#inner.close(callback)
  }
}

/** The bytes up to the last that is not zero, if it saves something to leave the rest out. */
function withoutZeros(bytes: Uint8Array): Uint8Array {
  let end = bytes.byteLength
  while (end > 0 && bytes[end - 1] === 0) end--
  return bytes.byteLength - end < MIN_ZEROS ? bytes : bytes.subarray(0, end)
}

function done(run: (callback: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    run((error) => {
      if (error) reject(error)
      else resolve()
    })
  })
}

function settle(work: Promise<void>, callback: Done): void {
  work.then(
    () => callback(null),
    (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)))
  )
}
