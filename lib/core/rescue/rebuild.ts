// Rebuilding lost nodes from what is left: a parent from its children, a leaf from its block. How long a lost leaf's
// block is follows from its parent and its sibling. What comes out is only a guess until the parent, which is
// proven, turns out to be its hash.
import { isLeaf, leftChildOf, rightChildOf, startOf } from '../../merkle/flat-tree.ts'
import { leafNode, type Node, parentNode } from '../../merkle/node.ts'
import type { CoreState } from '../state.ts'
import { areChildren } from '../tree-walk.ts'

/** Nodes that were lost one above the other: a damaged page holds no more levels than this. */
const MAX_REBUILD_DEPTH = 10

/** Both children of a proven node; null if what is left does not lead to them. */
export async function rebuildChildren(
  state: CoreState,
  node: Node,
  byteOffset: number
): Promise<readonly [Node, Node] | null> {
  const leftIndex = leftChildOf(node.nodeIndex)
  const rightIndex = rightChildOf(node.nodeIndex)
  const lefts = await candidates(state, leftIndex)
  const rights = await candidates(state, rightIndex)
  for (const left of lefts) {
    const rest = node.byteLength - left.byteLength
    const more = await leafFrom(state, rightIndex, byteOffset + left.byteLength, rest)
    for (const right of more === null ? rights : [...rights, more]) {
      if (areChildren(node, left, right)) return [left, right]
    }
  }
  for (const right of rights) {
    const left = await leafFrom(state, leftIndex, byteOffset, node.byteLength - right.byteLength)
    if (left !== null && areChildren(node, left, right)) return [left, right]
  }
  return null
}

/** What the node may be: the stored one, and the hash of its children, which are sought a few levels down. */
async function candidates(
  state: CoreState,
  nodeIndex: number,
  depth = MAX_REBUILD_DEPTH
): Promise<Node[]> {
  const [stored] = await state.nodes.getNodes([nodeIndex])
  const found = stored == null ? [] : [stored]
  if (isLeaf(nodeIndex) || depth === 0) return found
  const left = await bestOf(state, leftChildOf(nodeIndex), depth - 1)
  const right = left === null ? null : await bestOf(state, rightChildOf(nodeIndex), depth - 1)
  if (left !== null && right !== null) found.push(parentNode(left, right))
  return found
}

async function bestOf(state: CoreState, nodeIndex: number, depth: number): Promise<Node | null> {
  const [stored] = await state.nodes.getNodes([nodeIndex])
  return stored ?? (await candidates(state, nodeIndex, depth))[0] ?? null
}

/** The leaf of the bytes that lie there. */
async function leafFrom(
  state: CoreState,
  nodeIndex: number,
  byteOffset: number,
  byteLength: number
): Promise<Node | null> {
  if (!isLeaf(nodeIndex) || byteLength < 0) return null
  if (state.blocks.isBeyond(byteOffset + byteLength)) return null
  return leafNode(startOf(nodeIndex), await state.blocks.read(byteOffset, byteLength))
}
