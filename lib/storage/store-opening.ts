// Opening the files of a store: lock, primary key, journal, index; what a crash left is put right on the way. The
// primary key is the first thing to be written and synced: a store that has anything else has had one, and never gets
// another. Owner: StoreFiles.
import { mkdir, readdir, realpath, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Env, systemEnv } from '../env.ts'
import { ArgumentError, StorageError } from '../errors.ts'
import { equalBytes, fromHex, toHex } from '../util/bytes.ts'
import { DescriptorPool } from './descriptor-pool.ts'
import { DirectoryLock } from './directory-lock.ts'
import { syncDirectoryNow } from './directory-sync.ts'
import { File, type RandomAccess, type StorageFactory } from './file.ts'
import { Journal } from './journal.ts'
import { INDEX_FILE, JOURNALED_FILES, type JournalTarget } from './journal-format.ts'
import { replayJournal } from './journal-replay.ts'
import { JournaledFile } from './journaled-file.ts'
import { FILE_NAMES, type FileName } from './log-directory.ts'
import { memoryStorage } from './memory-storage.ts'
import { scanOplog } from './oplog-scan.ts'
import { PooledFile } from './pooled-file.ts'
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
export interface Disk {
  /** Real path; null for other storages. */
  readonly directory: string | null
  readonly pool: DescriptorPool | null
  readonly lock: DirectoryLock | null
  storage(name: string): RandomAccess
}

export interface StoreParts {
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

/** @throws as StoreFiles.open */
export async function openStore(disk: Disk, options: StoreFilesOptions): Promise<StoreParts> {
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
  return {
    disk,
    primaryKey,
    isCopy,
    canSync: plainIndex.canSync,
    index,
    cacheBytes: options.cacheBytes,
    journal,
    journalFile,
    journaled
  }
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

/** The one object of that path. */
export function journaledFile(
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

/** @throws StateError LOCKED; StorageError NOT_FOUND, WRITE_FAILED */
export async function openDisk(
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
  return { directory, pool, lock, storage: (name) => new PooledFile(pool, directory, name) }
}

function inodeOf(storage: RandomAccess): bigint | null {
  return 'inode' in storage && typeof storage.inode === 'function'
    ? (storage.inode() as bigint)
    : null
}

/** Durably. @throws StorageError WRITE_FAILED */
export async function removeFiles(disk: Disk, hex: string): Promise<void> {
  const { directory } = disk
  try {
    if (directory !== null) {
      await rm(join(directory, directoryOf(hex)), { recursive: true, force: true })
      disk.pool?.makeRoom()
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

/** Of a log, within the store. */
export function directoryOf(hex: string): string {
  return `logs/${hex.slice(0, 2)}/${hex}`
}

export function pathOf(hex: string, name: string): string {
  return `${directoryOf(hex)}/${name}`
}
