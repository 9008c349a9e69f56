// The portable proof that one key signed two histories: both heads, each proven from nothing, at one length. Whoever
// has the log's key can check it, without any of the blocks. It does not hold the key.
//
//   u8 version (1) | uint fork | uint length | buffer manifest (empty: the key is the signer's)
//   | side | side, first that of the log which kept the proof
// side: list roots at that length | list further nodes up to the signed head | buffer signature
// Limits: 256 nodes per list, signatures as in signature-envelope.ts, 256 KiB in all.
// Example, fork 1, length 2, no manifest, sides without nodes and signature: 01 01 02 00 000000 000000
import { ProofError } from '../errors.ts'
import { type Node, nodeCodec } from '../merkle/node.ts'
import type { Proof } from '../merkle/proof.ts'
import { emptyBytes, equalBytes } from '../util/bytes.ts'
import { buffer, type Codec, decode, encode, list, uint } from '../util/codec.ts'
import { MAX_CONFLICT_BYTES, MAX_PATCH_NODES } from './limits.ts'
import { verifyForkProof } from './verifier.ts'

const VERSION = 1
const nodes = list(nodeCodec, MAX_PATCH_NODES)

/** One signed history, up to a length that both have. */
interface Side {
  readonly nodes: readonly Node[]
  readonly additionalNodes: readonly Node[]
  readonly signature: Uint8Array
}

export interface Conflict {
  readonly fork: number
  /** Both histories have that many blocks, and not the same. */
  readonly length: number
  /** Encoded; null: the log's key is the signer's. */
  readonly manifest: Uint8Array | null
  /** Ours first. */
  readonly sides: readonly [Side, Side]
}

const sideCodec: Codec<Side> = {
  preencode(state, side) {
    nodes.preencode(state, side.nodes)
    nodes.preencode(state, side.additionalNodes)
    buffer.preencode(state, side.signature)
  },
  encode(state, side) {
    nodes.encode(state, side.nodes)
    nodes.encode(state, side.additionalNodes)
    buffer.encode(state, side.signature)
  },
  decode(state) {
    return {
      nodes: nodes.decode(state),
      additionalNodes: nodes.decode(state),
      signature: buffer.decode(state)
    }
  }
}

const conflictCodec: Codec<Conflict> = {
  preencode(state, { fork, length, manifest, sides }) {
    state.end++
    uint.preencode(state, fork)
    uint.preencode(state, length)
    buffer.preencode(state, manifest ?? emptyBytes)
    for (const side of sides) sideCodec.preencode(state, side)
  },
  encode(state, { fork, length, manifest, sides }) {
    state.buffer[state.start++] = VERSION
    uint.encode(state, fork)
    uint.encode(state, length)
    buffer.encode(state, manifest ?? emptyBytes)
    for (const side of sides) sideCodec.encode(state, side)
  },
  decode(state) {
    const version = state.start < state.end ? state.buffer[state.start++] : 0
    if (version !== VERSION) {
      throw new ProofError('BAD_MESSAGE', `A conflict of version ${version} is not known here`)
    }
    const fork = uint.decode(state)
    const length = uint.decode(state)
    const manifest = buffer.decode(state)
    return {
      fork,
      length,
      manifest: manifest.byteLength === 0 ? null : manifest,
      sides: [sideCodec.decode(state), sideCodec.decode(state)]
    }
  }
}

export function encodeConflict(conflict: Conflict): Uint8Array {
  return encode(conflictCodec, conflict)
}

/** @throws ProofError BAD_MESSAGE */
export function decodeConflict(bytes: Uint8Array): Conflict {
  if (bytes.byteLength > MAX_CONFLICT_BYTES) {
    throw new ProofError(
      'BAD_MESSAGE',
      `A conflict of ${bytes.byteLength} bytes, at most ${MAX_CONFLICT_BYTES} are allowed`
    )
  }
  try {
    return decode(conflictCodec, bytes)
  } catch (error) {
    throw new ProofError('BAD_MESSAGE', 'These bytes are no proof of a conflict', error)
  }
}

/** Each history as the answer to "prove yourself up to that length", as peers are shown it. */
export function proofsOf({ fork, length, manifest, sides }: Conflict): readonly [Proof, Proof] {
  const proofOf = (side: Side): Proof => ({
    fork,
    block: null,
    hash: null,
    seek: null,
    upgrade: { start: 0, length, ...side },
    manifest
  })
  return [proofOf(sides[0]), proofOf(sides[1])]
}

/**
 * Checks the proof of a conflict for whoever knows the log's key, 32 bytes, and nothing else.
 * @returns fork number and length, in blocks, at which the log was signed twice
 * @throws ProofError BAD_SIGNATURE, BAD_MANIFEST, BAD_MESSAGE, BAD_HASH if it proves nothing
 */
export function verifyConflict(
  key: Uint8Array,
  bytes: Uint8Array
): { readonly fork: number; readonly length: number } {
  const conflict = decodeConflict(bytes)
  const [a, b] = proofsOf(conflict).map(
    (proof) => verifyForkProof({ key, manifest: null }, proof).asked
  )
  if (a === undefined || b === undefined || equalBytes(a.rootHash, b.rootHash)) {
    throw new ProofError('BAD_HASH', 'Both sides of this conflict are the same history')
  }
  return { fork: conflict.fork, length: conflict.length }
}
