// What a session changes: the log, or its batch. Whoever has to know the length beforehand is alone while it writes.
import { MAX_BLOCKS_PER_APPEND } from '../core/constants.ts'
import type { Signing } from '../core/writer.ts'
import type { KeyPair } from '../crypto/key-pair.ts'
import { equalBytes } from '../util/bytes.ts'
import { joins } from './batch-tree.ts'
import { BatchView } from './batch-view.ts'
import type { EncryptionProvider } from './encryption.ts'
import { HypercoreError, translated } from './errors.ts'
import { type PublicKeyPair, signingPair } from './options.ts'
import type { SharedCore } from './shared-core.ts'
import type { Extent, View } from './view.ts'

export interface AppendOptions {
  /** Who signs, in place of the session's pair. */
  keyPair?: KeyPair | PublicKeyPair | null
  /** Nothing is appended if the core would become longer. */
  maxLength?: number
  /** True: also where the session has no key pair. */
  writable?: boolean
  signature?: Uint8Array | null
}

export interface TruncateOptions {
  /** By default the next one. */
  fork?: number
  keyPair?: KeyPair | PublicKeyPair | null
  signature?: Uint8Array | null
}

export interface CommitOptions {
  /** Commits so many blocks of the batch; all by default. */
  length?: number
  signature?: Uint8Array | null
  keyPair?: KeyPair | PublicKeyPair | null
}

export interface AppendWish {
  readonly core: SharedCore
  readonly view: View
  readonly provider: EncryptionProvider | null
  readonly keyPair: KeyPair | PublicKeyPair | null
  readonly options: AppendOptions
}

/** The new length, or the present one if it is above maxLength. */
export async function appendTo(wish: AppendWish, blocks: Uint8Array[]): Promise<Extent> {
  const { core, view, provider, keyPair, options } = wish
  const { maxLength = -1 } = options
  const signing = view.kind === 'live' ? signingOf(core, { ...options, keyPair }) : {}
  const write = async (): Promise<Extent> => {
    const { length, byteLength, fork } = view
    if (maxLength >= 0 && length + blocks.length > maxLength) return { length, byteLength }
    if (blocks.length === 0) return { length, byteLength }
    if (provider !== null) {
      for (const [i, block] of blocks.entries())
        await provider.encrypt(length + i, block, fork, contextOf(core))
    }
    if (!(view instanceof BatchView)) return appendAll(core, blocks, signing)
    const extent = view.append(blocks)
    core.emitToView(view, 'append')
    return extent
  }
  const isLong = blocks.length > MAX_BLOCKS_PER_APPEND
  const isAlone = provider !== null || maxLength >= 0 || view.kind === 'batch' || isLong
  const done = isAlone ? core.writes.exclusive(write) : core.writes.shared(write)
  return translated(done, core.discoveryKey)
}

/** Of more blocks than one append may have: several, of which a crash may leave the first ones. */
async function appendAll(
  core: SharedCore,
  blocks: readonly Uint8Array[],
  signing: Signing
): Promise<Extent> {
  if (blocks.length <= MAX_BLOCKS_PER_APPEND) return core.log.append(blocks, signing)
  let extent: Extent = core.live
  for (let start = 0; start < blocks.length; start += MAX_BLOCKS_PER_APPEND) {
    extent = await core.log.append(blocks.slice(start, start + MAX_BLOCKS_PER_APPEND), signing)
  }
  return extent
}

export async function truncateTo(
  core: SharedCore,
  view: View,
  newLength: number,
  options: TruncateOptions
): Promise<void> {
  const work = core.writes.exclusive(async () => {
    const { fork = view.fork + 1 } = options
    if (newLength > view.length) {
      throw new HypercoreError(
        'INVALID_OPERATION',
        `Not a truncation: ${newLength} must be at most ${view.length}`,
        { discoveryKey: core.discoveryKey }
      )
    }
    if (newLength === view.length && fork === view.fork) return
    const snapshots = core.snapshotsOf(view)
    await snapshots.keep(view, newLength, view.length)
    if (!(view instanceof BatchView))
      return core.log.truncate(newLength, { fork, ...signingOf(core, options) })
    view.truncate(newLength, fork, await byteLengthAt(core, newLength))
    snapshots.cut(newLength)
    core.emitToView(view, 'truncate', newLength, fork)
  })
  return translated(work, core.discoveryKey)
}

