// File: promises over one random-access-storage object, with its length known. Errors are StorageErrors that
// name file and byte offset. The storages are made elsewhere: disk-storage.ts, pooled-file.ts, memory-storage.ts.
// Design: reliability.md section 4, costs in spec libraries.md. The owner of a File is LogFiles.
import { StorageError } from '../errors.ts'
import { allocateOwn } from '../util/bytes.ts'
import { SYNC_READ_BYTES } from './constants.ts'

type Done = (error: Error | null) => void

/** Fixed by POSIX: the unit of stat's `blocks`. */
const STAT_BLOCK_BYTES = 512

/** How a read past the end of a file is told from one that the disk refuses. */
export const ENDS_BEFORE = 'The file ends before'

/**
 * What a back-end offers: the shape of random-access-storage 3, and some extras, each optional.
 * Reads past the end fail.
 */
export interface RandomAccess {
  open(callback: Done): void
  close(callback: Done): void
  read(
    offset: number,
    byteLength: number,
    callback: (error: Error | null, bytes?: Uint8Array) => void
  ): void
  write(offset: number, bytes: Uint8Array, callback: Done): void
  truncate(byteLength: number, callback: Done): void
  /** `blocks`: taken up on the disk, in units of 512 bytes, where that can be told. */
  stat(callback: (error: Error | null, stat?: { size: number; blocks?: number }) => void): void
  /** The bytes read as zeros from now on, and their room goes back to the disk as far as it can. */
  del?(offset: number, byteLength: number, callback: Done): void
  /** Completed writes outlast a power cut. Without it a back-end cannot offer level `power`. */
  sync?(callback: Done): void
  writev?(offset: number, parts: readonly Uint8Array[], callback: Done): void
  /** The file is gone, with what it held. Called after close. */
  unlink?(callback: Done): void
  /** Fills the target at once, or throws. */
  readNow?(offset: number, target: Uint8Array): void
  /** Writes at once, or throws. False: it takes waiting this time. */
  writeNow?(offset: number, bytes: Uint8Array): unknown
  /** Makes the file, if empty, where files are made by their first write only. */
  create?(): void
}

/** Gives the storage of a file by its name, the same content for the same name each time. */
export type StorageFactory = (name: string) => RandomAccess

export class File {
  readonly name: string
  readonly canSync: boolean
  readonly canReadNow: boolean
  readonly canWriteNow: boolean
  readonly #storage: RandomAccess
  #byteLength = 0
  /** Its descriptor may belong to another file by now. */
  #isClosed = false

  private constructor(name: string, storage: RandomAccess) {
    this.name = name
    this.#storage = storage
    this.canSync = storage.sync !== undefined
    this.canReadNow = storage.readNow !== undefined
    this.canWriteNow = storage.writeNow !== undefined
  }

  /** @throws StorageError READ_FAILED */
  static async open(name: string, storage: RandomAccess): Promise<File> {
    const file = new File(name, storage)
    await file.#attempt('READ_FAILED', 'open', 0, (done) => storage.open(done))
    await file.refresh()
    return file
  }

