// Opening a log: finds or creates it, checks that it is the one asked for, recovers its state.
// Creation: the directory synced, so that no name can be missing beside content; identity, synced; an empty presence
// page; the secret, synced; then the first header. Until that header is there and as long as nothing else was stored, the log does not exist, and creation begins
// again. Owner: Core.open. Design: reliability.md sections 5.5 and 6.
import type { KeyPair } from '../crypto/key-pair.ts'
import { createKeyPair } from '../crypto/key-pair.ts'
import { type Env, systemEnv } from '../env.ts'
import { ArgumentError, StorageError } from '../errors.ts'
import { FORMAT_VERSION, MIN_READER_VERSION } from '../storage/constants.ts'
import type { LogFiles } from '../storage/log-files.ts'
import { Oplog } from '../storage/oplog.ts'
import type { Identity } from '../storage/oplog-format.ts'
import { type OplogPosition, type OplogScan, scanOplog } from '../storage/oplog-scan.ts'
import { emptyPage, sealedPage } from '../storage/presence-file.ts'
import {
  PLACE_DAMAGED,
  PLACE_RESTORED,
  readSecret,
  type Secret,
  writeSecret
} from '../storage/secret-file.ts'
import { equalBytes } from '../util/bytes.ts'
import type { SignedTree } from './change.ts'
import { headerBody } from './change-format.ts'
import { type CoreLimits, defaultLimits } from './constants.ts'
import type { Durability } from './durability.ts'
import { verifyHead } from './head-signature.ts'
import { decodeConflict } from './histories/conflict-format.ts'
import { Fence } from './histories/fence.ts'
import type { BehindReason } from './histories/standing.ts'
import {
  compatManifest,
  decodeManifest,
  defaultManifest,
  encodeManifest,
  isCompat,
  type Manifest,
  manifestKey
} from './manifest.ts'
import { nothingReplayed, type Recovery, type Replayed, recover } from './recovery.ts'
import { CoreState, type Damage } from './state.ts'

/** How often a log that is written to elsewhere is looked at again. */
const MAX_LOOKS = 16

export interface CoreOptions {
  /** The log key, 32 bytes. Without it, that of the manifest, of the key pair, or of a new key pair. */
  key?: Uint8Array
  /** With it the log is writable. Without it, the key pair in the log's own files is used. */
  keyPair?: KeyPair
  manifest?: Manifest
  /** Default true. */
  createIfMissing?: boolean
  readOnly?: boolean
  /** For appends. Default `power` where the files can be synced, else `memory`. */
  durability?: Durability
  env?: Env
  limits?: Partial<CoreLimits>
}

export interface Opened {
  readonly files: LogFiles
  readonly key: Uint8Array
  readonly keyPair: KeyPair | null
  readonly manifest: Manifest | null
  readonly state: CoreState
  readonly oplog: Oplog
  readonly fence: Fence
  readonly isClean: boolean
  /** The last head that is known to be synced, and what was read beyond it. */
  readonly synced: SignedTree
  readonly replayed: Replayed
  /** Nothing can be written. */
  readonly readOnly: boolean
  readonly damages: Damage[]
  readonly durability: Durability
  readonly limits: CoreLimits
  readonly env: Env
}

/** @throws StorageError NOT_FOUND, WRONG_KEY, CORRUPT, FORMAT_TOO_NEW, READ_FAILED, WRITE_FAILED */
export async function openLog(files: LogFiles, options: CoreOptions): Promise<Opened> {
  const env = options.env ?? systemEnv
  const limits = { ...defaultLimits, ...options.limits }
  const durability = levelOf(files, options)
  const readOnly = files.readOnly || options.readOnly === true
  const damages: Damage[] = []
  const onDamage = (damage: Damage): void => {
    damages.push(damage)
  }
  const context = { files, options, env, limits, durability, readOnly, damages }
  const found = await scanOplog(files.oplog, files.othersHaveContent)
  if (found.kind !== 'log') {
    if (
      found.kind === 'unfinished' &&
      (files.nodes.byteLength > 0 || files.blocks.byteLength > 0)
    ) {
      throw new StorageError('CORRUPT', 'oplog has no valid header, but the log has content')
    }
    if (options.createIfMissing === false || readOnly) {
      throw new StorageError('NOT_FOUND', 'There is no log in these files')
    }
    return create(context, found.kind === 'unfinished' ? found.identity : null, onDamage)
  }
  return openFound(context, found.scan, onDamage)
}

