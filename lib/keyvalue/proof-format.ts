// A portable proof in bytes: which keys, the version, the signed head with its first block, and further blocks, each with
// the nodes that lead to the head's roots; last a hash over all of it, so that no bit can change unnoticed on the way. What
// is proven rests on the log's signature alone (spec hamt.md section 9).
//
//   01 | version | keys | head: fork, length, nodes, signature, manifest | blocks: index, value, nodes … | 32 bytes
import { hash } from '../crypto/hash.ts'
import { ProofError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import { concat, equalBytes } from '../util/bytes.ts'
import { buffer, type Codec, decode, encode, fixed32, list, struct, uint } from '../util/codec.ts'
import { MAX_COMPONENTS, MAX_HOPS, MAX_PROVEN_KEYS } from './constants.ts'
import type { Key } from './key.ts'

const FORMAT = 1
const HASH_BYTES = 32
/** Of one way to the roots, and of the roots of a log: both at most one per level of the tree. */
const MAX_NODES = 128

/** As Log.prove gives it. */
export type LogProof = NonNullable<Awaited<ReturnType<Log['prove']>>>
type Nodes = NonNullable<LogProof['block']>['nodes']

export interface ProvenHead {
  readonly fork: number
  readonly length: number
  readonly nodes: Nodes
  readonly signature: Uint8Array
  readonly manifest: Uint8Array
}

export type ProvenBlocks = readonly NonNullable<LogProof['block']>[]

export interface PortableProof {
  readonly format: number
  readonly version: number
  readonly keys: readonly Key[]
  readonly head: ProvenHead
  readonly blocks: ProvenBlocks
}

const nodes: Codec<Nodes> = list(
  struct<Nodes[number]>({ nodeIndex: uint, byteLength: uint, hash: fixed32 }),
  MAX_NODES
)

const codec: Codec<PortableProof> = struct<PortableProof>({
  format: uint,
  version: uint,
  keys: list(list(buffer, MAX_COMPONENTS) as Codec<Key>, MAX_PROVEN_KEYS),
  head: struct<ProvenHead>({
    fork: uint,
    length: uint,
    nodes,
    signature: buffer,
    manifest: buffer
  }),
  blocks: list(
    struct<ProvenBlocks[number]>({ index: uint, value: buffer, nodes }),
    MAX_PROVEN_KEYS * MAX_HOPS
  )
})

export function encodeProof(proof: Omit<PortableProof, 'format'>): Uint8Array {
  const body = encode(codec, { format: FORMAT, ...proof })
  return concat([body, hash(body)])
}

/** @throws ProofError BAD_MESSAGE, BAD_HASH */
export function decodeProof(bytes: Uint8Array): PortableProof {
  const end = bytes.byteLength - HASH_BYTES
  if (end < 1) throw new ProofError('BAD_MESSAGE', 'The proof is too short to be one')
  const body = bytes.subarray(0, end)
  if (!equalBytes(hash(body), bytes.subarray(end))) {
    throw new ProofError('BAD_HASH', 'The proof was changed on the way')
  }
  const proof = decoded(body)
  if (proof.format !== FORMAT) {
    throw new ProofError('BAD_MESSAGE', `The proof is of format ${proof.format}, not ${FORMAT}`)
  }
  // One proof, one encoding: nothing is left over, and nothing is written longer than it need be.
  if (!equalBytes(encode(codec, proof), body)) {
    throw new ProofError('BAD_MESSAGE', 'The proof has bytes that say nothing')
  }
  return proof
}

function decoded(body: Uint8Array): PortableProof {
  try {
    return decode(codec, body)
  } catch (error) {
    throw new ProofError('BAD_MESSAGE', 'The bytes are no proof', error)
  }
}
