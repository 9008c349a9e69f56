// StoreFiles: all files of a store of many logs: one lock, one pool of descriptors, one cache of pages, one journal.
//
//   lock · primary-key · index · journal · logs/ab/abcd…/{oplog, blocks, nodes, presence, secret}
//
// A log's directory is named by its discovery key. Opening reads the key, the index and what the journal has not yet
// brought into the files, but no log. Owner: Store. Design: reliability.md sections 4, 5, 14.
import { join } from 'node:path'
import { StorageError } from '../errors.ts'
import { toHex } from '../util/bytes.ts'
import { File, type RandomAccess, type StorageFactory } from './file.ts'
import type { Journal } from './journal.ts'
import { JOURNALED_FILES } from './journal-format.ts'
import type { JournaledFile } from './journaled-file.ts'
import { FILE_NAMES, type FileName } from './log-directory.ts'
import { LogFiles } from './log-files.ts'
import { PageCache } from './page-cache.ts'
import type { StoreIndex } from './store-index.ts'
import {
  type Disk,
  directoryOf,
  journaledFile,
  openDisk,
  openStore,
  pathOf,
  removeFiles,
  type StoreFilesOptions,
  type StoreParts
} from './store-opening.ts'

export class StoreFiles {
  readonly primaryKey: Uint8Array
  /** The directory is a copy of a store: what is not here may be there. */
  readonly isCopy: boolean
  /** Whether there can be level `power`. */
  readonly canSync: boolean
  readonly index: StoreIndex
  readonly cache: PageCache
  readonly #disk: Disk
  readonly #journal: Journal | null
  readonly #journalFile: File
  readonly #journaled: Map<string, JournaledFile>
  #closing: Promise<void> | null = null

  private constructor(parts: StoreParts) {
    this.primaryKey = parts.primaryKey
    this.isCopy = parts.isCopy
    this.canSync = parts.canSync
    this.index = parts.index
    this.cache = new PageCache(parts.cacheBytes)
    this.#disk = parts.disk
    this.#journal = parts.journal
    this.#journalFile = parts.journalFile
    this.#journaled = parts.journaled
  }

  /**
   * @param location a directory, the maker of the files' storages, or null: memory
   * @throws StateError LOCKED; StorageError NOT_FOUND, CORRUPT, WRONG_KEY, FORMAT_TOO_NEW, READ_FAILED, WRITE_FAILED
   */
  static async open(
    location: string | StorageFactory | null,
    options: StoreFilesOptions
  ): Promise<StoreFiles> {
    const disk = await openDisk(location, options)
    try {
      return new StoreFiles(await openStore(disk, options))
    } catch (error) {
      disk.pool?.close()
      await disk.lock?.release()
      throw error
    }
  }

  get directory(): string | null {
    return this.#disk.directory
  }

  /** Descriptors held by files of logs and of the store. */
  get openFiles(): number {
    return this.#disk.pool?.openCount ?? 0
  }

  /**
   * The files of a log that is not open, made as they are written. Its closing closes them.
   * @throws StorageError CORRUPT if the log was stored here and nothing of it is left; READ_FAILED
   */
  async openLog(discoveryKey: Uint8Array): Promise<LogFiles> {
    const hex = toHex(discoveryKey)
    if (this.index.isRemoved(hex)) await this.#clean(hex)
    const opened: File[] = []
    for (const name of FILE_NAMES) {
      opened.push(await File.open(name, this.#storage(discoveryKey, name)))
    }
    const [oplog, blocks, nodes, presence, secret] = opened as [File, File, File, File, File]
    const { directory } = this.#disk
    const files = LogFiles.assemble(
      { oplog, blocks, nodes, presence, secret },
      {
        directory: directory === null ? null : join(directory, directoryOf(hex)),
        readOnly: false,
        lock: null,
        ofStore: { isCopy: this.isCopy, remove: () => this.#removeLog(discoveryKey) }
      },
      this.cache
    )
    if (this.index.has(discoveryKey) && !files.haveContent) {
      await files.close()
      throw new StorageError('CORRUPT', `The files of the log ${hex} are gone`)
    }
    return files
  }

  /** A log that is not open, with all its bytes, durably. @throws StorageError WRITE_FAILED */
  async #removeLog(discoveryKey: Uint8Array): Promise<void> {
    const hex = toHex(discoveryKey)
    await this.index.remove(discoveryKey)
    if (this.#journal !== null) {
      const files = JOURNALED_FILES.map((name) => this.#journaled.get(pathOf(hex, name)))
      const live = files.filter((file): file is JournaledFile => file !== undefined)
      await this.#journal.drop(live, discoveryKey)
      for (const name of JOURNALED_FILES) this.#journaled.delete(pathOf(hex, name))
    }
    await this.#clean(hex)
  }

  /** All logs are closed: nothing is left to replay, and the lock is let go. The first error is thrown after that. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const steps = [
      () => this.index.close(),
      () => this.#journal?.close(),
      () => this.#journalFile.close(),
      () => this.#disk.pool?.close(),
      () => this.#disk.lock?.release()
    ]
    const failures: unknown[] = []
    for (const step of steps) {
      try {
        await step()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  #storage(discoveryKey: Uint8Array, name: FileName): RandomAccess {
    const path = pathOf(toHex(discoveryKey), name)
    const number = JOURNALED_FILES.indexOf(name)
    if (this.#journal === null || number === -1) return this.#disk.storage(path)
    return journaledFile(this.#journaled, this.#journal, this.#disk.storage(path), path, {
      file: number,
      place: discoveryKey
    })
  }

  /** Deletes what is left of a log that was removed. */
  async #clean(hex: string): Promise<void> {
    await removeFiles(this.#disk, hex)
    this.index.cleaned(hex)
  }
}
