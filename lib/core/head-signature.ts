// Signs heads and checks them, by the rules of the log's manifest (spec log.md sections 6 to 8). Synchronous.
//
// What is signed (integers u64 little-endian):
//   version >= 1   TREE | log key               | root hash | length | fork      112 bytes
//   version 0      TREE | namespace of signer   | root hash | length | fork      112 bytes
//   compat         TREE | root hash | length | fork                               80 bytes
//
// What travels:
//   compat; version 0 with one signer and no patches    the 64 bytes of the signature
//   everything else                                      an envelope (signature-envelope.ts)
//   a prologue's last block                              nothing: the manifest vouches
import type { KeyPair } from '../crypto/key-pair.ts'
import { sign, verify } from '../crypto/sign.ts'
import { LogwoodError, ProofError, StateError } from '../errors.ts'
import { TreeBatch } from '../merkle/batch.ts'
import { MAX_LENGTH } from '../merkle/constants.ts'
import { extendTo } from '../merkle/fold.ts'
import { HashSlab } from '../merkle/hash-slab.ts'
import type { Node } from '../merkle/node.ts'
import type { Tree, TreeHead } from '../merkle/tree.ts'
import { emptyBytes, equalBytes } from '../util/bytes.ts'
import { writeUint64 } from '../util/codec.ts'
import { isCompat, type Manifest, TREE_NAMESPACE } from './manifest.ts'
import { isSingle } from './manifest-format.ts'
import {
  assembleEnvelope,
  decodeEnvelope,
  type Envelope,
  openSingleEnvelope,
  type SignerPart,
  type SignerProof,
  singleEnvelope
} from './signature-envelope.ts'

/**
 * The signature of a log that one key pair can sign alone, as it travels.
 * @throws StateError NOT_WRITABLE if the key pair is no signer, if one signature is not enough, or if the
 *   head ends inside the prologue
 */
export function signHead(
  manifest: Manifest,
  key: Uint8Array,
  head: TreeHead,
  keyPair: KeyPair
): Uint8Array {
  if (isCompat(manifest, key)) {
    return partialSignature(manifest, key, head, keyPair).signature
  }
  const { prologue } = manifest
  if (prologue !== null && head.length <= prologue.length) {
    if (isPrologueHead(manifest, key, head)) return emptyBytes
    throw new StateError('NOT_WRITABLE', 'The head is not that of the prologue')
  }
  if (manifest.quorum !== 1) {
    throw new StateError('NOT_WRITABLE', `It takes ${manifest.quorum} signers to sign`)
  }
  const part = partialSignature(manifest, key, head, keyPair)
  if (manifest.version === 0 && isSingle(manifest)) return part.signature
  if (manifest.version > 0 && part.signer === 0) return singleEnvelope(part.signature)
  return assembleEnvelope(manifest.version, [part])
}

/**
 * One signer's share, to be assembled with others. To sign for a shorter head, set `patch` and the nodes
 * (merkle/plan.ts upgradeNodes) that lead from there to the head signed.
 * @throws StateError NOT_WRITABLE if the key pair is no signer
 */
export function partialSignature(
  manifest: Manifest,
  key: Uint8Array,
  head: TreeHead,
  keyPair: KeyPair
): SignerPart {
  const signer = manifest.signers.findIndex((each) => equalBytes(each.publicKey, keyPair.publicKey))
  if (signer === -1) throw new StateError('NOT_WRITABLE', 'The key pair is no signer of this log')
  const signature = sign(signable(manifest, key, signer, head), keyPair.secretKey)
  return { signer, signature, patch: 0, nodes: [] }
}

/** The signature that the shares of `quorum` or more signers make, in the given order. */
export function assembleSignatures(manifest: Manifest, parts: readonly SignerPart[]): Uint8Array {
  if (manifest.version === 0 && isSingle(manifest) && parts.length > 0) return parts[0]!.signature
  return assembleEnvelope(manifest.version, parts)
}

/** The length that so many signers have in common, from the lengths each has: the end of what they sign. */
export function commonLength(lengths: readonly number[], quorum: number): number {
  return lengths.toSorted((a, b) => b - a)[quorum - 1] ?? 0
}

/**
 * Whether the signature says that the log with this manifest and key had this tree. At most one check per
 * signer. Whether the manifest fits the key is not looked at.
 */
