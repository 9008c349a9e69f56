// LogFiles: the set of files of one log, in a directory or in any random-access-storage. Opens, locks, closes
// them; creates directories 0700 and files 0600 with the mode; syncs directories. Owner: who opened it; Core
// closes it. With file.ts and directory-lock.ts the only users of node:fs. Design: reliability.md 4.2, 5.5, 14.
import { constants } from 'node:fs'
import { access, mkdir, open, realpath, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type Env, systemEnv } from '../env.ts'
import { LogwoodError, StorageError } from '../errors.ts'
import { allDone } from '../util/all-done.ts'
import { CACHE_BYTES } from './constants.ts'
import { keepAside, openAside } from './damaged-directory.ts'
import { DirectoryLock } from './directory-lock.ts'
import { type DirectorySurvey, surveyDirectory } from './directory-survey.ts'
import { diskStorage, File, type RandomAccess, type StorageFactory } from './file.ts'
import { PageCache } from './page-cache.ts'
import { finishPurge, isPurged, markPurged, removeIfEmpty } from './purge.ts'

export interface LogFilesOptions {
  /** Default true. False: a directory without a log is NOT_FOUND. */
  createIfMissing?: boolean
  /** Default false. Takes no lock and changes nothing. */
  readOnly?: boolean
  /** Bytes of file pages that may be kept in memory. */
  cacheBytes?: number
  env?: Env
}