/** The log's new extent; null if it went another way than the batch. */
export function commitTo(
  core: SharedCore,
  batch: BatchView,
  options: CommitOptions
): Promise<Extent | null> {
  const work = core.writes.exclusive(async () => {
    const end = options.length ?? batch.length
    if (batch.isCutBelow) {
      if (core.live.length >= end) return null
      throw new HypercoreError('INVALID_OPERATION', 'The core was cut below the batch', {
        discoveryKey: core.discoveryKey
      })
    }
    if (end > batch.length || core.live.length > end || !(await joins(core, batch))) return null
    const blocks = batch.blocksFrom(core.live.length, end)
    if (blocks.length > 0) await appendAll(core, blocks, signingOf(core, options))
    const { length, byteLength } = core.live
    batch.committed({ length, byteLength })
    return { length, byteLength }
  })
  return translated(work, core.discoveryKey)
}

/**
 * Makes the log what the atom's sessions see. Where it went another way meanwhile, that is cut off under the next fork
 * number: no index is signed twice in one fork.
 */
export function flushAtom(core: SharedCore, batch: BatchView): Promise<void> {
  const work = core.writes.exclusive(async () => {
    const { live } = core
    const { changes } = batch
    if (changes === null) {
      throw new HypercoreError('INVALID_OPERATION', 'The core was cut below the atom', {
        discoveryKey: core.discoveryKey
      })
    }
    const { start, fork, blocks } = changes
    const isCut = fork > live.fork
    if (blocks.length === 0 && !isCut) return
    if (isCut || live.length > start) {
      await core.snapshots.keep(live, start, live.length)
      await core.log.truncate(start, { fork: Math.max(fork, live.fork + 1) })
    }
    if (blocks.length > 0) await appendAll(core, blocks, {})
    const { length, byteLength } = live
    batch.committed({ length, byteLength }, live.fork)
  })
  return translated(work, core.discoveryKey)
}

export async function clearIn(core: SharedCore, start: number, end: number): Promise<number> {
  const work = core.writes.exclusive(async () => {
    await core.snapshots.keep(core.live, start, end)
    const { freedBytes } = await core.log.clear(start, end)
    return freedBytes
  })
  return translated(work, core.discoveryKey)
}

/** What an encryption provider may know of the core. */
export function contextOf(core: SharedCore): SharedCore & { readonly key: Buffer } {
  return core as SharedCore & { readonly key: Buffer }
}

async function byteLengthAt(core: SharedCore, length: number): Promise<number> {
  if (length >= core.log.length) return core.log.byteLength
  let byteLength = 0
  for (let index = 0; index < length; index++) {
    byteLength += (await core.log.get(index)).byteLength
  }
  return byteLength
}

/** Who signs, if it is not the log's own pair. @throws HypercoreError BAD_ARGUMENT if that is no signer */
function signingOf(core: SharedCore, given: Pick<AppendOptions, 'keyPair' | 'signature'>): Signing {
  if (given.signature) return { signature: given.signature }
  const keyPair = signingPair(given.keyPair)
  const own = core.log.keyPair
  if (keyPair === null || (own !== null && equalBytes(keyPair.publicKey, own.publicKey))) return {}
  const { manifest } = core
  const isSigner = manifest?.signers.some((signer) =>
    equalBytes(signer.publicKey, keyPair.publicKey)
  )
  if (isSigner === false) {
    throw new HypercoreError('BAD_ARGUMENT', 'The public key is not that of a declared signer', {
      discoveryKey: core.discoveryKey
    })
  }
  return { keyPair }
}
