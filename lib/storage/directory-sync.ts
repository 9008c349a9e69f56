// The names in directories, made durable: a file that was synced is there after a power cut only if its name is.
import { closeSync, constants, fdatasyncSync, fsync, openSync } from 'node:fs'
import { dirname } from 'node:path'

type Done = (error: Error | null) => void

/** The names in the directory are on the disk. @throws */
export function syncDirectoryNow(path: string): void {
  const fd = openDirectory(path)
  if (fd === null) return
  try {
    fdatasyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

export function syncDirectories(paths: readonly string[], callback: Done): void {
  const [path, ...rest] = paths
  if (path === undefined) {
    callback(null)
    return
  }
  try {
    const fd = openDirectory(path)
    if (fd === null) syncDirectories(rest, callback)
    else {
      fsync(fd, (error) => {
        closeSync(fd)
        if (error) callback(error)
        else syncDirectories(rest, callback)
      })
    }
  } catch (error) {
    callback(error as Error)
  }
}

/** Null: not there any more, with all that was in it; or on Windows, whose file system journals names by itself. */
function openDirectory(path: string): number | null {
  try {
    return openSync(path, constants.O_RDONLY)
  } catch (error) {
    if (process.platform === 'win32' || (error as NodeJS.ErrnoException).code === 'ENOENT') {
      return null
    }
    throw error
  }
}

/** A directory and those above it, up to a root. */
export function pathsUp(from: string, root: string): string[] {
  const paths = [from]
  for (let path = from; path !== root && path !== dirname(path); ) {
    path = dirname(path)
    paths.push(path)
  }
  return paths
}
