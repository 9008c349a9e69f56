// Verifying a portable proof: with the log's key alone, without a store, a peer or a disk (spec hamt.md section 9). What is
// proven is what the log's writer signed; how new it is, the version tells.
import { ProofError } from '../errors.ts'
import { encodingOf } from '../log/encoding.ts'
import { Log } from '../log/log.ts'
import { Coder } from './coder.ts'
import { type Entry, type RawEntry, readEntry } from './entry.ts'
import { COMMIT, readPlace } from './fragment.ts'
import { descend, headEntrance } from './get.ts'
import { readHeader } from './header.ts'
import { checkKey, type Key, keyEncodingOf } from './key.ts'
import type { KeyValueOptions } from './options.ts'
import { type Paths, pathsOf } from './path.ts'
import { decodeProof, type PortableProof } from './proof-format.ts'
import { type Walk, walkHeld } from './walk.ts'

export interface ProvenEntry<K, V> {
  readonly key: K
  /** Null: the key is not in the store at that version. */
  readonly entry: Entry<K, V> | null
}

export interface ProvenEntries<K, V> {
  /** Of the store: a length of the log. */
  readonly version: number
  /** Of the log, as it was signed: at least the version. */
  readonly length: number
  readonly fork: number
  readonly entries: readonly ProvenEntry<K, V>[]
}

/**
 * What the proof says about its keys.
 * @param key of the log: 32 bytes, or their text
 * @throws ProofError BAD_MESSAGE, BAD_HASH, BAD_SIGNATURE, BAD_MANIFEST, INCOMPLETE; FormatError if the log's writer signed
 *   what is no store; StorageError CORRUPT if a value is not of the encoding
 */
export async function verifyProof<K = string, V = Uint8Array>(
  key: Uint8Array | string,
  proof: Uint8Array,
  options: Pick<KeyValueOptions<K, V>, 'keyEncoding' | 'valueEncoding'> = {}
): Promise<ProvenEntries<K, V>> {
  const coder = new Coder<K, V>(
    keyEncodingOf(options.keyEncoding),
    encodingOf(options.valueEncoding),
    []
  )
  const parts = decodeProof(proof)
  const blocks = await provenBlocks(key, parts)
  const { version, keys, head } = parts
  const found = lookUp(blocks, version, keys)
  const entries = found.map((entry, i) => ({
    key: coder.keyOf(keys[i]!),
    entry: entry === null ? null : coder.entryOf(entry)
  }))
  return { version, length: head.length, fork: head.fork, entries }
}

/** The blocks, each checked against the signed head: by a log in memory that takes them in as if from a peer. */
async function provenBlocks(
  key: Uint8Array | string,
  { head, blocks }: PortableProof
): Promise<Map<number, Uint8Array>> {
  await using log = await Log.open(null, { key, durability: 'memory' })
  const { fork, length, nodes, signature, manifest } = head
  const proven = new Map<number, Uint8Array>()
  for (const [i, block] of blocks.entries()) {
    if (proven.has(block.index)) throw superfluous(block.index)
    const upgrade = { start: 0, length, nodes, additionalNodes: [], signature }
    const isFirst = i === 0
    await log.accept({
      fork,
      block,
      hash: null,
      seek: null,
      upgrade: isFirst ? upgrade : null,
      manifest: isFirst && manifest.byteLength > 0 ? manifest : null
    })
    proven.set(block.index, block.value)
  }
  if (log.length !== length || log.fork !== fork) {
    throw new ProofError('BAD_MESSAGE', 'The proof does not lead to the head that it names')
  }
  return proven
}

/** Gets over exactly these blocks. */
function lookUp(
  blocks: ReadonlyMap<number, Uint8Array>,
  version: number,
  keys: readonly Key[]
): (RawEntry | null)[] {
  const used = new Set<number>([0])
  const held = (seq: number): Uint8Array | null => {
    used.add(seq)
    return blocks.get(seq) ?? null
  }
  const paths = pathsOf(readHeader(needed(0, held)))
  const head = needed(version - 1, held)
  if (readPlace(head, version - 1).kind !== COMMIT) {
    throw new ProofError('BAD_MESSAGE', `${version} is no version of the store`)
  }
  const entries = keys.map((key) => {
    checkKey(key, paths.isOrdered)
    const outcome = walkHeld(find(key, version, paths), held)
    if ('missing' in outcome) throw incomplete(outcome.missing)
    return outcome.result
  })
  for (const index of blocks.keys()) if (!used.has(index)) throw superfluous(index)
  return entries
}

function* find(key: Key, version: number, paths: Paths): Walk<RawEntry | null> {
  const leaf = yield* descend(paths.pathOf(key), headEntrance(version))
  return leaf?.hasKey(key) === true ? yield* readEntry(leaf) : null
}

function needed(seq: number, held: (seq: number) => Uint8Array | null): Uint8Array {
  const block = held(seq)
  if (block === null) throw incomplete(seq)
  return block
}

function incomplete(seq: number): ProofError {
  return new ProofError('INCOMPLETE', `The proof lacks block ${seq}: it proves nothing`)
}

function superfluous(index: number): ProofError {
  return new ProofError('BAD_MESSAGE', `The proof has block ${index} without need`)
}
