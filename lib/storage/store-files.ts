// StoreFiles: all files of a store of many logs: one lock, one pool of descriptors, one cache of pages, one journal.
//
//   lock · primary-key · index · journal · logs/ab/abcd…/{oplog, blocks, nodes, presence, secret}
//
// A log's directory is named by its discovery key. Opening reads the key, the index and what the journal has not yet
// brought into the files, but no log. The primary key is the first thing to be written and synced: a store that has
// anything else has had one, and never gets another. Owner: Store. Design: reliability.md sections 4, 5, 14.
import { mkdir, readdir, realpath, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Env, systemEnv } from '../env.ts'
import { ArgumentError, StorageError } from '../errors.ts'
import { equalBytes, fromHex, toHex } from '../util/bytes.ts'
import { DescriptorPool, syncDirectoryNow } from './descriptor-pool.ts'
import { DirectoryLock } from './directory-lock.ts'
import { File, type RandomAccess, type StorageFactory } from './file.ts'
import { Journal } from './journal.ts'
import { INDEX_FILE, JOURNALED_FILES, type JournalTarget } from './journal-format.ts'
import { replayJournal } from './journal-replay.ts'
import { JournaledFile } from './journaled-file.ts'
import { FILE_NAMES, type FileName, LogFiles } from './log-files.ts'
import { memoryStorage } from './memory-storage.ts'
import { scanOplog } from './oplog-scan.ts'
import { PageCache } from './page-cache.ts'
import { PRIMARY_KEY_BYTES, readPrimaryKey, writePrimaryKey } from './primary-key-file.ts'
import { StoreIndex } from './store-index.ts'

export interface StoreFilesOptions {
  /** 32 bytes. A new store without it gets one by chance. */
  readonly primaryKey?: Uint8Array
  readonly createIfMissing?: boolean
  /** Bytes of file pages of all logs that may be kept in memory. */
  readonly cacheBytes: number
  readonly maxOpenFiles: number
  /** Bytes of one half of the journal. */
  readonly journalBytes: number
  /** Damaged records of the journal are given up. */
  readonly discardJournal?: boolean
  readonly env?: Env
}

/** Where the bytes are. */
interface Disk {
  /** Real path; null for other storages. */
  readonly directory: string | null
  readonly pool: DescriptorPool | null
  readonly lock: DirectoryLock | null
  storage(name: string): RandomAccess
}

interface StoreParts {
  readonly disk: Disk
  readonly primaryKey: Uint8Array
  readonly isCopy: boolean
  readonly canSync: boolean
  readonly index: StoreIndex
  readonly cacheBytes: number
  readonly journal: Journal | null
  readonly journalFile: File
  readonly journaled: Map<string, JournaledFile>
}

