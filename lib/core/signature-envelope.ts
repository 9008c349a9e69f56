// The signature envelope: how the signatures of several signers travel as one (spec log.md section 7).
//
// Version 1 (manifests from version 1 on):
//   list of ( uint signer | 64 signature | uint patch ) | list of node
// Version 0:
//   list of ( uint flags | uint signer | 64 signature | flag 1: uint start | uint patch | list of uint )
//   | list of node
// The inner list holds positions in the node list; like `start` it is written and not read.
// Example, one signer in version 1, 68 bytes: 01 00 <64 bytes> 00 00
//
// Limits: 64 signatures, 256 nodes.
import { SIGNATURE_BYTES } from '../crypto/sign.ts'
import { ProtocolError } from '../errors.ts'
import { endOf } from '../merkle/flat-tree.ts'
import { type Node, nodeCodec } from '../merkle/node.ts'
import {
  type Codec,
  type CodecState,
  decodeAt,
  encode,
  fixed64,
  list,
  uint
} from '../util/codec.ts'
import { MAX_PATCH_NODES, MAX_SIGNERS } from './limits.ts'

export interface SignerProof {
  /** Position in the manifest's list of signers. */
  readonly signer: number
  /** 64 bytes. */
  readonly signature: Uint8Array
  /** By how many blocks the tree that was signed is longer than the head. */
  readonly patch: number
}

export interface Envelope {
  readonly proofs: readonly SignerProof[]
  /** What it takes to extend the head by the patches; no index twice. */
  readonly nodes: readonly Node[]
}

/** A signer's proof with the nodes of its own patch, before assembly. */
export interface SignerPart extends SignerProof {
  readonly nodes: readonly Node[]
}

const HAS_PATCH = 1
/** Version 1 envelope of the first signer alone: what nearly all logs have. */
const SINGLE_BYTES = 68

/** The envelope of signers' parts; where two bring the same node, the first is taken. */
export function assembleEnvelope(version: number, parts: readonly SignerPart[]): Uint8Array {
  const nodes = mergeNodes(parts)
  if (version > 0) return encode(envelopeCodec, { proofs: parts, nodes })
  return encode(envelope0Codec, { proofs: parts.map((part) => withPositions(part, nodes)), nodes })
}

/** @throws ProtocolError if the bytes are none, or more than one: what follows would be kept and passed on */
export function decodeEnvelope(version: number, bytes: Uint8Array): Envelope {
  const state: CodecState = { start: 0, end: bytes.byteLength, buffer: bytes }
  const envelope: Envelope =
    version > 0 ? decodeAt(envelopeCodec, state) : decodeAt(envelope0Codec, state)
  if (state.start !== state.end) {
    throw new ProtocolError('BAD_MESSAGE', `Bytes after the envelope, from ${state.start} on`)
  }
  return envelope
}

/** Version 1 envelope of one signature of the only signer. */
export function singleEnvelope(signature: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(SINGLE_BYTES)
  bytes[0] = 1
  bytes.set(signature, 2)
  return bytes
}

/** The signature in a singleEnvelope; null if the bytes are something else, possibly a longer envelope. */
export function openSingleEnvelope(bytes: Uint8Array): Uint8Array | null {
  if (bytes.byteLength !== SINGLE_BYTES || bytes[0] !== 1 || bytes[1] !== 0) return null
  if (bytes[2 + SIGNATURE_BYTES] !== 0 || bytes[3 + SIGNATURE_BYTES] !== 0) return null
  return bytes.subarray(2, 2 + SIGNATURE_BYTES)
}

interface SignerProof0 extends SignerProof {
  readonly start: number
  readonly positions: readonly number[]
}

const nodesCodec = list(nodeCodec, MAX_PATCH_NODES)
const positionsCodec = list(uint, MAX_PATCH_NODES)

const proofCodec: Codec<SignerProof> = {
  preencode(state, proof) {
    uint.preencode(state, proof.signer)
    fixed64.preencode(state, proof.signature)
    uint.preencode(state, proof.patch)
  },
  encode(state, proof) {
    uint.encode(state, proof.signer)
    fixed64.encode(state, proof.signature)
    uint.encode(state, proof.patch)
  },
  decode: (state) => ({
    signer: uint.decode(state),
    signature: fixed64.decode(state),
    patch: uint.decode(state)
  })
}

const proof0Codec: Codec<SignerProof0> = {
  preencode(state, proof) {
    state.end++
    uint.preencode(state, proof.signer)
    fixed64.preencode(state, proof.signature)
    if (proof.patch === 0) return
    uint.preencode(state, proof.start)
    uint.preencode(state, proof.patch)
    positionsCodec.preencode(state, proof.positions)
  },
  encode(state, proof) {
    uint.encode(state, proof.patch === 0 ? 0 : HAS_PATCH)
    uint.encode(state, proof.signer)
    fixed64.encode(state, proof.signature)
    if (proof.patch === 0) return
    uint.encode(state, proof.start)
    uint.encode(state, proof.patch)
    positionsCodec.encode(state, proof.positions)
  },
  decode(state) {
    const patched = (uint.decode(state) & HAS_PATCH) !== 0
    const signer = uint.decode(state)
    const signature = fixed64.decode(state)
    if (!patched) return { signer, signature, start: 0, patch: 0, positions: [] }
    return {
      signer,
      signature,
      start: uint.decode(state),
      patch: uint.decode(state),
      positions: positionsCodec.decode(state)
    }
  }
}

const envelopeCodec = envelopeOf(proofCodec)
const envelope0Codec = envelopeOf(proof0Codec)

function envelopeOf<T extends SignerProof>(
  proof: Codec<T>
): Codec<{ readonly proofs: readonly T[]; readonly nodes: readonly Node[] }> {
  const proofsCodec = list(proof, MAX_SIGNERS)
  return {
    preencode(state, envelope) {
      proofsCodec.preencode(state, envelope.proofs)
      nodesCodec.preencode(state, envelope.nodes)
    },
    encode(state, envelope) {
      proofsCodec.encode(state, envelope.proofs)
      nodesCodec.encode(state, envelope.nodes)
    },
    decode: (state: CodecState) => ({
      proofs: proofsCodec.decode(state),
      nodes: nodesCodec.decode(state)
    })
  }
}

function mergeNodes(parts: readonly SignerPart[]): Node[] {
  const merged = new Map<number, Node>()
  for (const part of parts) {
    for (const node of part.nodes) {
      if (!merged.has(node.nodeIndex)) merged.set(node.nodeIndex, node)
    }
  }
  return [...merged.values()]
}

function withPositions(part: SignerPart, nodes: readonly Node[]): SignerProof0 {
  const last = part.nodes.at(-1)
  return {
    signer: part.signer,
    signature: part.signature,
    patch: part.patch,
    start: last === undefined ? 0 : endOf(last.nodeIndex),
    positions: part.nodes.map((own) => nodes.findIndex((node) => node.nodeIndex === own.nodeIndex))
  }
}