async function openFound(
  context: Context,
  scan: OplogScan,
  onDamage: (damage: Damage) => void
): Promise<Opened> {
  const { files, options, env } = context
  const { key } = scan.identity
  assertKey(options, key)
  const recovery = await recoverSteady(context, scan, onDamage)
  const { state, position, lost, synced, replayed } = recovery
  const secret = await readSecret(files.secret)
  let manifest = state.manifest === null ? null : decodeManifest(state.manifest)
  // Fetched so far, or about to be, by its key alone; now by its owner. The next header, written before anything is
  // signed, keeps it.
  const isLearned = manifest === null && options.keyPair !== undefined
  if (isLearned) {
    manifest = ownerOf({ ...options, key }, null).manifest
    if (manifest !== null) state.manifest = encodeManifest(manifest)
  }
  const keyPair = usableKeyPair(options.keyPair ?? secret, manifest, key)
  if (!isSigned(state, manifest, key)) {
    throw new StorageError('CORRUPT', 'oplog holds a head whose signature is not that of the log')
  }
  if (secret !== null && manifest !== null && usableKeyPair(secret, manifest, key) === null) {
    throw new StorageError('CORRUPT', 'secret holds the key pair of another log')
  }
  let { readOnly } = context
  if (secret !== null && keyPair !== null && lost !== null && !readOnly) {
    // Before anything else is written, or nothing is: a crash on the way to the header that remembers the loss may
    // leave no trace of what is missing.
    await writeSecret(files.secret, { ...secret, place: PLACE_DAMAGED }).catch(() => {
      readOnly = true
    })
  }
  const fence = new Fence(keyPair === null ? null : await behindReason(files, secret, state))
  fence.reached(state.tree.head())
  const { conflict } = state.standing
  if (conflict !== null) fence.freeze(decodeConflict(conflict).fork)
  const oplog = new Oplog(files.oplog, scan.identity, position, env)
  const opened = { ...context, readOnly, key, keyPair, manifest, state, oplog, fence }
  const isClean = isAsClosed(recovery, oplog, context.limits) && !isLearned
  return { ...opened, isClean, synced, replayed }
}

function isAsClosed({ isClean, isSteady }: Recovery, oplog: Oplog, limits: CoreLimits): boolean {
  return isClean || (isSteady && oplog.usedBytes <= limits.restBytes)
}

/**
 * Files that another process writes to change between two reads, and then look as if something was lost. So that
 * counts only if nothing moves.
 */
async function recoverSteady(
  { files, damages }: Context,
  first: OplogScan,
  onDamage: (damage: Damage) => void
): Promise<Recovery> {
  let scan = first
  for (let looks = 1; ; looks++) {
    const result = await recover(files, scan, onDamage).catch((error: unknown) => error)
    const isRecovery = isRecovered(result)
    if (isRecovery && (result.lost === null || !files.readOnly)) return result
    const next = files.readOnly && looks < MAX_LOOKS ? await movedOn(files, scan) : null
    if (next === null) {
      if (isRecovery) return result
      throw result
    }
    if (isRecovery) result.state.close()
    damages.length = 0
    scan = next
  }
}

function isRecovered(result: unknown): result is Recovery {
  return typeof result === 'object' && result !== null && 'state' in result
}

/** What the oplog says by now; null if that is the same as before. */
async function movedOn(files: LogFiles, before: OplogScan): Promise<OplogScan | null> {
  await files.refresh()
  const found = await scanOplog(files.oplog, true)
  if (found.kind !== 'log') return null
  return found.scan.position.lastSeq === before.position.lastSeq ? null : found.scan
}

interface Context {
  readonly files: LogFiles
  readonly options: CoreOptions
  readonly env: Env
  readonly limits: CoreLimits
  readonly durability: Durability
  readonly readOnly: boolean
  readonly damages: Damage[]
}

