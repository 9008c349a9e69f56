// salvage: makes a log that does not open openable again, with the same key. What cannot be read goes to `damaged`;
// the new oplog knows no head, so nothing of the old nodes is believed until a peer shows a head again; then repair
// takes back what that head proves. The key comes from an identity sector that is left, else from the caller, else
// from the key pair. A log with its key pair opens
// `behind`: nothing is signed before it caught up or its owner says so. Design: reliability.md sections 6.4 and 7.
import { type Env, systemEnv } from '../../env.ts'
import { ArgumentError, StateError, StorageError } from '../../errors.ts'
import {
  FORMAT_VERSION,
  IDENTITY_OFFSETS,
  MIN_READER_VERSION,
  SECTOR_BYTES
} from '../../storage/constants.ts'
import type { LogFiles } from '../../storage/log-files.ts'
import { Oplog } from '../../storage/oplog.ts'
import { decodeIdentity } from '../../storage/oplog-format.ts'
import { emptyPage, sealedPage } from '../../storage/presence-file.ts'
import { PLACE_DAMAGED, readSecret, type Secret, writeSecret } from '../../storage/secret-file.ts'
import { throwIfAborted } from '../../util/abort.ts'
import { equalBytes } from '../../util/bytes.ts'
import { type CoreLimits, defaultLimits } from '../constants.ts'
import {
  compatManifest,
  defaultManifest,
  encodeManifest,
  type Manifest,
  manifestKey
} from '../manifest.ts'
import { firstHalf, openLog } from '../opening.ts'
import { CoreState } from '../state.ts'

export interface SalvageOptions {
  /** Needed where neither the oplog nor the key pair tells it. */
  key?: Uint8Array
  env?: Env
  limits?: Partial<CoreLimits>
  signal?: AbortSignal
}

export interface SalvageReport {
  readonly key: Uint8Array
  /** Files that were moved aside; none: the log opened as it was, and nothing was done. */
  readonly moved: string[]
  /** Whether the log still has its key pair; it opens `behind` then. */
  readonly writable: boolean
  /** Why it did not open. */
  readonly reason: string | null
}

/**
 * Closes the files in the end.
 * @throws StorageError CORRUPT if the key is not to be found, WRONG_KEY if it is another one; WRITE_FAILED
 */
export async function salvage(
  files: LogFiles,
  options: SalvageOptions = {}
): Promise<SalvageReport> {
  try {
    return await salvageFiles(files, options)
  } finally {
    await files.close()
  }
}

async function salvageFiles(files: LogFiles, options: SalvageOptions): Promise<SalvageReport> {
  throwIfAborted(options.signal)
  if (files.readOnly) throw new StateError('NOT_WRITABLE', 'The directory cannot be written to')
  const secret = await readSecret(files.secret).catch(isDamaged)
  const key = await keyOf(files, secret, options)
  const reason = await whyNotOpen(files, key)
  if (reason === null) return { key, moved: [], writable: secret !== null, reason }
  const fitting = secret === null ? null : fittingManifest(secret, key)
  const keepsSecret = secret !== null && (fitting !== null || !reason.includes('another log'))
  const moved: string[] = []
  if (files.secret.byteLength > 0 && !keepsSecret) moved.push(...(await empty(files, ['secret'])))
  if ((await whyNotOpen(files, key)) !== null) {
    if (secret !== null && keepsSecret) {
      await writeSecret(files.secret, { ...secret, place: PLACE_DAMAGED })
    }
    moved.push(...(await empty(files, ['oplog', 'nodes', 'presence'])))
    await beginAnew(files, key, fitting, options)
  } else if (secret !== null && keepsSecret) {
    await writeSecret(files.secret, { ...secret, place: PLACE_DAMAGED })
  }
  return { key, moved, writable: keepsSecret, reason }
}

function isDamaged(error: unknown): null {
  if (error instanceof StorageError && error.code === 'CORRUPT') return null
  throw error
}

/** Opening without a right to write only reads. */
async function whyNotOpen(files: LogFiles, key: Uint8Array): Promise<string | null> {
  try {
    const view = files.view(1024 * 1024)
    const { state } = await openLog(view, { key, createIfMissing: false, readOnly: true })
    state.close()
    return null
  } catch (error) {
    const isOurs =
      error instanceof StorageError &&
      (error.code === 'CORRUPT' || error.code === 'NOT_FOUND' || error.code === 'WRONG_KEY')
    if (isOurs) return error.message
    throw error
  }
}

async function keyOf(
  files: LogFiles,
  secret: Secret | null,
  { key }: SalvageOptions
): Promise<Uint8Array> {
  if (key !== undefined && key.byteLength !== 32) {
    throw new ArgumentError('INVALID_ARGUMENT', 'A key has 32 bytes')
  }
  const stored = await keyInOplog(files)
  const own = secret === null ? null : manifestKey(defaultManifest(secret.publicKey))
  const found = key ?? stored ?? own
  if (found === null) {
    throw new StorageError(
      'CORRUPT',
      'Nothing is left that tells the key of this log; it has to be given'
    )
  }
  return found
}

async function keyInOplog({ oplog }: LogFiles): Promise<Uint8Array | null> {
  for (const offset of IDENTITY_OFFSETS) {
    if (offset + SECTOR_BYTES > oplog.byteLength) continue
    const identity = decodeIdentity(await oplog.read(offset, SECTOR_BYTES))
    if (identity !== null) return identity.key
  }
  return null
}

/** The manifest that the key pair alone tells; null: it does not belong to the key, or signs with others. */
function fittingManifest({ publicKey }: Secret, key: Uint8Array): Manifest | null {
  const made = defaultManifest(publicKey)
  if (equalBytes(manifestKey(made), key)) return made
  return equalBytes(publicKey, key) ? compatManifest(key) : null
}

/** Copies what the files hold aside, then empties them. */
async function empty(
  files: LogFiles,
  names: readonly ('oplog' | 'nodes' | 'presence' | 'secret')[]
): Promise<string[]> {
  for (const name of names) {
    if (files[name].byteLength > 0) await files.keepAside(name, 0, files[name].byteLength)
  }
  for (const name of names) {
    await files[name].truncate(0)
    await files[name].sync()
  }
  return [...names]
}

async function beginAnew(
  files: LogFiles,
  key: Uint8Array,
  manifest: Manifest | null,
  options: SalvageOptions
): Promise<void> {
  const env = options.env ?? systemEnv
  const limits = { ...defaultLimits, ...options.limits }
  const identity = {
    format: FORMAT_VERSION,
    minReader: MIN_READER_VERSION,
    storeId: env.randomBytes(16).slice(),
    key,
    halfBytes: limits.halfBytes
  }
  await Oplog.writeIdentity(files.oplog, identity)
  await files.presence.write(0, sealedPage(emptyPage(), 0))
  await files.presence.sync()
  await files.syncDirectory()
  const state = await CoreState.open(files, () => {})
  if (manifest !== null) state.manifest = encodeManifest(manifest)
  await firstHalf(files, identity, state, env)
  state.close()
}
