// Purging: a directory's log is removed for good. A mark comes first and goes last, so that what a crash leaves in
// between is neither damage nor a log: whoever opens the directory next finishes. With log-files.ts the only user of
// node:fs for it. Owner: LogFiles, which holds the directory's lock meanwhile.
import { access, open, readdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { StorageError } from '../errors.ts'

const MARK = 'purged'
const DAMAGED = 'damaged'

export async function isPurged(directory: string): Promise<boolean> {
  return access(join(directory, MARK)).then(
    () => true,
    () => false
  )
}

/** From here on the log is gone, whatever happens. @throws StorageError WRITE_FAILED */
export async function markPurged(
  directory: string,
  syncDirectory: () => Promise<void>
): Promise<void> {
  await attempt(directory, async () => {
    const handle = await open(join(directory, MARK), 'w', 0o600)
    await handle.close()
  })
  await syncDirectory()
}

/** Removes the files, then the mark. Files of others stay. @throws StorageError WRITE_FAILED */
export async function finishPurge(
  directory: string,
  names: readonly string[],
  syncDirectory: () => Promise<void>
): Promise<void> {
  await attempt(directory, async () => {
    for (const name of names) await rm(join(directory, name), { force: true })
    await rm(join(directory, DAMAGED), { recursive: true, force: true })
  })
  await syncDirectory()
  await attempt(directory, () => rm(join(directory, MARK), { force: true }))
}

/** The directory, too, if nothing else is in it. */
export async function removeIfEmpty(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => ['unknown'])
  if (names.length === 0) await rmdir(directory).catch(() => {})
}

async function attempt(directory: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    throw new StorageError('WRITE_FAILED', `Cannot remove the log in ${directory}`, error)
  }
}
