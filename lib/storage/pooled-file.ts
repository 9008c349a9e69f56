// PooledFile: a file of a directory without a descriptor of its own. It is opened when it is first used, made when it is
// first written, and closed again when others need its place (descriptor-pool.ts); its users notice nothing.
//
// Invariant: a descriptor with writes that no sync has covered is synced before it is closed, so that a failure to
// write them back is told to somebody. It then is the file's for ever: a failed sync is final. The names of files and
// directories made here are synced along with the first sync of their content.
// Owner: StoreFiles. Design: reliability.md sections 1 and 14.
import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  read,
  readSync,
  statSync,
  writeSync,
  writev
} from 'node:fs'
import { dirname, join } from 'node:path'
import RandomAccessFile from 'random-access-file'
import { NO_SLOT } from '../util/clock-ring.ts'
import type { DescriptorPool, Holder } from './descriptor-pool.ts'
import { pathsUp, syncDirectories } from './directory-sync.ts'
import { dropBytes, pastTheEnd } from './disk-storage.ts'
import type { RandomAccess } from './file.ts'

type Done = (error: Error | null) => void

const NO_FOLLOW = constants.O_NOFOLLOW ?? 0

export class PooledFile implements RandomAccess, Holder {
  slot: number = NO_SLOT
  readonly #pool: DescriptorPool
  readonly #root: string
  readonly #path: string
  #fd = -1
  /** Operations on their way, which need the descriptor. */
  #pins = 0
  #used = false
  /** Goes up with every write, at its end at the latest; a sync covers those counted before it. */
  #writes = 0
  #syncedWrites = 0
  #failure: Error | null = null
  /** Directories whose new names are to be synced. */
  #unsyncedNames: readonly string[] = []

  /** The directory it lies in is made with its first write, below `root`, which exists. */
  constructor(pool: DescriptorPool, root: string, name: string) {
    this.#pool = pool
    this.#root = root
    this.#path = join(root, name)
  }

  get isDirty(): boolean {
    return this.#writes > this.#syncedWrites || this.#unsyncedNames.length > 0
  }

  open(callback: Done): void {
    callback(null)
  }