type FileName = 'oplog' | 'blocks' | 'nodes' | 'presence' | 'secret'
/** What says that a file system takes nothing more, or nothing at all. */
const NO_ROOM: readonly string[] = ['ENOSPC', 'EDQUOT', 'EROFS']
const FILE_NAMES: readonly FileName[] = ['oplog', 'blocks', 'nodes', 'presence', 'secret']

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
  readonly #lock: DirectoryLock | null
  #closed = false

  private constructor(
    files: Record<FileName, File>,
    place: { directory: string | null; readOnly: boolean; lock: DirectoryLock | null },
    cacheBytes: number
  ) {
    this.oplog = files.oplog
    this.blocks = files.blocks
    this.nodes = files.nodes
    this.presence = files.presence
    this.secret = files.secret
    this.directory = place.directory
    this.readOnly = place.readOnly
    this.#lock = place.lock
    this.cache = new PageCache(cacheBytes)
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
    if (typeof storage === 'string') return openDirectory(storage, options, cacheBytes)
    const files = await openAll(storage)
    return new LogFiles(
      files,
      { directory: null, readOnly: options.readOnly === true, lock: null },
      cacheBytes
    )
  }

  /** For the opener of directories below. */
  static assemble(
    files: Record<FileName, File>,
    place: { directory: string | null; readOnly: boolean; lock: DirectoryLock | null },
    cacheBytes: number
  ): LogFiles {
    return new LogFiles(files, place, cacheBytes)
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
    const sync = (): Promise<void> => this.syncDirectory()
    try {
      await allDone([
        this.#closeFiles(),
        directory === null ? Promise.resolve() : markPurged(directory, sync)
      ])
      if (directory === null) await Promise.all(this.#all.map((file) => file.remove()))
      else await finishPurge(directory, FILE_NAMES, sync)
    } finally {
      await this.#lock?.release()
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
    if (this.directory === null) return
    await syncDirectory(this.directory)
  }

  /** What a copy of the secret would not share with it: its inode. Null where there is none to tell. */
  async secretPlace(): Promise<bigint | null> {
    if (this.directory === null) return null
    const path = join(this.directory, 'secret')
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
      await this.#lock?.release()
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

async function openDirectory(
  path: string,
  options: LogFilesOptions,
  cacheBytes: number
): Promise<LogFiles> {
  if (options.createIfMissing !== false && options.readOnly !== true) {
    await mkdir(resolve(path), { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      throw new StorageError('WRITE_FAILED', `Cannot make the directory ${path}`, error)
    })
  }
  const directory = await realpath(path).catch((error: unknown) => {
    throw new StorageError('NOT_FOUND', `There is no directory ${path}`, error)
  })
  const purged = await isPurged(directory)
  const mayCreate = options.createIfMissing !== false && options.readOnly !== true
  if (!mayCreate && (purged || !(await holdsFiles(directory)))) {
    throw new StorageError('NOT_FOUND', `There is no log in ${directory}`)
  }
  const mayWrite = options.readOnly !== true && (await isWritable(directory))
  const lock = mayWrite ? await lockIfRoom(directory, options.env ?? systemEnv) : null
  const readOnly = lock === null
  try {
    if (!readOnly && purged) {
      await finishPurge(directory, FILE_NAMES, () => syncDirectory(directory))
    }
    if (!readOnly) for (const name of FILE_NAMES) await createFile(join(directory, name))
    const files = await openAll((name) => diskFile(directory, name, readOnly))
    return LogFiles.assemble(files, { directory, readOnly, lock }, cacheBytes)
  } catch (error) {
    await lock?.release()
    throw error
  }
}

async function holdsFiles(directory: string): Promise<boolean> {
  const found = await Promise.all(FILE_NAMES.map((name) => exists(join(directory, name))))
  return found.includes(true)
}

/** Null: there is no room even for a lock, so that the log can be read only. @throws StateError LOCKED */
async function lockIfRoom(directory: string, env: Env): Promise<DirectoryLock | null> {
  try {
    return await DirectoryLock.take(directory, env)
  } catch (error) {
    if (error instanceof LogwoodError) throw error
    const { code = '' } = error as NodeJS.ErrnoException
    if (NO_ROOM.includes(code)) return null
    throw new StorageError('WRITE_FAILED', `Cannot lock ${directory}`, error)
  }
}

async function openAll(
  factory: (name: FileName) => RandomAccess | Promise<RandomAccess>
): Promise<Record<FileName, File>> {
  const opened: File[] = []
  try {
    for (const name of FILE_NAMES) opened.push(await File.open(name, await factory(name)))
  } catch (error) {
    await Promise.allSettled(opened.map((file) => file.close()))
    throw error
  }
  const [oplog, blocks, nodes, presence, secret] = opened as [File, File, File, File, File]
  return { oplog, blocks, nodes, presence, secret }
}

/**
 * A missing file of a read-only log reads as an empty one; what misses it will say so. So does a secret that is kept
 * from us: its log can be read without.
 */
async function diskFile(
  directory: string,
  name: FileName,
  readOnly: boolean
): Promise<RandomAccess> {
  const path = join(directory, name)
  const needed = name === 'secret' ? constants.R_OK : constants.F_OK
  if (readOnly && !(await allows(path, needed))) return diskStorage('/dev/null', false)
  return diskStorage(path, !readOnly)
}

/** With the mode at creation, never through a symbolic link; an existing file stays as it is. */
async function createFile(path: string): Promise<void> {
  try {
    const handle = await open(
      path,
      constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0),
      0o600
    )
    await handle.close()
  } catch (error) {
    throw new StorageError('READ_FAILED', `Cannot open ${path}`, error)
  }
}

function exists(path: string): Promise<boolean> {
  return allows(path, constants.F_OK)
}

async function allows(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false
  )
}

async function isWritable(directory: string): Promise<boolean> {
  for (const name of ['', ...FILE_NAMES]) {
    const path = join(directory, name)
    if (name !== '' && !(await exists(path))) continue
    if (!(await allows(path, constants.W_OK))) return false
  }
  return true
}

async function syncDirectory(directory: string): Promise<void> {
  await syncPath(directory)
  await syncPath(dirname(directory))
}

async function syncPath(path: string): Promise<void> {
  try {
    const handle = await open(path, constants.O_RDONLY)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    // Windows cannot open directories, and its file system journals names by itself.
    if (process.platform === 'win32') return
    throw new StorageError('WRITE_FAILED', `Cannot sync the directory ${path}`, error)
  }
}
