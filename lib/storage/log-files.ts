// LogFiles: the set of files of one log, in a directory (log-directory.ts) or in any random-access-storage. Closes them,
// and with them the directory's lock. Owner: who opened it; Core
// closes it. With file.ts and directory-lock.ts the only users of node:fs. Design: reliability.md 4.2, 5.5, 14.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { StorageError } from '../errors.ts'
import { allDone } from '../util/all-done.ts'
import { CACHE_BYTES } from './constants.ts'
import { keepAside, openAside } from './damaged-directory.ts'
import { type DirectorySurvey, surveyDirectory } from './directory-survey.ts'
import type { File, StorageFactory } from './file.ts'
import {
  FILE_NAMES,
  type FileName,
  type LogFilesOptions,
  type LogPlace,
  openAll,
  openDirectory,
  syncDirectory
} from './log-directory.ts'
import { PageCache } from './page-cache.ts'
import { finishPurge, markPurged, removeIfEmpty } from './purge.ts'

/** What the files of a log take up on the disk, in bytes; their lengths where that cannot be told. */
export interface StorageInfo {
  readonly oplog: number
  readonly blocks: number
  readonly nodes: number
  readonly presence: number
  readonly total: number
}

export class LogFiles {
  readonly oplog: File
  readonly blocks: File
  readonly nodes: File
  readonly presence: File
  readonly secret: File
  /** Because it was asked for, or because we may not write there. */
  readonly readOnly: boolean
  /** Real path; null for other storages. */
  readonly directory: string | null
  readonly cache: PageCache
  /** They lie in a copy of a store: a log that is new here may have a history there. */
  readonly inCopy: boolean
  /** Somebody else notes that the log is there: the index of its store. */
  readonly isIndexed: boolean
  readonly #place: LogPlace
  #closed = false

  private constructor(files: Record<FileName, File>, place: LogPlace, cache: number | PageCache) {
    this.oplog = files.oplog
    this.blocks = files.blocks
    this.nodes = files.nodes
    this.presence = files.presence
    this.secret = files.secret
    this.directory = place.directory
    this.readOnly = place.readOnly
    this.inCopy = place.ofStore?.isCopy ?? false
    this.isIndexed = place.ofStore !== undefined
    this.#place = place
    this.cache = typeof cache === 'number' ? new PageCache(cache) : cache
  }

  /**
   * @param storage a directory, or the maker of the files' storages
   * @throws StateError LOCKED, StorageError NOT_FOUND or READ_FAILED
   */
  static async open(
    storage: string | StorageFactory,
    options: LogFilesOptions = {}
  ): Promise<LogFiles> {
    const cacheBytes = options.cacheBytes ?? CACHE_BYTES
    if (typeof storage === 'string') {
      const { files, place } = await openDirectory(storage, options)
      return new LogFiles(files, place, cacheBytes)
    }
    const files = await openAll(storage)
    return new LogFiles(
      files,
      { directory: null, readOnly: options.readOnly === true, lock: null },
      cacheBytes
    )
  }

  /** For stores. The cache, or the bytes that one of its own may have. */
  static assemble(
    files: Record<FileName, File>,
    place: LogPlace,
    cache: number | PageCache
  ): LogFiles {
    return new LogFiles(files, place, cache)
  }

  /** The same files with a cache of its own, to read them as they are; it is not to be closed. */
  view(cacheBytes: number): LogFiles {
    const { oplog, blocks, nodes, presence, secret, directory } = this
    const files = { oplog, blocks, nodes, presence, secret }
    return new LogFiles(files, { directory, readOnly: true, lock: null }, cacheBytes)
  }

  /** For logs that are open elsewhere too: how long the files are by now. @throws StorageError READ_FAILED */
  async refresh(): Promise<void> {
    for (const file of this.#all) await file.refresh()
  }

  /** Keeps a copy of bytes of a file in the directory `damaged`. @throws StorageError */
  async keepAside(name: string, byteOffset: number, byteLength: number): Promise<string | null> {
    if (this.directory === null) return null
    const file = this.#all.find((each) => each.name === name)
    return file === undefined ? null : keepAside(this.directory, file, byteOffset, byteLength)
  }

  /** The nodes that a salvage kept aside; null: none. The caller closes the file. @throws StorageError READ_FAILED */
  async asideNodes(): Promise<File | null> {
    return this.directory === null ? null : openAside(this.directory, 'nodes')
  }

  /** Rights, lock and other files of the directory; null for other storages. */
  async survey(): Promise<DirectorySurvey | null> {
    return this.directory === null ? null : surveyDirectory(this.directory)
  }

  /** @throws StorageError READ_FAILED */
  async storage(): Promise<StorageInfo> {
    const [oplog, blocks, nodes, presence] = await Promise.all([
      this.oplog.allocatedBytes(),
      this.blocks.allocatedBytes(),
      this.nodes.allocatedBytes(),
      this.presence.allocatedBytes()
    ])
    return { oplog, blocks, nodes, presence, total: oplog + blocks + nodes + presence }
  }

  /** Closes the files and removes them for good. @throws StorageError WRITE_FAILED */
  async purge(): Promise<void> {
    const { directory } = this
    if (this.#place.ofStore !== undefined) {
      await this.#closeFiles()
      return this.#place.ofStore.remove()
    }
    const sync = (): Promise<void> => this.syncDirectory()
    try {
      await allDone([
        this.#closeFiles(),
        directory === null ? Promise.resolve() : markPurged(directory, sync)
      ])
      if (directory === null) await Promise.all(this.#all.map((file) => file.remove()))
      else await finishPurge(directory, FILE_NAMES, sync)
    } finally {
      await this.#place.lock?.release()
    }
    if (directory !== null) await removeIfEmpty(directory)
  }

  /** Whether level `power` can be offered. */
  get canSync(): boolean {
    return this.oplog.canSync && this.blocks.canSync
  }

  /** Whether any of the files has content. */
  get haveContent(): boolean {
    return this.oplog.byteLength > 0 || this.othersHaveContent
  }

  get othersHaveContent(): boolean {
    return [this.blocks, this.nodes, this.presence, this.secret].some((file) => file.byteLength > 0)
  }

  /** The names of the files, and of the directory, are on the disk. */
  async syncDirectory(): Promise<void> {
    if (this.directory === null || this.#place.ofStore !== undefined) return
    await syncDirectory(this.directory)
  }

  /** What a copy of the secret would not share with it: its inode. Null where there is none to tell. */
  async secretPlace(): Promise<bigint | null> {
    if (this.directory === null) return null
    const path = join(this.directory, 'secret')
    this.secret.create()
    const { ino } = await stat(path, { bigint: true }).catch((error: unknown) => {
      throw new StorageError('READ_FAILED', `Cannot stat ${path}`, error)
    })
    return ino
  }

  /** Idempotent. Closes all, then lets the lock go; the first error is thrown after that. */
  async close(): Promise<void> {
    if (this.#closed) return
    try {
      await this.#closeFiles()
    } finally {
      await this.#place.lock?.release()
    }
  }

  get #all(): readonly File[] {
    return [this.oplog, this.blocks, this.nodes, this.presence, this.secret]
  }

  async #closeFiles(): Promise<void> {
    this.#closed = true
    const results = await Promise.allSettled(this.#all.map((file) => file.close()))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }
}