  close(callback: Done): void {
    let failure: Error | null = null
    try {
      if (this.#pins === 0) this.#release()
    } catch (error) {
      failure = error as Error
    }
    callback(failure)
  }

  stat(callback: (error: Error | null, stat?: { size: number; blocks?: number }) => void): void {
    let found = { size: 0, blocks: 0 }
    let failure: Error | null = null
    try {
      found = statSync(this.#path, { throwIfNoEntry: false }) ?? found
    } catch (error) {
      failure = error as Error
    }
    callback(failure, found)
  }

  /** What tells the file from a copy of it. */
  inode(): bigint {
    return statSync(this.#path, { bigint: true }).ino
  }

  /** The file is there, if empty. */
  create(): void {
    this.#descriptor(true)
  }

  read(
    offset: number,
    byteLength: number,
    callback: (error: Error | null, bytes?: Uint8Array) => void
  ): void {
    this.#pinned({ forWriting: false }, callback, (fd, end) => {
      const bytes = Buffer.allocUnsafeSlow(byteLength)
      let done = 0
      const next = (): void => {
        read(fd, bytes, done, byteLength - done, offset + done, (error, count) => {
          done += count
          if (error === null && count > 0 && done < byteLength) return next()
          end()
          if (error) callback(error)
          else if (done < byteLength) callback(pastTheEnd())
          else callback(null, bytes)
        })
      }
      next()
    })
  }

  readNow(offset: number, target: Uint8Array): void {
    const fd = this.#descriptor(false)
    let done = 0
    while (done < target.byteLength) {
      const count = readSync(fd, target, done, target.byteLength - done, offset + done)
      if (count === 0) throw pastTheEnd()
      done += count
    }
  }

  write(offset: number, bytes: Uint8Array, callback: Done): void {
    this.writev(offset, [bytes], callback)
  }

  writev(offset: number, parts: readonly Uint8Array[], callback: Done): void {
    this.#pinned({ forWriting: true }, callback, (fd, end) => {
      this.#writes++
      const next = (at: number, left: readonly Uint8Array[]): void => {
        writev(fd, left, at, (error, written) => {
          const rest = error ? [] : dropBytes(left, written)
          if (rest.length > 0 && written > 0) return next(at + written, rest)
          // Once more, as a sync that began in between does not cover it.
          this.#writes++
          end()
          callback(error ?? (rest.length > 0 ? new Error('Nothing could be written') : null))
        })
      }
      next(offset, parts)
    })
  }

  writeNow(offset: number, bytes: Uint8Array): void {
    const fd = this.#descriptor(true)
    this.#writes++
    let done = 0
    while (done < bytes.byteLength) {
      const count = writeSync(fd, bytes, done, bytes.byteLength - done, offset + done)
      if (count === 0) throw new Error('Nothing could be written')
      done += count
    }
  }

  truncate(byteLength: number, callback: Done): void {
    let failure: Error | null = null
    try {
      this.truncateNow(byteLength)
    } catch (error) {
      failure = error as Error
    }
    callback(failure)
  }

  truncateNow(byteLength: number): void {
    const fd = this.#descriptor(true)
    this.#writes++
    ftruncateSync(fd, byteLength)
  }

  /** A hole, where the system and random-access-file's optional native part know how. */
  del(offset: number, byteLength: number, callback: Done): void {
    this.#lent(callback, (end) => {
      const file = new RandomAccessFile(this.#path, { writable: true })
      file.open((failed) => {
        if (failed) return end(failed)
        file.del(offset, byteLength, (error) => {
          this.#writes++
          file.close(() => end(error))
        })
      })
    })
  }

  sync(callback: Done): void {
    if (this.#failure !== null || !this.isDirty) {
      callback(this.#failure)
      return
    }
    this.#pinned({ forWriting: true }, callback, (fd, end) => {
      const writes = this.#writes
      const names = this.#unsyncedNames
      fdatasync(fd, (error) => {
        end()
        if (error) return callback(this.#fail(error))
        this.#syncedWrites = Math.max(this.#syncedWrites, writes)
        if (names.length === 0) callback(null)
        else this.#syncNames(names, callback)
      })
    })
  }

  #syncNames(names: readonly string[], callback: Done): void {
    const synced: Done = (error) => {
      if (error) return callback(this.#fail(error))
      if (this.#unsyncedNames === names) this.#unsyncedNames = []
      callback(null)
    }
    this.#lent(synced, (end) => syncDirectories(names, end))
  }

  /** Gives its descriptor up, if that can be: not while it is in use; spared once if it was used, or has to be synced. */
  giveWay(mustSync: boolean): boolean {
    if (this.#pins > 0) return false
    if (!mustSync && (this.#used || this.#writes > this.#syncedWrites)) {
      this.#used = false
      return false
    }
    try {
      this.#release()
    } catch (error) {
      this.#fail(error)
    }
    return true
  }

  #release(): void {
    if (this.#fd === -1) return
    const fd = this.#fd
    this.#fd = -1
    this.#pool.closed(this)
    try {
      if (this.#writes > this.#syncedWrites) fdatasyncSync(fd)
      this.#syncedWrites = this.#writes
    } catch (error) {
      throw this.#fail(error)
    } finally {
      closeSync(fd)
    }
  }

  /** Work that needs the descriptor until it calls `end`; if there is none, it fails. */
  #pinned(
    { forWriting }: { forWriting: boolean },
    failed: Done,
    work: (fd: number, end: () => void) => void
  ): void {
    this.#pool.enter(() => {
      let fd: number
      try {
        fd = this.#descriptor(forWriting)
      } catch (error) {
        this.#pool.leave()
        failed(error as Error)
        return
      }
      this.#pins++
      work(fd, () => {
        this.#pins--
        this.#pool.leave()
      })
    })
  }

  /** Work with a descriptor that is not the file's. */
  #lent(callback: Done, work: (end: Done) => void): void {
    this.#pool.enter(() => {
      this.#pool.lend()
      work((error) => {
        this.#pool.takeBack()
        this.#pool.leave()
        callback(error)
      })
    })
  }

  #descriptor(forWriting: boolean): number {
    if (this.#failure !== null && forWriting) throw this.#failure
    this.#used = true
    if (this.#fd === -1) {
      this.#pool.makeRoom()
      this.#fd = forWriting
        ? this.#openOrMake()
        : openSync(this.#path, constants.O_RDWR | NO_FOLLOW)
      this.#pool.opened(this)
    }
    return this.#fd
  }

  #openOrMake(): number {
    try {
      return openSync(this.#path, constants.O_RDWR | NO_FOLLOW)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
    const directory = dirname(this.#path)
    const made = mkdirSync(directory, { recursive: true, mode: 0o700 })
    const fd = openSync(this.#path, constants.O_RDWR | constants.O_CREAT | NO_FOLLOW, 0o600)
    // Its name lies in the directory; those of the directories on the way, if any are new, in theirs.
    this.#unsyncedNames = made === undefined ? [directory] : pathsUp(directory, this.#root)
    return fd
  }

  #fail(error: unknown): Error {
    this.#failure ??= error instanceof Error ? error : new Error(String(error))
    return this.#failure
  }
}
