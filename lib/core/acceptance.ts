// Acceptance: from a proof that came in to the change it makes. Verified against the tip, so that many proofs can
// be under way; the caller commits it only if nothing it was built on was taken back meanwhile.
// Owner: Core. Spec log.md sections 10.7 and 11.1; design reliability.md 8 (R1, R7).
import { endOf, isLeaf, leftChildOf, rightChildOf, startOf } from '../merkle/flat-tree.ts'
import { type Node, sameHash } from '../merkle/node.ts'
import type { Proof } from '../merkle/proof.ts'
import type { Tree } from '../merkle/tree.ts'
import type { NodeSource } from '../storage/node-source.ts'
import { type Change, emptyChange } from './change.ts'
import type { Manifest } from './manifest.ts'
import { type Offsets, UNKNOWN } from './offsets.ts'
import { type VerifiedProof, verifyForkProof, verifyProof, verifyProofNow } from './verifier.ts'

type AcceptedBlock = NonNullable<VerifiedProof['block']>

export interface AcceptContext {
  readonly tree: Tree
  /** Stored nodes, and those of changes under way. */
  readonly nodes: NodeSource
  readonly key: Uint8Array
  readonly manifest: Manifest | null
  readonly offsets: Offsets
}

/**
 * The change that the proof makes; null if it was made for another state of the log.
 * @throws ProofError if it is false; StorageError if nodes cannot be read
 */
export async function changeOf(context: AcceptContext, proof: Proof): Promise<Change | null> {
  if (proof.fork > context.tree.fork && proof.upgrade?.start === 0) {
    return reorgOf(context, proof)
  }
  const verified = await verifyProof(context, proof)
  if (verified.outdated) return null
  const change = changeWithout(context, verified)
  const { block } = verified
  if (block === null) return change
  const tree = verified.tree ?? context.tree
  return withBlock(change, block, await context.offsets.find(tree, block.index, change.nodes))
}

/**
 * The same without waiting; undefined if nodes have to be read first, or it is a case for changeOf.
 * @throws ProofError if it is false
 */
export function changeNow(context: AcceptContext, proof: Proof): Change | null | undefined {
  if (proof.fork !== context.tree.fork) return undefined
  const verified = verifyProofNow(context, proof)
  if (verified === null) return undefined
  if (verified.outdated) return null
  const change = changeWithout(context, verified)
  const { block } = verified
  if (block === null) return change
  const tree = verified.tree ?? context.tree
  const byteOffset = context.offsets.findNow(tree, block.index, change.nodes)
  return byteOffset === undefined ? undefined : withBlock(change, block, byteOffset)
}

/** Whether the change would change anything. */
export function isEmpty(change: Change): boolean {
  const { nodes, head, manifest, presence } = change
  return nodes.length === 0 && head === null && manifest === null && presence === null
}

async function reorgOf(context: AcceptContext, proof: Proof): Promise<Change | null> {
  const { tree, key, manifest } = context
  const fork = verifyForkProof({ key, manifest }, proof)
  const ancestor = await ancestorOf(context, fork.tree, fork.nodes)
  const base: Change = {
    ...emptyChange(tree.length),
    nodes: fork.nodes,
    manifest: fork.manifest,
    head: { tree: fork.tree, signature: fork.head.signature },
    ancestor
  }
  if (fork.block === null) return base
  return withBlock(
    base,
    fork.block,
    await context.offsets.find(fork.tree, fork.block.index, fork.nodes)
  )
}

/**
 * How many blocks are the same in both, as far as the nodes at hand tell: where the leftmost node differs, and
 * neither of its children is known, all below it counts as different.
 */
async function ancestorOf(
  context: AcceptContext,
  tree: Tree,
  nodes: readonly Node[]
): Promise<number> {
  const known = new Map([...nodes, ...tree.roots].map((node) => [node.nodeIndex, node]))
  const isShared = async (node: Node): Promise<boolean> => {
    if (endOf(node.nodeIndex) > context.tree.length) return false
    const [stored] = await context.nodes.getNodes([node.nodeIndex])
    return stored != null && sameHash(stored, node)
  }
  let differs: number | null = null
  for (const root of tree.roots) {
    if (await isShared(root)) continue
    differs = root.nodeIndex
    break
  }
  if (differs === null) return Math.min(tree.length, context.tree.length)
  while (!isLeaf(differs)) {
    const left = known.get(leftChildOf(differs))
    if (left === undefined) break
    differs = (await isShared(left)) ? rightChildOf(differs) : left.nodeIndex
  }
  return Math.min(startOf(differs), context.tree.length)
}

/** Everything but the block. */
function changeWithout({ tree }: AcceptContext, verified: VerifiedProof): Change {
  const head =
    verified.head === null || verified.tree === null
      ? null
      : { tree: verified.tree, signature: verified.head.signature }
  return {
    nodes: verified.nodes,
    manifest: verified.manifest,
    head,
    ancestor: tree.length,
    presence: null,
    blocks: null,
    standing: null,
    userData: null,
    isAppend: false
  }
}

function withBlock(change: Change, { index, value }: AcceptedBlock, byteOffset: number): Change {
  if (byteOffset === UNKNOWN) return change
  return {
    ...change,
    presence: { start: index, length: 1, present: true },
    blocks: { byteOffset, parts: [value] }
  }
}
