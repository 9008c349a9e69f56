// Prove: what is needed to show somebody who knows the log's key what a store says about keys (spec hamt.md section 9).
import { ArgumentError, UnavailableError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import { equalBytes } from '../util/bytes.ts'
import { MAX_PROVEN_KEYS } from './constants.ts'
import type { View } from './cuts.ts'
import { readEntry } from './entry.ts'
import { descend, headEntrance } from './get.ts'
import { checkKey, type Key } from './key.ts'
import type { OpenedKeyValue } from './opened-keyvalue.ts'
import type { ReadOptions } from './options.ts'
import type { Paths } from './path.ts'
import { encodeProof, type LogProof } from './proof-format.ts'
import type { Walk } from './walk.ts'

/**
 * The proof's bytes.
 * @throws ArgumentError INVALID_ARGUMENT, KEY_INVALID; UnavailableError NOT_AVAILABLE if the store is empty, or a node of
 *   the log's tree is not here; as a get
 */
export async function proveKeys(
  opened: OpenedKeyValue,
  pinned: View | null,
  keys: readonly Key[],
  options: ReadOptions
): Promise<Uint8Array> {
  if (keys.length < 1 || keys.length > MAX_PROVEN_KEYS) {
    throw new ArgumentError('INVALID_ARGUMENT', `prove: 1 to ${MAX_PROVEN_KEYS} keys`)
  }
  const view = pinned ?? (await opened.newest(options))
  const paths = await opened.knownPaths(options)
  if (paths === null || view.version <= 1) {
    throw new UnavailableError('NOT_AVAILABLE', 'An empty store has nothing that could be proven')
  }
  const needed = new Map<number, Uint8Array>()
  for (const key of keys) {
    checkKey(key, paths.isOrdered)
    await opened.read(
      view,
      (version) => recorded(walkFor(key, version, paths), needed),
      null,
      options
    )
  }
  needed.set(0, await opened.header0(options))
  const { log } = opened
  const [first, ...rest] = [...needed].sort(([a], [b]) => b - a)
  const head = await headProof(log, first!)
  const { upgrade, fork, manifest } = head
  const { length, nodes, signature } = upgrade!
  const blocks = [head.block!]
  // The log may grow meanwhile: all nodes are those below the roots of that head.
  for (const block of rest) blocks.push((await blockProof(log, block, { fork, length })).block!)
  return encodeProof({
    version: view.version,
    keys,
    head: { fork, length, nodes, signature, manifest: manifest ?? new Uint8Array(0) },
    blocks
  })
}

function* walkFor(key: Key, version: number, paths: Paths): Walk<null> {
  const leaf = yield* descend(paths.pathOf(key), headEntrance(version))
  if (leaf?.hasKey(key) === true) yield* readEntry(leaf)
  return null
}

/** The same walk; the blocks that it reads are kept. */
function* recorded<R>(walk: Walk<R>, into: Map<number, Uint8Array>): Walk<R> {
  let step = walk.next()
  while (step.done !== true) {
    const block = yield step.value
    into.set(step.value, block)
    step = walk.next(block)
  }
  return step.value
}

function headProof(log: Log, block: NumberedBlock): Promise<LogProof> {
  const { fork, length } = log
  const request = { fork, manifest: true, hash: null, seek: null, upgrade: { start: 0, length } }
  return proofOf(log, block, { ...request, block: { index: block[0], nodes: 0 } })
}

function blockProof(
  log: Log,
  block: NumberedBlock,
  { fork, length }: { readonly fork: number; readonly length: number }
): Promise<LogProof> {
  const [index] = block
  const request = { fork, manifest: false, hash: null, seek: null, upgrade: null }
  return proofOf(log, block, { ...request, block: { index, nodes: levelsAbove(index, length) } })
}

type NumberedBlock = readonly [number, Uint8Array]

async function proofOf(
  log: Log,
  [index, plain]: NumberedBlock,
  request: Parameters<Log['prove']>[0]
): Promise<LogProof> {
  const proof = await log.prove(request)
  if (proof === null || proof.block === null) {
    throw new UnavailableError('NOT_AVAILABLE', `What proves block ${index} is not here`)
  }
  if (!equalBytes(proof.block.value, plain)) {
    throw new ArgumentError('INVALID_ARGUMENT', 'prove: the blocks of this log are encrypted')
  }
  return proof
}

/** From a block up to the root of a log's tree that it is below: each 1 in the length's bits is a root. */
function levelsAbove(index: number, length: number): number {
  let start = 0
  let height = Math.floor(Math.log2(length))
  for (;;) {
    const span = 2 ** height
    if (length - start >= span) {
      if (index < start + span) return height
      start += span
    }
    height--
  }
}
