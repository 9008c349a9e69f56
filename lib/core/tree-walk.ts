// Walks a log's tree from its roots, which are signed, down to the leaves, and goes only where a node is the hash
// of its children. What it reaches is therefore proven by the head, whatever else the files hold. Memory: a path.
// prune, on top of it, drops what is not proven: after an opening that found the oplog and the files at odds.
import { endOf, isLeaf, leafOf, leftChildOf, rightChildOf, startOf } from '../merkle/flat-tree.ts'
import { type Node, parentNode, sameHash } from '../merkle/node.ts'
import type { Tree } from '../merkle/tree.ts'
import type { NodeSource } from '../storage/node-source.ts'
import { throwIfAborted } from '../util/abort.ts'
import type { CoreState } from './state.ts'

export interface TreeVisitor {
  /** A proven leaf, and where its bytes begin. */
  leaf?(leaf: Node, byteOffset: number): Promise<void> | void
  /** Both children of a proven node, if they can be had in another way; stored ones do not do. */
  rebuild?(node: Node, byteOffset: number): Promise<readonly [Node, Node] | null>
  /** Nothing below a proven node is known. */
  unknown(node: Node): Promise<void> | void
  signal?: AbortSignal | undefined
}

export async function walkTree(
  tree: Tree,
  nodes: Pick<NodeSource, 'getNodes'>,
  visitor: TreeVisitor
): Promise<void> {
  let byteOffset = 0
  for (const root of tree.roots) {
    await walkBelow(root, byteOffset, nodes, visitor)
    byteOffset += root.byteLength
  }
}

async function walkBelow(
  top: Node,
  start: number,
  nodes: Pick<NodeSource, 'getNodes'>,
  visitor: TreeVisitor
): Promise<void> {
  const stack: { node: Node; byteOffset: number }[] = [{ node: top, byteOffset: start }]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    throwIfAborted(visitor.signal)
    const { node, byteOffset } = next
    if (isLeaf(node.nodeIndex)) {
      await visitor.leaf?.(node, byteOffset)
      continue
    }
    const children =
      (await storedChildren(node, nodes)) ?? (await visitor.rebuild?.(node, byteOffset)) ?? null
    if (children === null) {
      await visitor.unknown(node)
      continue
    }
    const [left, right] = children
    stack.push({ node: right, byteOffset: byteOffset + left.byteLength })
    stack.push({ node: left, byteOffset })
  }
}

/** Both, if the node is their hash. */
export async function storedChildren(
  node: Node,
  nodes: Pick<NodeSource, 'getNodes'>
): Promise<readonly [Node, Node] | null> {
  const { nodeIndex } = node
  const [left, right] = await nodes.getNodes([leftChildOf(nodeIndex), rightChildOf(nodeIndex)])
  return left != null && right != null && areChildren(node, left, right) ? [left, right] : null
}

export function areChildren(node: Node, left: Node, right: Node): boolean {
  return (
    left.byteLength + right.byteLength === node.byteLength &&
    sameHash(parentNode(left, right), node)
  )
}

/** Drops all nodes that the head does not prove, and the blocks below; in memory, as a change not yet written. */
export async function prune(state: CoreState): Promise<void> {
  const { tree, nodes, presence } = state
  nodes.cut(tree.length)
  presence.cut(tree.length)
  for (const root of tree.roots) nodes.put(root)
  state.contiguousLength = Math.min(state.contiguousLength, tree.length)
  await walkTree(tree, nodes, { unknown: (node) => dropBelow(state, node) })
}

/** Nothing below the node counts as known any more. */
export async function dropBelow(state: CoreState, { nodeIndex }: Node): Promise<void> {
  const start = startOf(nodeIndex)
  const end = endOf(nodeIndex)
  await state.nodes.dropRange(leafOf(start), leafOf(end) - 1, nodeIndex)
  state.presence.setRange(start, end - start, false)
  state.contiguousLength = Math.min(state.contiguousLength, start)
}
