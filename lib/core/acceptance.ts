// Acceptance: from a proof that came in to the change it makes. Verified against the tip, so that many proofs can
// be under way; the caller commits it only if nothing it was built on was taken back meanwhile.
// Owner: Core. Spec log.md sections 10.7 and 11.1; design reliability.md 8 (R1, R7).
import { endOf, isLeaf, leafOf, leftChildOf, rightChildOf, startOf } from '../merkle/flat-tree.ts'
import { type Node, sameHash } from '../merkle/node.ts'
import type { Proof } from '../merkle/proof.ts'
import type { Tree } from '../merkle/tree.ts'
import type { NodeSource } from '../storage/node-source.ts'
import { type Change, emptyChange } from './change.ts'
import type { Manifest } from './manifest.ts'
import { type Offsets, UNKNOWN } from './offsets.ts'
import { verifyForkProof, verifyProof } from './verifier.ts'

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
  const { tree, nodes, key, manifest } = context
  const verified = await verifyProof({ tree, nodes, key, manifest }, proof)
  if (verified.outdated) return null
  const newTree = verified.tree ?? tree
  const head =
    verified.head === null || verified.tree === null
      ? null
      : { tree: verified.tree, signature: verified.head.signature }
  const base = {
    ...emptyChange(tree.length),
    nodes: verified.nodes,
    manifest: verified.manifest,
    head
  }
  return withBlock(context, base, newTree, verified.block)
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
  return withBlock(context, base, fork.tree, fork.block)
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

async function withBlock(
  context: AcceptContext,
  change: Change,
  tree: Tree,
  block: { readonly index: number; readonly value: Uint8Array } | null
): Promise<Change> {
  if (block === null) return change
  const { index, value } = block
  const byteOffset = await offsetOf(context, change, tree, index)
  if (byteOffset === UNKNOWN) return change
  return {
    ...change,
    presence: { start: index, length: 1, present: true },
    blocks: { byteOffset, parts: [value] }
  }
}

/** From the nodes of the change first, then from those that are stored or under way. */
async function offsetOf(
  context: AcceptContext,
  change: Change,
  tree: Tree,
  index: number
): Promise<number> {
  if (change.head === null && change.nodes.length === 0) return context.offsets.find(tree, index)
  const fresh = new Map(change.nodes.map((node) => [node.nodeIndex, node]))
  const bytesOf = async (nodeIndex: number): Promise<number> => {
    const node = fresh.get(nodeIndex) ?? (await context.nodes.getNodes([nodeIndex]))[0]
    return node?.byteLength ?? UNKNOWN
  }
  let byteOffset = 0
  let at = -1
  for (const root of tree.roots) {
    if (endOf(root.nodeIndex) > index) {
      at = root.nodeIndex
      break
    }
    byteOffset += root.byteLength
  }
  while (at !== leafOf(index)) {
    const left = leftChildOf(at)
    if (index < endOf(left)) {
      at = left
      continue
    }
    const leftBytes = await bytesOf(left)
    if (leftBytes === UNKNOWN) return UNKNOWN
    byteOffset += leftBytes
    at = rightChildOf(at)
  }
  return byteOffset
}
