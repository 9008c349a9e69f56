// File: promises over one random-access-storage object, with its length known. Errors are StorageErrors that
// name file and byte offset. Also the one user of random-access-file, to which it adds on the descriptor what
// that lacks: sync, vectored write, and small reads and writes without a hop to the thread pool.
// Design: reliability.md section 4, costs in spec libraries.md. The owner of a File is LogFiles.
import { fdatasync, read, readSync, writeSync, writev } from 'node:fs'
import RandomAccessFile from 'random-access-file'
import { StorageError } from '../errors.ts'

type Done = (error: Error | null) => void

/** How a read past the end of a file is told from one that the disk refuses. */
export const ENDS_BEFORE = 'The file ends before'

/**
 * What a back-end offers: the shape of random-access-storage 3, and four extras, each optional.
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
  stat(callback: (error: Error | null, stat?: { size: number }) => void): void
  /** Completed writes outlast a power cut. Without it a back-end cannot offer level `power`. */
  sync?(callback: Done): void
  writev?(offset: number, parts: readonly Uint8Array[], callback: Done): void
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

/** The storage of a file that exists in a directory. */
export function diskStorage(path: string, writable: boolean): RandomAccess {
  return new DiskStorage(path, writable)
}

/** random-access-file opens and closes the descriptor; everything that must be fast or durable goes to it directly. */
class DiskStorage implements RandomAccess {
  readonly #file: RandomAccessFile

  constructor(path: string, writable: boolean) {
    this.#file = new RandomAccessFile(path, { writable })
  }

  open(callback: Done): void {
    this.#file.open(callback)
  }

  close(callback: Done): void {
    this.#file.close(callback)
  }

  read(
    offset: number,
    byteLength: number,
    callback: (error: Error | null, bytes?: Uint8Array) => void
  ): void {
    const bytes = Buffer.allocUnsafeSlow(byteLength)
    const fd = this.#file.fd
    let done = 0
    const next = (): void => {
      read(fd, bytes, done, byteLength - done, offset + done, (error, count) => {
        if (error) return callback(error)
        if (count === 0) return callback(pastTheEnd())
        done += count
        if (done === byteLength) callback(null, bytes)
        else next()
      })
    }
    next()
  }

  write(offset: number, bytes: Uint8Array, callback: Done): void {
    this.writev(offset, [bytes], callback)
  }

  writev(offset: number, parts: readonly Uint8Array[], callback: Done): void {
    writev(this.#file.fd, parts, offset, (error, written) => {
      if (error) return callback(error)
      const rest = dropBytes(parts, written)
      if (rest.length === 0) callback(null)
      else if (written === 0) callback(new Error('Nothing could be written'))
      else this.writev(offset + written, rest, callback)
    })
  }

  readNow(offset: number, target: Uint8Array): void {
    let done = 0
    while (done < target.byteLength) {
      const count = readSync(this.#file.fd, target, done, target.byteLength - done, offset + done)
      if (count === 0) throw pastTheEnd()
      done += count
    }
  }

  writeNow(offset: number, bytes: Uint8Array): void {
    let done = 0
    while (done < bytes.byteLength) {
      const count = writeSync(this.#file.fd, bytes, done, bytes.byteLength - done, offset + done)
      if (count === 0) throw new Error('Nothing could be written')
      done += count
    }
  }

  truncate(byteLength: number, callback: Done): void {
    this.#file.truncate(byteLength, callback)
  }

  stat(callback: (error: Error | null, stat?: { size: number }) => void): void {
    this.#file.stat(callback)
  }

  sync(callback: Done): void {
    fdatasync(this.#file.fd, callback)
  }
}

/** What a read beyond the end of a file fails with. */
export function pastTheEnd(): Error {
  return new Error(ENDS_BEFORE)
}

/** What of the parts is left after so many bytes. */
export function dropBytes(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = []
  let left = count
  for (const part of parts) {
    if (left < part.byteLength) rest.push(left > 0 ? part.subarray(left) : part)
    left = Math.max(0, left - part.byteLength)
  }
  return rest
}