  /** Takes the length from the disk again: somebody else may write. @throws StorageError READ_FAILED */
  async refresh(): Promise<void> {
    await this.#attempt('READ_FAILED', 'stat', 0, (done) =>
      this.#storage.stat((error, stat) => {
        this.#byteLength = stat?.size ?? 0
        done(error)
      })
    )
  }

  /** Up to the last byte written by us, or found at opening. */
  get byteLength(): number {
    return this.#byteLength
  }

  /** Exactly that many bytes. @throws StorageError READ_FAILED, also beyond the end */
  async read(offset: number, byteLength: number): Promise<Uint8Array> {
    if (byteLength === 0) return new Uint8Array(0)
    if (byteLength <= SYNC_READ_BYTES && this.canReadNow) {
      const bytes = allocateOwn(byteLength)
      this.readNow(offset, bytes)
      return bytes
    }
    let result: Uint8Array | undefined
    await this.#attempt('READ_FAILED', 'read', offset, (done) =>
      this.#storage.read(offset, byteLength, (error, bytes) => {
        result = bytes
        done(error)
      })
    )
    if (result === undefined || result.byteLength !== byteLength) {
      throw this.#failure('READ_FAILED', 'read', offset, new Error('Short read'))
    }
    return result
  }

  /**
   * Fills the target synchronously; false where the back-end cannot.
   * @throws StorageError READ_FAILED, also beyond the end
   */
  readNow(offset: number, target: Uint8Array): boolean {
    if (!this.canReadNow) return false
    try {
      if (this.#isClosed) throw new Error('The file is closed')
      if (target.byteLength > 0) this.#storage.readNow?.(offset, target)
    } catch (error) {
      throw this.#failure('READ_FAILED', 'read', offset, error)
    }
    return true
  }

  /** @throws StorageError WRITE_FAILED */
  async write(offset: number, bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength === 0) return
    await this.#attempt('WRITE_FAILED', 'write', offset, (done) =>
      this.#storage.write(offset, bytes, done)
    )
    this.#grow(offset + bytes.byteLength)
  }

  /** Synchronously; false where the back-end cannot. @throws StorageError WRITE_FAILED */
  writeNow(offset: number, bytes: Uint8Array): boolean {
    if (!this.canWriteNow) return false
    try {
      if (this.#isClosed) throw new Error('The file is closed')
      if (this.#storage.writeNow?.(offset, bytes) === false) return false
    } catch (error) {
      throw this.#failure('WRITE_FAILED', 'write', offset, error)
    }
    this.#grow(offset + bytes.byteLength)
    return true
  }

  /** There is such a file from now on, if empty. @throws StorageError WRITE_FAILED */
  create(): void {
    try {
      this.#storage.create?.()
    } catch (error) {
      throw this.#failure('WRITE_FAILED', 'create', 0, error)
    }
  }

  /** The parts one behind the other, in one operation where the back-end can. @throws StorageError WRITE_FAILED */
  async writeAll(offset: number, parts: readonly Uint8Array[]): Promise<void> {
    const full = parts.filter((part) => part.byteLength > 0)
    if (full.length === 0) return
    const storage = this.#storage
    if (storage.writev === undefined || full.length === 1) {
      let at = offset
      for (const part of full) {
        await this.write(at, part)
        at += part.byteLength
      }
      return
    }
    await this.#attempt('WRITE_FAILED', 'write', offset, (done) =>
      storage.writev?.(offset, full, done)
    )
    this.#grow(full.reduce((end, part) => end + part.byteLength, offset))
  }

  /**
   * Gives the room of these bytes back, which are zeros from now on, or as before where the back-end cannot.
   * @throws StorageError WRITE_FAILED
   */
  async free(offset: number, byteLength: number): Promise<void> {
    const storage = this.#storage
    if (storage.del === undefined || byteLength === 0) return
    await this.#attempt('WRITE_FAILED', 'free', offset, (done) =>
      storage.del?.(offset, byteLength, done)
    )
  }

  /** What the file takes up on the disk; its length where that cannot be told. @throws StorageError READ_FAILED */
  async allocatedBytes(): Promise<number> {
    let allocated = 0
    await this.#attempt('READ_FAILED', 'stat', 0, (done) =>
      this.#storage.stat((error, stat) => {
        allocated = stat?.blocks === undefined ? (stat?.size ?? 0) : stat.blocks * STAT_BLOCK_BYTES
        done(error)
      })
    )
    return allocated
  }

  /** Cuts the file, or extends it with zeros. @throws StorageError WRITE_FAILED */
  async truncate(byteLength: number): Promise<void> {
    await this.#attempt('WRITE_FAILED', 'truncate', byteLength, (done) =>
      this.#storage.truncate(byteLength, done)
    )
    this.#byteLength = byteLength
  }

  /** All completed writes are on the disk; at once where the back-end cannot. @throws StorageError WRITE_FAILED */
  async sync(): Promise<void> {
    if (!this.canSync) return
    await this.#attempt('WRITE_FAILED', 'sync', 0, (done) => this.#storage.sync?.(done))
  }

  /** For back-ends without a directory that somebody else empties; after close. @throws StorageError WRITE_FAILED */
  async remove(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const { unlink } = this.#storage
      if (unlink === undefined) return resolve()
      unlink.call(this.#storage, (error) => {
        if (error) reject(this.#failure('WRITE_FAILED', 'remove', 0, error))
        else resolve()
      })
    })
  }

  async close(): Promise<void> {
    const closing = this.#attempt('WRITE_FAILED', 'close', 0, (done) => this.#storage.close(done))
    this.#isClosed = true
    await closing
  }

  #grow(end: number): void {
    if (end > this.#byteLength) this.#byteLength = end
  }

  #attempt(
    code: 'READ_FAILED' | 'WRITE_FAILED',
    what: string,
    offset: number,
    run: (done: Done) => void
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => reject(this.#failure(code, what, offset, error))
      if (this.#isClosed) return fail(new Error('The file is closed'))
      try {
        run((error) => {
          if (error) fail(error)
          else resolve()
        })
      } catch (error) {
        fail(error)
      }
    })
  }

  #failure(
    code: 'READ_FAILED' | 'WRITE_FAILED',
    what: string,
    offset: number,
    cause: unknown
  ): StorageError {
    const reason = cause instanceof Error ? cause.message : String(cause)
    return new StorageError(code, `Cannot ${what} ${this.name} at byte ${offset}: ${reason}`, cause)
  }
}
