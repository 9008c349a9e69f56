// createBundle: logs, or ranges of them, as a stream of bytes that proves itself. What is written is the log as it was
// when its turn came: later appends do not matter, blocks that were cleared meanwhile are named as missing, and a log
// that is cut meanwhile fails, for its blocks would not fit the head any more. Memory: one block, and two bits for each.
import {
  BOX_NONCE_BYTES,
  MODERATE_COST,
  type PassphraseCost,
  SALT_BYTES,
  sealWithPassphrase
} from '../crypto/passphrase.ts'
import { wipe } from '../crypto/wipe.ts'
import { type Env, systemEnv } from '../env.ts'
import { ArgumentError, StorageError, UnavailableError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import { depthOf, leafOf, parentOf, rootsOf, siblingOf } from '../merkle/flat-tree.ts'
import { emptyRequest } from '../merkle/proof.ts'
import { LogFiles } from '../storage/log-files.ts'
import { readSecret } from '../storage/secret-file.ts'
import { throwIfAborted } from '../util/abort.ts'
import { Bitfield } from '../util/bitfield.ts'
import { concat, fromUtf8 } from '../util/bytes.ts'
import {
  blockRecord,
  encodeBody,
  keyPairRecord,
  logRecord,
  missingRecord,
  TYPE_BLOCK,
  TYPE_KEY_PAIR,
  TYPE_LOG,
  TYPE_MISSING
} from './bundle-format.ts'
import { RecordWriter } from './bundle-records.ts'

export interface BundleSource {
  readonly log: Pick<Log<unknown>, 'key' | 'fork' | 'durableLength' | 'prove' | 'has'>
  /** Blocks [start, end); all by default. */
  readonly start?: number
  readonly end?: number
  /** The log's directory, if its key pair is to go along, under the passphrase. */
  readonly keyFrom?: string
}

export interface BundleOptions {
  /** For the key pairs. */
  passphrase?: string
  /** What opening a key pair costs. */
  cost?: PassphraseCost
  signal?: AbortSignal
  env?: Env
}

/**
 * @throws ArgumentError if a passphrase is missing; StorageError NOT_FOUND if there is no key pair; UnavailableError
 *   NOT_AVAILABLE if a log is cut meanwhile; StorageError READ_FAILED; AbortError
 */
export async function* createBundle(
  sources: readonly BundleSource[],
  options: BundleOptions = {}
): AsyncGenerator<Uint8Array, void, void> {
  const writer = new RecordWriter()
  yield writer.preamble()
  for (const source of sources) {
    const head = await headOf(source)
    yield writer.record(TYPE_LOG, encodeBody(logRecord, head))
    if (source.keyFrom !== undefined) {
      yield writer.record(TYPE_KEY_PAIR, await keyPairBody(source.keyFrom, head.key, options))
    }
    yield* blocksOf(writer, source, head, options.signal)
  }
  yield writer.end()
}

type Head = Parameters<typeof logRecord.encode>[1]

async function headOf({ log }: BundleSource): Promise<Head> {
  const { key, fork, durableLength: length } = log
  const none = { key, fork, length, nodes: [], signature: new Uint8Array(0), manifest: null }
  if (length === 0) return none
  const upgrade = { start: 0, length }
  const proof = await log.prove({ ...emptyRequest, fork, manifest: true, upgrade })
  if (proof?.upgrade == null || proof.upgrade.additionalNodes.length > 0) throw cut()
  const { nodes, signature } = proof.upgrade
  return { key, fork, length, nodes, signature, manifest: proof.manifest }
}

async function* blocksOf(
  writer: RecordWriter,
  { log, start = 0, end = Number.POSITIVE_INFINITY }: BundleSource,
  { fork, length }: Head,
  signal: AbortSignal | undefined
): AsyncGenerator<Uint8Array, void, void> {
  const known = new Bitfield()
  for (const root of rootsOf(length)) known.set(root, true)
  const last = Math.min(end, length)
  let missing = start
  for (let index = start; index < last; index++) {
    throwIfAborted(signal)
    const block = { index, nodes: missingLevels(known, index) }
    const proof = await log.prove({ ...emptyRequest, fork, block })
    if (log.fork !== fork) throw cut()
    if (proof?.block == null) continue
    if (missing < index) yield missingBetween(writer, missing, index)
    missing = index + 1
    note(known, index, block.nodes)
    yield writer.record(TYPE_BLOCK, encodeBody(blockRecord, proof.block))
  }
  if (missing < last) yield missingBetween(writer, missing, last)
}

function missingBetween(writer: RecordWriter, start: number, end: number): Uint8Array {
  return writer.record(TYPE_MISSING, encodeBody(missingRecord, { start, end }))
}

/** Levels between the block and a node that whoever reads the bundle knows by then. */
function missingLevels(known: Bitfield, index: number): number {
  let nodeIndex = leafOf(index)
  while (!known.has(nodeIndex)) nodeIndex = parentOf(nodeIndex)
  return depthOf(nodeIndex)
}

function note(known: Bitfield, index: number, levels: number): void {
  let nodeIndex = leafOf(index)
  for (let level = 0; level < levels; level++) {
    known.set(nodeIndex, true)
    known.set(siblingOf(nodeIndex), true)
    nodeIndex = parentOf(nodeIndex)
  }
}

async function keyPairBody(
  directory: string,
  key: Uint8Array,
  { passphrase, cost = MODERATE_COST, env = systemEnv }: BundleOptions
): Promise<Uint8Array> {
  if (passphrase === undefined || passphrase === '') {
    throw new ArgumentError('INVALID_ARGUMENT', 'A key pair goes into a bundle under a passphrase')
  }
  const files = await LogFiles.open(directory, { readOnly: true })
  try {
    const secret = await readSecret(files.secret)
    if (secret === null) throw new StorageError('NOT_FOUND', 'The log has no key pair')
    const salt = env.randomBytes(SALT_BYTES)
    const nonce = env.randomBytes(BOX_NONCE_BYTES)
    const plaintext = concat([secret.publicKey, secret.secretKey])
    const use = { salt, nonce, cost }
    const box = sealWithPassphrase(fromUtf8(passphrase), plaintext, key, use)
    wipe(plaintext)
    wipe(secret.secretKey)
    return encodeBody(keyPairRecord, { salt, nonce, ...cost, box })
  } finally {
    await files.close()
  }
}

function cut(): UnavailableError {
  return new UnavailableError('NOT_AVAILABLE', 'The log was cut meanwhile: begin the bundle again')
}
