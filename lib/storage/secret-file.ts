// The key pair of a writable log, apart from its data so that copying the data does not copy the right to write.
// Owner: the core. Design: reliability.md sections 4.2 and 6.4.
//
// magic "LGWS" | version u16 | 2 spare | public key 32 | secret key 64 | inode of this file when it was last
// trusted u64 (0: none; the two highest numbers: it is not to be trusted) | CRC u32 over all before = 116 bytes
// Example, public key 32 × 01, secret key 64 × 02, inode 7:
//   4c475753 0100 0000 0101…01 0202…02 0700000000000000 6db1137d
import { StorageError } from '../errors.ts'
import { copyOf, equalBytes, viewOf } from '../util/bytes.ts'
import { checksum } from './checksum.ts'
import type { File } from './file.ts'

export interface Secret {
  readonly publicKey: Uint8Array
  readonly secretKey: Uint8Array
  /** Null: not kept in a directory. */
  readonly place: bigint | null
}

/** Places that no file has: entries of this log were lost, or it came out of a backup (reliability.md 6.4). */
export const PLACE_DAMAGED: bigint = 2n ** 64n - 1n
export const PLACE_RESTORED: bigint = 2n ** 64n - 2n

const SECRET_BYTES = 116
const VERSION = 1
const CRC_OFFSET = 112
const MAGIC = new Uint8Array([0x4c, 0x47, 0x57, 0x53])

export function encodeSecret(secret: Secret): Uint8Array {
  const bytes = new Uint8Array(SECRET_BYTES)
  const view = viewOf(bytes)
  bytes.set(MAGIC, 0)
  view.setUint16(4, VERSION, true)
  bytes.set(secret.publicKey, 8)
  bytes.set(secret.secretKey, 40)
  view.setBigUint64(104, secret.place ?? 0n, true)
  view.setUint32(CRC_OFFSET, checksum(bytes.subarray(0, CRC_OFFSET)), true)
  return bytes
}

/** Null: the log is not writable. @throws StorageError CORRUPT, FORMAT_TOO_NEW, READ_FAILED */
export async function readSecret(file: File): Promise<Secret | null> {
  if (file.byteLength === 0) return null
  const bytes = await file.read(0, Math.min(file.byteLength, SECRET_BYTES))
  return decodeSecret(bytes)
}

/** @throws StorageError CORRUPT, FORMAT_TOO_NEW */
export function decodeSecret(bytes: Uint8Array): Secret {
  const isWhole = bytes.byteLength === SECRET_BYTES && equalBytes(bytes.subarray(0, 4), MAGIC)
  const view = viewOf(bytes)
  if (!isWhole || checksum(bytes.subarray(0, CRC_OFFSET)) !== view.getUint32(CRC_OFFSET, true)) {
    throw new StorageError(
      'CORRUPT',
      'secret is damaged: the key pair of this log is lost unless there is a copy of the file'
    )
  }
  if (view.getUint16(4, true) > VERSION) {
    throw new StorageError('FORMAT_TOO_NEW', 'secret was written by a newer version')
  }
  const place = view.getBigUint64(104, true)
  return {
    publicKey: copyOf(bytes.subarray(8, 40)),
    secretKey: copyOf(bytes.subarray(40, 104)),
    place: place === 0n ? null : place
  }
}

/** Written and synced. @throws StorageError WRITE_FAILED */
export async function writeSecret(file: File, secret: Secret): Promise<void> {
  await file.write(0, encodeSecret(secret))
  await file.sync()
}
