// The primary key of a store, from which the key pairs of its named logs are derived: whoever has it may write them
// all. Written once, synced before anything else of the store is. Owner: StoreFiles.
//
// magic "LGWP" | version u16 | 2 spare | primary key 32 | inode of this file when it was written u64 (0: none)
// | CRC u32 over all before = 52 bytes
import { StorageError } from '../errors.ts'
import { copyOf, equalBytes, viewOf } from '../util/bytes.ts'
import { checksum } from './checksum.ts'
import type { File } from './file.ts'

export interface PrimaryKey {
  /** 32 bytes. */
  readonly key: Uint8Array
  /** Null: not kept in a directory. */
  readonly place: bigint | null
}

export const PRIMARY_KEY_BYTES = 32
const FILE_BYTES = 52
const VERSION = 1
const CRC_OFFSET = 48
const MAGIC = new Uint8Array([0x4c, 0x47, 0x57, 0x50])

export function encodePrimaryKey({ key, place }: PrimaryKey): Uint8Array {
  const bytes = new Uint8Array(FILE_BYTES)
  const view = viewOf(bytes)
  bytes.set(MAGIC, 0)
  view.setUint16(4, VERSION, true)
  bytes.set(key, 8)
  view.setBigUint64(40, place ?? 0n, true)
  view.setUint32(CRC_OFFSET, checksum(bytes.subarray(0, CRC_OFFSET)), true)
  return bytes
}

/** @throws StorageError CORRUPT, FORMAT_TOO_NEW */
export function decodePrimaryKey(bytes: Uint8Array): PrimaryKey {
  const isWhole = bytes.byteLength === FILE_BYTES && equalBytes(bytes.subarray(0, 4), MAGIC)
  const view = viewOf(bytes)
  if (!isWhole || checksum(bytes.subarray(0, CRC_OFFSET)) !== view.getUint32(CRC_OFFSET, true)) {
    throw new StorageError(
      'CORRUPT',
      'primary-key is missing or damaged: without a copy of it no named log of this store can be written'
    )
  }
  if (view.getUint16(4, true) > VERSION) {
    throw new StorageError('FORMAT_TOO_NEW', 'primary-key was written by a newer version')
  }
  const place = view.getBigUint64(40, true)
  return { key: copyOf(bytes.subarray(8, 40)), place: place === 0n ? null : place }
}

/** @throws StorageError CORRUPT, FORMAT_TOO_NEW, READ_FAILED */
export async function readPrimaryKey(file: File): Promise<PrimaryKey> {
  return decodePrimaryKey(await file.read(0, Math.min(file.byteLength, FILE_BYTES)))
}

/** Written and synced. @throws StorageError WRITE_FAILED */
export async function writePrimaryKey(file: File, primaryKey: PrimaryKey): Promise<void> {
  await file.write(0, encodePrimaryKey(primaryKey))
  await file.sync()
}
