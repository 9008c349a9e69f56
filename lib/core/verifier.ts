// Verifier: decides whether a proof is true for a log in its current state, and what it adds (spec log.md
// sections 6, 8, 10.7; design reliability.md 8: R1, R2, R7). Changes nothing.
//
// What it lets through hashes to a head signed by the log's key, or to a stored node. It never moves a log to
// another fork or to a shorter or equal length. Cost: at most 256 nodes hashed, one signature check per
// signer, one read of nodes.
//
// Who copies: hashes of the returned nodes and the manifest have buffers of their own. The block's value is
// still part of the message it came in.
import { ProofError } from '../errors.ts'
import { endOf } from '../merkle/flat-tree.ts'
import { type FoldedProof, foldProof } from '../merkle/fold.ts'
import { type Node, sameHash } from '../merkle/node.ts'
import type { Proof } from '../merkle/proof.ts'
import { type SignedHead, Tree } from '../merkle/tree.ts'
import type { NodeSource } from '../storage/node-source.ts'
import { copyOf, emptyBytes, equalBytes } from '../util/bytes.ts'
import { isPrologueHead, verifyHead } from './head-signature.ts'
import {
  compatManifest,
  decodeManifest,
  encodeManifest,
  fitsKey,
  isCompat,
  type Manifest
} from './manifest.ts'

export interface VerifyContext {
  readonly tree: Tree
  readonly nodes: NodeSource
  readonly key: Uint8Array
  /** Null as long as only the key is known. */
  readonly manifest: Manifest | null
}

export interface VerifiedProof {
  /** What it was verified against: it may be stored only while this is still the log's tree. */
  readonly base: Tree
  /** To be stored: hashes and byte lengths are true. */
  readonly nodes: readonly Node[]
  /** Not to be stored: true hashes, byte lengths as claimed (merkle/fold.ts). A seek may go by them. */
  readonly unproven: readonly Node[]
  /** The new head, longer than the base; null if length and fork stay. */
  readonly head: SignedHead | null
  /** The tree of `head`. */
  readonly tree: Tree | null
  readonly block: { readonly index: number; readonly value: Uint8Array } | null
  /** Encoded; null unless it becomes known with this proof. */
  readonly manifest: Uint8Array | null
  /** The proof was made for another fork or a shorter tree: there is nothing to store, and no blame. */
  readonly outdated: boolean
}

export interface VerifiedFork {
  /** Under the proof's own fork number. */
  readonly tree: Tree
  readonly head: SignedHead
  /** The tree at the length that was asked, before the additional nodes. */
  readonly asked: Tree
  readonly nodes: readonly Node[]
  readonly unproven: readonly Node[]
  readonly block: { readonly index: number; readonly value: Uint8Array } | null
  /** Encoded; null unless it becomes known with this proof. */
  readonly manifest: Uint8Array | null
}

/**
 * Verifies a proof for the log as it is.
 * @throws ProofError BAD_HASH, BAD_SIGNATURE, BAD_MANIFEST, or BAD_MESSAGE for a malformed one
 */
export async function verifyProof(context: VerifyContext, proof: Proof): Promise<VerifiedProof> {
  const { tree } = context
  if (proof.fork !== tree.fork) return nothing(tree, true)
  if (isStale(tree, proof)) return verifyStale(context, proof)
  const { verified, mustMatch } = judge(context, proof)
  if (mustMatch !== null && !(await isStored(context, mustMatch))) {
    throw new ProofError(
      'BAD_MESSAGE',
      `Malformed proof: it ends at node ${mustMatch.nodeIndex}, which is not known here`
    )
  }
  return verified
}

/**
 * The same without waiting: so proofs that build on each other can be taken in within one turn.
 * Null if nodes have to be read first.
 * @throws ProofError as verifyProof
 */
export function verifyProofNow(context: VerifyContext, proof: Proof): VerifiedProof | null {
  const { tree } = context
  if (proof.fork !== tree.fork) return nothing(tree, true)
  if (isStale(tree, proof)) return null
  const { verified, mustMatch } = judge(context, proof)
  if (mustMatch === null) return verified
  const stored = rootIn(tree, mustMatch.nodeIndex) ?? context.nodes.peekNode(mustMatch.nodeIndex)
  if (stored === null) return null
  assertSame(stored, mustMatch)
  return verified
}

/**
 * Verifies a proof from nothing: that of a higher fork, or of a conflict. It has to be an upgrade from 0 that
 * vouches for all it brings. Nothing stored is looked at.
 * @throws ProofError as verifyProof
 */
export function verifyForkProof(
  context: { readonly key: Uint8Array; readonly manifest: Manifest | null },
  proof: Proof
): VerifiedFork {
  const { upgrade } = proof
  if (upgrade === null) throw new ProofError('BAD_MESSAGE', 'Malformed proof: no upgrade')
  const rules = rulesFor(context, proof)
  const folded = foldProof(Tree.empty(proof.fork), proof)
  const head = checkHead(context.key, rules, folded, upgrade)
  const { upgraded, asked, mustMatch } = folded
  if (upgraded === null || asked === null || mustMatch !== null) {
    throw new ProofError('BAD_MESSAGE', 'Malformed proof: parts beside the upgrade')
  }
  const block = blockOf(proof)
  const manifest = rules?.news ?? null
  const { nodes, unproven } = folded
  return { tree: upgraded, head, asked, nodes, unproven, block, manifest }
}

/** An upgrade from a length that we are past. */
function isStale(tree: Tree, { upgrade }: Proof): boolean {
  return upgrade !== null && upgrade.start < tree.length
}

