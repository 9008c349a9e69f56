// The directory `damaged` inside a log's: what was there before a repair or a salvage wrote over it. Made 0700, its
// files 0600 and never written twice; synced before anything else goes on. Design: reliability.md section 7.
import { constants } from 'node:fs'
import { mkdir, open, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { StorageError } from '../errors.ts'
import { diskStorage } from './disk-storage.ts'
import { File } from './file.ts'

/** Read and written in pieces of this many bytes. */
const PIECE_BYTES = 1024 * 1024

/** Copies bytes of a file, as far as it has them. The name says where they were. @throws StorageError */
export async function keepAside(
  directory: string,
  file: File,
  byteOffset: number,
  byteLength: number
): Promise<string> {
  const name = await freeName(directory, `${file.name}-${byteOffset}`)
  const end = Math.min(file.byteLength, byteOffset + byteLength)
  await inDamaged(async () => {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
    const handle = await open(join(directory, 'damaged', name), flags, 0o600)
    try {
      for (let at = byteOffset; at < end; at += PIECE_BYTES) {
        await handle.write(await file.read(at, Math.min(PIECE_BYTES, end - at)))
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
  })
  return name
}

/** Moves whole files of a log, of which none is open, into `damaged`. @throws StorageError */
export async function moveAside(directory: string, names: readonly string[]): Promise<string[]> {
  const moved: string[] = []
  for (const name of names) {
    const target = await freeName(directory, name)
    await inDamaged(async () => {
      try {
        await rename(join(directory, name), join(directory, 'damaged', target))
        moved.push(target)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    })
  }
  return moved
}

/** The last copy of a whole file that was kept, to be read; null: there is none. The caller closes it. */
export async function openAside(directory: string, name: string): Promise<File | null> {
  const path = join(directory, 'damaged')
  const names = await readdir(path).catch(() => [])
  const copies = names.filter((each) => each === `${name}-0` || each.startsWith(`${name}-0.`))
  const last = copies
    .sort((a, b) => Number(a.split('.')[1] ?? 0) - Number(b.split('.')[1] ?? 0))
    .at(-1)
  return last === undefined ? null : File.open(name, diskStorage(join(path, last), false))
}

async function freeName(directory: string, wanted: string): Promise<string> {
  return inDamaged(async () => {
    const path = join(directory, 'damaged')
    await mkdir(path, { recursive: true, mode: 0o700 })
    const taken = await readdir(path)
    let name = wanted
    for (let i = 1; taken.includes(name); i++) name = `${wanted}.${i}`
    return name
  })
}

async function inDamaged<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof StorageError) throw error
    throw new StorageError('WRITE_FAILED', 'Cannot keep damaged bytes aside in "damaged"', error)
  }
}
