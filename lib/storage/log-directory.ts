// A log's directory: opened, locked, made 0700 with files of 0600, its names synced. Owner: LogFiles.
import { constants } from 'node:fs'
import { access, mkdir, open, realpath } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type Env, systemEnv } from '../env.ts'
import { LogwoodError, StateError, StorageError } from '../errors.ts'
import { DirectoryLock } from './directory-lock.ts'
import { diskStorage } from './disk-storage.ts'
import { File, type RandomAccess } from './file.ts'
import { finishPurge, isPurged } from './purge.ts'

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
  readonly ofStore?: {
    readonly isCopy: boolean
    /** Removes the log, whose files are closed, durably. */
    remove(): Promise<void>
  }
}

/** What says that a file system takes nothing more, or nothing at all. */
const NO_ROOM: readonly string[] = ['ENOSPC', 'EDQUOT', 'EROFS']
export const FILE_NAMES: readonly FileName[] = ['oplog', 'blocks', 'nodes', 'presence', 'secret']

/** @throws StateError LOCKED; StorageError NOT_FOUND, READ_FAILED, WRITE_FAILED */
export async function openDirectory(
  path: string,
  options: LogFilesOptions
): Promise<{ files: Record<FileName, File>; place: LogPlace }> {
  if (options.createIfMissing !== false && options.readOnly !== true) {
    await mkdir(resolve(path), { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      throw new StorageError('WRITE_FAILED', `Cannot make the directory ${path}`, error)
    })
  }
  const directory = await realpath(path).catch((error: unknown) => {
    throw new StorageError('NOT_FOUND', `There is no directory ${path}`, error)
  })
  const purged = await isPurged(directory)
  await assertMayOpen(directory, options, purged)
  const mayWrite = options.readOnly !== true && (await isWritable(directory))
  const lock = mayWrite ? await lockIfRoom(directory, options.env ?? systemEnv) : null
  const readOnly = lock === null
  try {
    if (!readOnly && purged) {
      await finishPurge(directory, FILE_NAMES, () => syncDirectory(directory))
    }
    if (!readOnly) for (const name of FILE_NAMES) await createFile(join(directory, name))
    const files = await openAll((name) => diskFile(directory, name, readOnly))
    return { files, place: { directory, readOnly, lock } }
  } catch (error) {
    await lock?.release()
    throw error
  }
}

/** @throws StorageError NOT_FOUND; StateError LOCKED */
async function assertMayOpen(
  directory: string,
  { createIfMissing, readOnly }: LogFilesOptions,
  purged: boolean
): Promise<void> {
  const mayCreate = createIfMissing !== false && readOnly !== true
  if (!mayCreate && (purged || !(await holdsFiles(directory)))) {
    throw new StorageError('NOT_FOUND', `There is no log in ${directory}`)
  }
  if (readOnly !== true && (await isOfStore(directory))) {
    throw new StateError('LOCKED', `${directory} is a log of a store: open it there, or read only`)
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

/** @throws StorageError READ_FAILED */
export async function openAll(
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

/** Its name and those in it are on the disk. @throws StorageError WRITE_FAILED */
export async function syncDirectory(directory: string): Promise<void> {
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