export function verifyHead(
  manifest: Manifest,
  key: Uint8Array,
  tree: Tree,
  signature: Uint8Array
): boolean {
  if (isCompat(manifest, key)) {
    return verifyOne(manifest, key, tree, { signer: 0, signature, patch: 0 }, [])
  }
  const { prologue } = manifest
  if (prologue !== null && tree.length <= prologue.length) {
    return isPrologueHead(manifest, key, tree)
  }
  if (manifest.quorum === 0) return false
  if (manifest.version === 0 && isSingle(manifest)) {
    return verifyOne(manifest, key, tree, { signer: 0, signature, patch: 0 }, [])
  }
  const envelope = openEnvelope(manifest.version, signature)
  return envelope !== null && verifyEnvelope(manifest, key, tree, envelope)
}

/** Whether the manifest alone vouches for the head, which then has no signature. */
export function isPrologueHead(manifest: Manifest, key: Uint8Array, head: TreeHead): boolean {
  const { prologue } = manifest
  return (
    prologue !== null &&
    head.length === prologue.length &&
    equalBytes(head.rootHash, prologue.hash) &&
    !isCompat(manifest, key)
  )
}

/** The bytes that a signer of the manifest signs for a head. */
export function signable(
  manifest: Manifest,
  key: Uint8Array,
  signer: number,
  head: TreeHead
): Uint8Array {
  if (isCompat(manifest, key)) return signableIn(null, head)
  const scope = manifest.version === 0 ? manifest.signers[signer]?.namespace : key
  return signableIn(scope ?? key, head)
}

/** The layout above. `scope`: what keeps signatures of one log from being valid for another; null in compat ones. */
export function signableIn(
  scope: Uint8Array | null,
  head: Omit<TreeHead, 'byteLength'>
): Uint8Array {
  const bytes = new Uint8Array(scope === null ? 80 : 112)
  bytes.set(TREE_NAMESPACE)
  let offset = 32
  if (scope !== null) {
    bytes.set(scope, offset)
    offset += 32
  }
  bytes.set(head.rootHash, offset)
  writeUint64(bytes, offset + 32, head.length)
  writeUint64(bytes, offset + 40, head.fork)
  return bytes
}

function openEnvelope(version: number, signature: Uint8Array): Envelope | null {
  const single = version > 0 ? openSingleEnvelope(signature) : null
  if (single !== null) {
    return { proofs: [{ signer: 0, signature: single, patch: 0 }], nodes: [] }
  }
  try {
    return decodeEnvelope(version, signature)
  } catch (error) {
    if (error instanceof LogwoodError) return null
    throw error
  }
}

/** Only the first `quorum` proofs count, as everywhere on this network. */
function verifyEnvelope(
  manifest: Manifest,
  key: Uint8Array,
  tree: Tree,
  envelope: Envelope
): boolean {
  const { proofs, nodes } = envelope
  if (proofs.length < manifest.quorum) return false
  const seen = new Set<number>()
  for (const proof of proofs.slice(0, manifest.quorum)) {
    if (proof.signer >= manifest.signers.length || seen.has(proof.signer)) return false
    seen.add(proof.signer)
    if (!verifyOne(manifest, key, tree, proof, nodes)) return false
  }
  return true
}

function verifyOne(
  manifest: Manifest,
  key: Uint8Array,
  tree: Tree,
  proof: SignerProof,
  nodes: readonly Node[]
): boolean {
  const signer = manifest.signers[proof.signer]
  if (signer === undefined) return false
  const patched = proof.patch > 0 && manifest.allowPatch
  const signed = patched ? extended(tree, proof.patch, nodes) : tree
  if (signed === null) return false
  const message = signable(manifest, key, proof.signer, signed)
  return verify(message, proof.signature, signer.publicKey)
}

/** The longer tree that was signed; null if the nodes do not lead there. */
function extended(tree: Tree, patch: number, nodes: readonly Node[]): Tree | null {
  const length = tree.length + patch
  if (length > MAX_LENGTH) return null
  const batch = new TreeBatch(tree)
  const supply = {
    require(nodeIndex: number): Node {
      const node = nodes.find((each) => each.nodeIndex === nodeIndex)
      if (node === undefined) throw new ProofError('BAD_SIGNATURE', `Node ${nodeIndex} is missing`)
      return node
    }
  }
  try {
    extendTo(batch, length, supply, new HashSlab(8))
    return batch.tree()
  } catch (error) {
    if (error instanceof ProofError) return null
    throw error
  }
}
