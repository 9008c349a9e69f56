// Files of a directory, each with a descriptor of its own while it is open. The one user of random-access-file besides
// the pool, to which it adds on the descriptor what that lacks: sync, vectored write, and small reads and writes without
// a hop to the thread pool.
import { fdatasync, read, readSync, writeSync, writev } from 'node:fs'
import RandomAccessFile from 'random-access-file'
import { ENDS_BEFORE, type RandomAccess } from './file.ts'

type Done = (error: Error | null) => void

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

  stat(callback: (error: Error | null, stat?: { size: number; blocks?: number }) => void): void {
    this.#file.stat(callback)
  }

  /** A hole, where the system and random-access-file's optional native part know how. */
  del(offset: number, byteLength: number, callback: Done): void {
    this.#file.del(offset, byteLength, callback)
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
