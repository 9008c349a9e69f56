// LogFiles: the set of files of one log, in a directory or in any random-access-storage. Opens, locks, closes
// them; creates directories 0700 and files 0600 with the mode; syncs directories. Owner: who opened it; Core
// closes it. With file.ts and directory-lock.ts the only users of node:fs. Design: reliability.md 4.2, 5.5, 14.
import { constants } from 'node:fs'
import { access, mkdir, open, realpath, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type Env, systemEnv } from '../env.ts'
import { LogwoodError, StateError, StorageError } from '../errors.ts'
import { CACHE_BYTES } from './constants.ts'
import { keepAside, openAside } from './damaged-directory.ts'
import { DirectoryLock } from './directory-lock.ts'
import { type DirectorySurvey, surveyDirectory } from './directory-survey.ts'
import { diskStorage, File, type RandomAccess, type StorageFactory } from './file.ts'
import { PageCache } from './page-cache.ts'

export interface LogFilesOptions {
  /** Default true. False: a directory without a log is NOT_FOUND. */
  createIfMissing?: boolean
  /** Default false. Takes no lock and changes nothing. */
  readOnly?: boolean
  /** Bytes of file pages that may be kept in memory. */
  cacheBytes?: number
  env?: Env
}

export type FileName = 'oplog' | 'blocks' | 'nodes' | 'presence' | 'secret'
/** Where the files of a log are. */
export interface LogPlace {
  /** Real path; null for other storages. */
  readonly directory: string | null
  readonly readOnly: boolean
  readonly lock: DirectoryLock | null
  /** Set for a log of a store, which has the lock, and syncs names along with content. */
  readonly ofStore?: { readonly isCopy: boolean }
}

/** What says that a file system takes nothing more, or nothing at all. */
const NO_ROOM: readonly string[] = ['ENOSPC', 'EDQUOT', 'EROFS']
export const FILE_NAMES: readonly FileName[] = ['oplog', 'blocks', 'nodes', 'presence', 'secret']

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
    if (typeof storage === 'string') return openDirectory(storage, options, cacheBytes)
    const files = await openAll(storage)
    return new LogFiles(
      files,
      { directory: null, readOnly: options.readOnly === true, lock: null },
      cacheBytes
    )
  }

  /** For openers of directories and stores. The cache, or the bytes that one of its own may have. */
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
    const { oplog, blocks, nodes, presence, secret } = this
    for (const file of [oplog, blocks, nodes, presence, secret]) await file.refresh()
  }

  /** Keeps a copy of bytes of a file in the directory `damaged`. @throws StorageError */
  async keepAside(name: string, byteOffset: number, byteLength: number): Promise<string | null> {
    if (this.directory === null) return null
    const file = [this.oplog, this.blocks, this.nodes, this.presence, this.secret].find(
      (each) => each.name === name
    )
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
    await syncPath(this.directory)
    await syncPath(dirname(this.directory))
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
    this.#closed = true
    const files = [this.oplog, this.blocks, this.nodes, this.presence, this.secret]
    const results = await Promise.allSettled(files.map((file) => file.close()))
    await this.#place.lock?.release()
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
  await assertThere(directory, options)
  if (options.readOnly !== true && (await isOfStore(directory))) {
    throw new StateError('LOCKED', `${directory} is a log of a store: open it there, or read only`)
  }
  const mayWrite = options.readOnly !== true && (await isWritable(directory))
  const lock = mayWrite ? await lockIfRoom(directory, options.env ?? systemEnv) : null
  const readOnly = lock === null
  try {
    if (!readOnly) for (const name of FILE_NAMES) await createFile(join(directory, name))
    const files = await openAll((name) => diskFile(directory, name, readOnly))
    return LogFiles.assemble(files, { directory, readOnly, lock }, cacheBytes)
  } catch (error) {
    await lock?.release()
    throw error
  }
}

async function assertThere(directory: string, options: LogFilesOptions): Promise<void> {
  if (await exists(join(directory, 'oplog'))) return
  const others = await Promise.all(FILE_NAMES.map((name) => exists(join(directory, name))))
  const isEmpty = !others.includes(true)
  if (isEmpty && (options.createIfMissing === false || options.readOnly === true)) {
    throw new StorageError('NOT_FOUND', `There is no log in ${directory}`)
  }
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

/** Whose journal may know more than the log's own files, and who has the lock. */
function isOfStore(directory: string): Promise<boolean> {
  return exists(join(directory, '..', '..', '..', 'primary-key'))
}

async function isWritable(directory: string): Promise<boolean> {
  for (const name of ['', ...FILE_NAMES]) {
    const path = join(directory, name)
    if (name !== '' && !(await exists(path))) continue
    if (!(await allows(path, constants.W_OK))) return false
  }
  return true
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