/** Everything but the comparison with what is stored. */
function judge(
  context: VerifyContext,
  proof: Proof
): { verified: VerifiedProof; mustMatch: Node | null } {
  const { tree } = context
  const { upgrade } = proof
  const rules = rulesFor(context, proof)
  const folded = foldProof(tree, proof, context.nodes)
  const verified: VerifiedProof = {
    base: tree,
    nodes: folded.nodes,
    unproven: folded.unproven,
    head: upgrade === null ? null : checkHead(context.key, rules, folded, upgrade),
    tree: folded.upgraded,
    block: blockOf(proof),
    manifest: rules?.news ?? null,
    outdated: false
  }
  return { verified, mustMatch: folded.mustMatch }
}

/** The manifest to judge by, and its bytes if they are new. */
interface Rules {
  readonly manifest: Manifest
  readonly news: Uint8Array | null
}

/** Null only if the proof neither brings a manifest nor needs one. */
function rulesFor(
  context: { readonly key: Uint8Array; readonly manifest: Manifest | null },
  proof: Proof
): Rules | null {
  const { key, manifest } = context
  if (proof.manifest !== null) {
    const brought = decodeManifest(proof.manifest)
    if (!fitsKey(brought, key)) {
      throw new ProofError('BAD_MANIFEST', 'The manifest does not belong to this log')
    }
    // Encoded anew: what a decoder skips must not be kept, and the message must not be held.
    if (manifest === null) return { manifest: brought, news: encodeManifest(brought) }
  }
  if (manifest !== null) return { manifest, news: null }
  if (proof.upgrade === null) return null
  const compat = compatManifest(key)
  return { manifest: compat, news: encodeManifest(compat) }
}

function checkHead(
  key: Uint8Array,
  rules: Rules | null,
  folded: FoldedProof,
  upgrade: NonNullable<Proof['upgrade']>
): SignedHead {
  const { upgraded, asked } = folded
  if (rules === null || upgraded === null || asked === null) {
    throw new ProofError('BAD_MESSAGE', 'Malformed proof: no upgrade')
  }
  checkPrologue(key, rules.manifest, asked, upgrade)
  if (!verifyHead(rules.manifest, key, upgraded, upgrade.signature)) {
    throw new ProofError('BAD_SIGNATURE', `The head at length ${upgraded.length} is not signed`)
  }
  const bare = isPrologueHead(rules.manifest, key, upgraded)
  return { ...upgraded.head(), signature: bare ? emptyBytes : copyOf(upgrade.signature) }
}

function checkPrologue(
  key: Uint8Array,
  manifest: Manifest,
  asked: Tree,
  upgrade: NonNullable<Proof['upgrade']>
): void {
  const { prologue } = manifest
  if (prologue === null || isCompat(manifest, key)) return
  const skips = upgrade.start === 0 && asked.length >= prologue.length
  if (upgrade.start < prologue.length && !skips) {
    throw new ProofError('BAD_SIGNATURE', 'The upgrade ends inside the prologue')
  }
  if (asked.length === prologue.length && !equalBytes(asked.rootHash, prologue.hash)) {
    throw new ProofError('BAD_SIGNATURE', 'The prologue differs')
  }
}

/**
 * An upgrade from a length that we are past, because another answer came first. If it leads nowhere new, its
 * nodes have to agree with ours and what else it brings is judged without it; if it leads further, it has to
 * be asked again, for the signature cannot be checked from here.
 */
async function verifyStale(context: VerifyContext, proof: Proof): Promise<VerifiedProof> {
  const { tree } = context
  const { upgrade } = proof
  const folded = foldProof(tree, { ...proof, upgrade: null }, context.nodes)
  const listed = upgrade === null ? [] : [...upgrade.nodes, ...upgrade.additionalNodes]
  for (const node of listed) {
    if (endOf(node.nodeIndex) <= tree.length) await isStored(context, node)
  }
  const { mustMatch } = folded
  if (mustMatch !== null && !(await isStored(context, mustMatch))) return nothing(tree, true)
  const block = blockOf(proof)
  const outdated = block === null && folded.nodes.length === 0
  const { nodes, unproven } = folded
  return { ...nothing(tree, outdated), nodes, unproven, block }
}

/**
 * Whether a node of that index is stored.
 * @throws ProofError BAD_HASH if it is another one
 */
async function isStored(context: VerifyContext, node: Node): Promise<boolean> {
  const stored =
    rootIn(context.tree, node.nodeIndex) ?? (await readNode(context.nodes, node.nodeIndex))
  if (stored === null) return false
  assertSame(stored, node)
  return true
}

/** @throws ProofError BAD_HASH */
function assertSame(stored: Node, node: Node): void {
  if (sameHash(stored, node)) return
  throw new ProofError('BAD_HASH', `Node ${node.nodeIndex} is known with another hash`)
}

function rootIn(tree: Tree, nodeIndex: number): Node | null {
  for (const root of tree.roots) if (root.nodeIndex === nodeIndex) return root
  return null
}

async function readNode(nodes: NodeSource, nodeIndex: number): Promise<Node | null> {
  return nodes.peekNode(nodeIndex) ?? (await nodes.getNodes([nodeIndex]))[0] ?? null
}

function blockOf(proof: Proof): VerifiedProof['block'] {
  return proof.block === null ? null : { index: proof.block.index, value: proof.block.value }
}

function nothing(base: Tree, outdated: boolean): VerifiedProof {
  return {
    base,
    nodes: [],
    unproven: [],
    head: null,
    tree: null,
    block: null,
    manifest: null,
    outdated
  }
}
