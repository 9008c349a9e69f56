// Prover: makes the answer to a request from what is stored (spec log.md sections 8 and 10). Plans, reads once,
// fills; a seek first walks down, reading one node a level unless it is in memory. Changes nothing.
import { ProofError } from '../errors.ts'
import { startOf, widthOf } from '../merkle/flat-tree.ts'
import type { Node } from '../merkle/node.ts'
import { offsetNodes, type ProofNodes, planProof, seekScope } from '../merkle/plan.ts'
import type { Proof, ProofRequest } from '../merkle/proof.ts'
import { Seek } from '../merkle/seek.ts'
import type { Tree } from '../merkle/tree.ts'
import type { NodeSource } from '../storage/node-source.ts'
import { encodeManifest, isCompat, type Manifest } from './manifest.ts'

/** The published state that the answer is made from. */
export interface ProofContext {
  readonly tree: Tree
  /** Of the tree's head, as on the wire. */
  readonly signature: Uint8Array
  readonly nodes: NodeSource
  readonly key: Uint8Array
  readonly manifest: Manifest | null
  /** The block's bytes as stored; null if it is not held. */
  block(index: number): Promise<Uint8Array | null>
}

/**
 * The answer, or null if something that it needs is not held or the request is for another fork.
 * @throws ProofError BAD_MESSAGE if no log of this length could answer the request
 */
export async function makeProof(
  context: ProofContext,
  request: ProofRequest
): Promise<Proof | null> {
  const { tree } = context
  if (request.fork !== tree.fork) return null
  const asked = withPrologue(context, request)
  const sought = asked.seek === null ? null : await findSought(context, asked)
  if (sought === MISSING) return null
  const plan = planProof(tree.length, asked, sought)
  const block = asked.block === null || tree.length === 0 ? null : asked.block
  if (block === null) {
    const parts = plan.fill(await context.nodes.getNodes(plan.nodeIndexes))
    return parts === null ? null : assemble(context, asked, parts, null)
  }
  const [nodes, value] = await Promise.all([
    context.nodes.getNodes(plan.nodeIndexes),
    context.block(block.index)
  ])
  const parts = plan.fill(nodes)
  return parts === null || value === null ? null : assemble(context, asked, parts, value)
}

const MISSING = -1

/** What lies in the prologue is vouched for as a whole, so nobody is upgraded to a part of it. */
function withPrologue(context: ProofContext, request: ProofRequest): ProofRequest {
  const { manifest, tree } = context
  const prologue = manifest === null || isCompat(manifest, context.key) ? null : manifest.prologue
  const { upgrade } = request
  if (prologue === null || upgrade === null || upgrade.start >= prologue.length) return request
  if (tree.length < prologue.length) return request
  return { ...request, upgrade: { start: 0, length: prologue.length } }
}

/** The node that the seek part ends at; null if there is to be no seek part, MISSING if a node is not held. */
async function findSought(context: ProofContext, request: ProofRequest): Promise<number | null> {
  const { tree, nodes } = context
  const scope = seekScope(tree.length, request)
  if (scope === null || request.seek === null) return null
  const { byteOffset, padding } = request.seek
  const top = scope.kind === 'head' ? offsetNodes(scope.length) : [scope.nodeIndex]
  const roots = await nodes.getNodes(top)
  if (!allHeld(roots)) return MISSING
  let rest = byteOffset
  if (scope.kind === 'subtree') {
    const before = await nodes.getNodes(offsetNodes(startOf(scope.nodeIndex)))
    if (!allHeld(before)) return MISSING
    rest = restUnder(roots[0]!, before, byteOffset, padding)
  }
  const seek = new Seek(roots, rest, padding)
  for (let needs = seek.needs; needs !== null; needs = seek.needs) {
    seek.feed(nodes.peekNode(needs) ?? (await nodes.getNodes([needs]))[0] ?? null)
  }
  return seek.result === null || seek.result.kind === 'beyond' ? null : seek.result.nodeIndex
}

/** The byte counted from the begin of a subtree. */
function restUnder(
  top: Node,
  before: readonly Node[],
  byteOffset: number,
  padding: number
): number {
  const start = startOf(top.nodeIndex)
  let rest = byteOffset + padding * start
  for (const node of before) rest -= node.byteLength
  const payload = top.byteLength - padding * widthOf(top.nodeIndex)
  if (rest < 0 || (rest > 0 && rest >= payload)) {
    throw new ProofError('BAD_MESSAGE', `Byte ${byteOffset} is not below node ${top.nodeIndex}`)
  }
  return rest
}

function allHeld(nodes: readonly (Node | null)[]): nodes is readonly Node[] {
  for (const node of nodes) if (node === null) return false
  return true
}

function assemble(
  context: ProofContext,
  request: ProofRequest,
  parts: ProofNodes,
  value: Uint8Array | null
): Proof {
  const { block, hash, seek, upgrade } = request
  return {
    fork: context.tree.fork,
    block:
      block === null || parts.path === null || value === null
        ? null
        : { index: block.index, value, nodes: parts.path },
    hash:
      hash === null || parts.path === null || value !== null
        ? null
        : { nodeIndex: hash.nodeIndex, nodes: parts.path },
    seek:
      seek === null || parts.seek === null
        ? null
        : { byteOffset: seek.byteOffset, nodes: parts.seek },
    upgrade:
      upgrade === null || parts.upgrade === null || parts.additional === null
        ? null
        : {
            start: upgrade.start,
            length: upgrade.length,
            nodes: parts.upgrade,
            additionalNodes: parts.additional,
            signature: context.signature
          },
    manifest: request.manifest ? manifestToSend(context) : null
  }
}

function manifestToSend(context: ProofContext): Uint8Array | null {
  const { manifest, key } = context
  if (manifest === null || isCompat(manifest, key)) return null
  return encodeManifest(manifest)
}
