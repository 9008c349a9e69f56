// The real input: package manifests below node_modules, and the lock file. Both processes read the same files;
// the reader only to compare.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const ROOT: string = fileURLToPath(new URL('../../../', import.meta.url))
export const LOCK_FILE = 'package-lock.json'
/** The lock file is cut into blocks of so many bytes. */
export const PIECE_BYTES = 4096

/** The log's last block: which block holds what. */
export interface Catalogue {
  /** Path of the document in each block, from block 0 on. */
  readonly documents: readonly string[]
  /** Number of blocks that follow with the pieces of the lock file. */
  readonly pieces: number
}

export function manifestPaths(): string[] {
  return readdirSync(`${ROOT}node_modules`, { recursive: true, encoding: 'utf-8' })
    .filter((path) => /(^|[\\/])package\.json$/.test(path))
    .sort()
    .map((path) => `node_modules/${path}`)
}

export function readDocument(path: string): Uint8Array {
  return readFileSync(ROOT + path)
}

export function piecesOf(file: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0; at < file.byteLength; at += PIECE_BYTES) {
    pieces.push(file.subarray(at, at + PIECE_BYTES))
  }
  return pieces
}
