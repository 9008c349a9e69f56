// The portable proof that one key signed two histories: both heads, each proven from nothing, at one length. Whoever
// has the log's key can check it, without any of the blocks. It does not hold the key.
//
//   u8 version (1) | uint fork | uint length | buffer manifest (empty: the key is the signer's)
//   | side | side, first that of the log which kept the proof
// side: list roots at that length | list further nodes up to the signed head | buffer signature
// Limits: 256 nodes per list, signatures as in signature-envelope.ts, 256 KiB in all.
// Example, fork 1, length 2, no manifest, sides without nodes and signature: 01 01 02 00 000000 000000
import { ProofError } from '../../errors.ts'
import { type Node, nodeCodec } from '../../merkle/node.ts'
import type { Proof } from '../../merkle/proof.ts'
import { equalBytes } from '../../util/bytes.ts'
import {
  buffer,
  type Codec,
  decode,
  encode,
  list,
  optionalBuffer,
  struct,
  uint
} from '../../util/codec.ts'
import { MAX_CONFLICT_BYTES, MAX_PATCH_NODES } from '../limits.ts'
import { verifyForkProof } from '../verifier.ts'

const VERSION = 1
const nodes = list(nodeCodec, MAX_PATCH_NODES)

/** One signed history, up to a length that both have. */
interface Side {
  readonly nodes: readonly Node[]
  readonly additionalNodes: readonly Node[]
  readonly signature: Uint8Array
}

export interface Conflict {
  readonly version: number
  readonly fork: number
  /** Both histories have that many blocks, and not the same. */
  readonly length: number
  /** Encoded; null: the log's key is the signer's. */
  readonly manifest: Uint8Array | null
  /** That of the log which kept the proof. */
  readonly ours: Side
  readonly theirs: Side
}

const side: Codec<Side> = struct({ nodes, additionalNodes: nodes, signature: buffer })

const conflictCodec: Codec<Conflict> = struct({
  version: only(VERSION),
  fork: uint,
  length: uint,
  manifest: optionalBuffer,
  ours: side,
  theirs: side
})

/** One byte that has to be this one. */
function only(version: number): Codec<number> {
  return {
    preencode(state) {
      state.end++
    },
    encode(state) {
      state.buffer[state.start++] = version
    },
    decode(state) {
      const found = state.start < state.end ? state.buffer[state.start++] : 0
      if (found === version) return version
      throw new ProofError('BAD_MESSAGE', `A conflict of version ${found} is not known here`)
    }
  }
}

export function encodeConflict(conflict: Omit<Conflict, 'version'>): Uint8Array {
  return encode(conflictCodec, { version: VERSION, ...conflict })
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
export function proofsOf({
  fork,
  length,
  manifest,
  ours,
  theirs
}: Conflict): readonly [Proof, Proof] {
  const proofOf = (one: Side): Proof => ({
    fork,
    block: null,
    hash: null,
    seek: null,
    upgrade: { start: 0, length, ...one },
    manifest
  })
  return [proofOf(ours), proofOf(theirs)]
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