async function create(
  context: Context,
  begun: Identity | null,
  onDamage: (damage: Damage) => void
): Promise<Opened> {
  const { files, options, env, limits } = context
  const secret = begun === null ? null : await readSecret(files.secret).catch(() => null)
  const owner = ownerOf(options, secret)
  const { key, manifest } = owner
  const keyPair = usableKeyPair(owner.keyPair, manifest, key)
  const identity: Identity = {
    format: FORMAT_VERSION,
    minReader: MIN_READER_VERSION,
    storeId: env.randomBytes(16).slice(),
    key,
    halfBytes: limits.halfBytes
  }
  await files.syncDirectory()
  // An identity stays until it is written over: beside what was written after it, its file must not be empty.
  if (begun === null) await files.oplog.truncate(0)
  await Oplog.writeIdentity(files.oplog, identity)
  if (!files.isIndexed) {
    // Whoever loses the oplog finds that there was a log. A store knows it by its index.
    await files.presence.write(0, sealedPage(emptyPage(), 0))
    await files.presence.sync()
  }
  if (keyPair !== null) {
    const place = files.inCopy ? PLACE_RESTORED : await files.secretPlace()
    await writeSecret(files.secret, { ...keyPair, place })
  }
  const state = await CoreState.open(files, onDamage)
  if (manifest !== null) state.manifest = encodeManifest(manifest)
  const oplog = await firstHalf(files, identity, state, env)
  const fence = new Fence(files.inCopy && keyPair !== null ? 'copied' : null)
  const opened = { ...context, key, keyPair, manifest, state, oplog, fence }
  return { ...opened, isClean: true, synced: state.head, replayed: nothingReplayed }
}

export async function firstHalf(
  files: LogFiles,
  identity: Identity,
  state: CoreState,
  env: Env
): Promise<Oplog> {
  const position: OplogPosition = Oplog.unstarted(identity)
  const oplog = new Oplog(files.oplog, identity, position, env)
  const group = oplog.prepare([], headerBody(state))
  await oplog.write(group)
  oplog.advance(group)
  await files.oplog.sync()
  oplog.synced(oplog.lastSeq)
  await oplog.seal()
  return oplog
}

/** Who the new log belongs to. */
function ownerOf(
  options: CoreOptions,
  secret: Secret | null
): { key: Uint8Array; keyPair: KeyPair | null; manifest: Manifest | null } {
  const { key, manifest } = options
  if (manifest !== undefined) {
    const own = key ?? manifestKey(manifest)
    const keyPair = options.keyPair ?? secret
    if (!isCompat(manifest, own) && !equalBytes(manifestKey(manifest), own)) {
      throw new ArgumentError('INVALID_ARGUMENT', 'The manifest does not belong to the key')
    }
    return { key: own, keyPair, manifest }
  }
  if (key === undefined) {
    const keyPair = options.keyPair ?? secret ?? createKeyPair()
    const made = defaultManifest(keyPair.publicKey)
    return { key: manifestKey(made), keyPair, manifest: made }
  }
  const keyPair = options.keyPair ?? secret
  if (keyPair === null) return { key, keyPair: null, manifest: null }
  const candidates = [defaultManifest(keyPair.publicKey), compatManifest(key)]
  const fitting = candidates.find(
    (each) =>
      equalBytes(manifestKey(each), key) ||
      (isCompat(each, key) && equalBytes(keyPair.publicKey, key))
  )
  return { key, keyPair: fitting === undefined ? null : keyPair, manifest: fitting ?? null }
}

export function usableKeyPair(
  keyPair: KeyPair | null,
  manifest: Manifest | null,
  key: Uint8Array
): KeyPair | null {
  if (keyPair === null) return null
  const { publicKey, secretKey } = keyPair
  const signers = manifest === null ? [] : manifest.signers.map((signer) => signer.publicKey)
  const fits = [key, ...signers].some((each) => equalBytes(each, publicKey))
  return fits ? { publicKey, secretKey } : null
}

export function isSigned(state: CoreState, manifest: Manifest | null, key: Uint8Array): boolean {
  const { tree, signature } = state
  if (tree.length === 0 && signature.byteLength === 0) return true
  return verifyHead(manifest ?? compatManifest(key), key, tree, signature)
}

async function behindReason(
  files: LogFiles,
  secret: Secret | null,
  { standing }: CoreState
): Promise<BehindReason | null> {
  if (standing.behind !== null) return standing.behind
  const place = secret?.place ?? null
  if (place === null) return null
  if (place === PLACE_DAMAGED) return 'damaged'
  return (await files.secretPlace()) === place ? null : 'copied'
}

function assertKey(options: CoreOptions, key: Uint8Array): void {
  const asked =
    options.key ?? (options.manifest === undefined ? undefined : manifestKey(options.manifest))
  if (asked !== undefined && !equalBytes(asked, key)) {
    throw new StorageError('WRONG_KEY', 'These files hold a log with another key')
  }
}

function levelOf(files: LogFiles, options: CoreOptions): Durability {
  const level = options.durability ?? (files.canSync ? 'power' : 'memory')
  if (level === 'power' && !files.canSync) {
    throw new ArgumentError(
      'INVALID_ARGUMENT',
      'This storage cannot be synced, so it cannot offer level "power"'
    )
  }
  return level
}