const NO_PLACE = new Uint8Array(32)

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
      return await openStore(disk, options)
    } catch (error) {
      disk.pool?.close()
      await disk.lock?.release()
      throw error
    }
  }

  /** For the opener below. */
  static assemble(parts: StoreParts): StoreFiles {
    return new StoreFiles(parts)
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
        ofStore: { isCopy: this.isCopy }
      },
      this.cache
    )
    if (this.index.has(discoveryKey) && !files.haveContent) {
      await files.close()
      throw new StorageError('CORRUPT', `The files of the log ${hex} are gone`)
    }
    return files
  }

  /** Removes a log that is not open, with all its bytes, durably. @throws StorageError WRITE_FAILED */
  async removeLog(discoveryKey: Uint8Array): Promise<void> {
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

async function openStore(disk: Disk, options: StoreFilesOptions): Promise<StoreFiles> {
  const { env = systemEnv } = options
  const keyFile = await File.open('primary-key', disk.storage('primary-key'))
  const journalFile = await File.open('journal', disk.storage('journal'))
  const plainIndex = await File.open('index', disk.storage('index'))
  const isNew = journalFile.byteLength === 0 && plainIndex.byteLength === 0
  const isEmpty = isNew && keyFile.byteLength === 0
  if (isEmpty && options.createIfMissing === false) {
    throw new StorageError('NOT_FOUND', 'There is no store')
  }
  const { primaryKey, isCopy } = await openPrimaryKey(disk, keyFile, isNew, options)
  await keyFile.close()
  const canJournal = plainIndex.canSync && plainIndex.canWriteNow
  const { journal, replayed } = canJournal
    ? await openJournal(disk, journalFile, options, env)
    : { journal: null, replayed: false }
  const journaled = new Map<string, JournaledFile>()
  const target: JournalTarget = { file: INDEX_FILE, place: NO_PLACE }
  const indexStorage =
    journal === null
      ? disk.storage('index')
      : journaledFile(journaled, journal, disk.storage('index'), 'index', target)
  const index = await StoreIndex.open(await File.open('index', indexStorage))
  // A crash in the midst of removing may have left files, or replaying made them again.
  if (replayed) for (const hex of [...index.removed]) await removeFiles(disk, hex)
  if (index.isDamaged && disk.directory !== null) await addMissing(disk.directory, index)
  return StoreFiles.assemble({
    disk,
    primaryKey,
    isCopy,
    canSync: plainIndex.canSync,
    index,
    cacheBytes: options.cacheBytes,
    journal,
    journalFile,
    journaled
  })
}

async function openPrimaryKey(
  disk: Disk,
  file: File,
  isNew: boolean,
  { primaryKey, env = systemEnv }: StoreFilesOptions
): Promise<{ primaryKey: Uint8Array; isCopy: boolean }> {
  const here = (): bigint | null => inodeOf(disk.storage('primary-key'))
  const found = await readPrimaryKey(file).catch((error: unknown) => {
    // A crash may have torn it as long as it was alone; without logs it is no loss.
    if (isNew && error instanceof StorageError && error.code !== 'FORMAT_TOO_NEW') return null
    throw error
  })
  if (found !== null) {
    if (primaryKey !== undefined && !equalBytes(primaryKey, found.key)) {
      throw new StorageError('WRONG_KEY', 'This store has another primary key')
    }
    return { primaryKey: found.key, isCopy: found.place !== null && found.place !== here() }
  }
  if (await hasLogs(disk.directory)) {
    throw new StorageError('CORRUPT', 'primary-key is missing, but the store has logs')
  }
  const key = (primaryKey ?? env.randomBytes(PRIMARY_KEY_BYTES)).slice()
  if (key.byteLength !== PRIMARY_KEY_BYTES) {
    throw new ArgumentError('INVALID_ARGUMENT', 'primaryKey must have 32 bytes')
  }
  file.create()
  await writePrimaryKey(file, { key, place: here() })
  return { primaryKey: key, isCopy: false }
}

async function openJournal(
  disk: Disk,
  file: File,
  options: StoreFilesOptions,
  env: Env
): Promise<{ journal: Journal; replayed: boolean }> {
  const found = await scanOplog(file, false).catch((error: unknown) => {
    if (options.discardJournal === true) return { kind: 'empty' as const }
    throw error
  })
  const isGivenUp = found.kind === 'log' && found.scan.lost !== null && options.discardJournal
  if (found.kind !== 'log' || isGivenUp === true) {
    const how = { storeId: env.randomBytes(16).slice(), halfBytes: options.journalBytes, env }
    return { journal: await Journal.create(file, how), replayed: false }
  }
  await replayJournal(found.scan, (target) => {
    const name = nameOf(target)
    return File.open(name, disk.storage(name))
  })
  const journal = await Journal.resume(file, found.scan, env)
  return { journal, replayed: found.scan.entries.length > 0 }
}

function nameOf({ file, place }: JournalTarget): string {
  const name = JOURNALED_FILES[file]
  return name === undefined ? 'index' : pathOf(toHex(place), name as FileName)
}

function journaledFile(
  all: Map<string, JournaledFile>,
  journal: Journal,
  inner: RandomAccess,
  path: string,
  target: JournalTarget
): JournaledFile {
  const known = all.get(path)
  if (known !== undefined) return known
  const file: JournaledFile = new JournaledFile(journal, inner, target, () => {
    if (all.get(path) === file) all.delete(path)
  })
  all.set(path, file)
  return file
}

async function openDisk(
  location: string | StorageFactory | null,
  { env = systemEnv, ...options }: StoreFilesOptions
): Promise<Disk> {
  if (typeof location !== 'string') {
    const storage = location ?? memoryStorage()
    return { directory: null, pool: null, lock: null, storage }
  }
  if (options.createIfMissing !== false) {
    await mkdir(resolve(location), { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      throw new StorageError('WRITE_FAILED', `Cannot make the directory ${location}`, error)
    })
  }
  const directory = await realpath(location).catch((error: unknown) => {
    throw new StorageError('NOT_FOUND', `There is no directory ${location}`, error)
  })
  const lock = await DirectoryLock.take(directory, env)
  const pool = new DescriptorPool(options.maxOpenFiles)
  return { directory, pool, lock, storage: (name) => pool.file(directory, name) }
}

function inodeOf(storage: RandomAccess): bigint | null {
  return 'inode' in storage && typeof storage.inode === 'function'
    ? (storage.inode() as bigint)
    : null
}

async function removeFiles(disk: Disk, hex: string): Promise<void> {
  const { directory } = disk
  try {
    if (directory !== null) {
      await rm(join(directory, directoryOf(hex)), { recursive: true, force: true })
      syncDirectoryNow(join(directory, 'logs', hex.slice(0, 2)))
      return
    }
  } catch (error) {
    throw new StorageError('WRITE_FAILED', `Cannot remove the files of the log ${hex}`, error)
  }
  for (const name of FILE_NAMES) {
    const file = await File.open(name, disk.storage(pathOf(hex, name)))
    if (file.byteLength > 0) {
      await file.truncate(0)
      await file.sync()
    }
    await file.close()
  }
}

/** Directories of logs that the index has lost the records of. */
async function addMissing(directory: string, index: StoreIndex): Promise<void> {
  for await (const hex of directoriesIn(directory)) {
    const key = fromHex(hex)
    if (key?.byteLength === 32) await index.add(key, null)
  }
}

async function hasLogs(directory: string | null): Promise<boolean> {
  if (directory === null) return false
  for await (const _ of directoriesIn(directory)) return true
  return false
}

async function* directoriesIn(directory: string): AsyncGenerator<string> {
  for (const part of await readdir(join(directory, 'logs')).catch(() => [])) {
    yield* await readdir(join(directory, 'logs', part)).catch(() => [])
  }
}

function directoryOf(hex: string): string {
  return `logs/${hex.slice(0, 2)}/${hex}`
}

function pathOf(hex: string, name: string): string {
  return `${directoryOf(hex)}/${name}`
}
