// Positions, hashes, offsets and seeks against the reference vectors (spec log.md sections 2, 3, 9).
import { test } from 'brittle'
import { TreeBatch } from '../../lib/merkle/batch.ts'
import {
  depthOf,
  endOf,
  isLeaf,
  leftChildOf,
  offsetOf,
  parentOf,
  rightChildOf,
  rootsOf,
  siblingOf,
  startOf,
  widthOf
} from '../../lib/merkle/flat-tree.ts'
import { leafNode, parentNode, rootHash } from '../../lib/merkle/node.ts'
import { offsetNodes } from '../../lib/merkle/plan.ts'
import { Seek } from '../../lib/merkle/seek.ts'
import { Tree } from '../../lib/merkle/tree.ts'
import { toHex } from '../../lib/util/bytes.ts'
import { logVectors, nodeOf, nodeText } from '../core/log-vectors.ts'
import { hex } from '../helpers/vectors.ts'
import { MemoryTree, vectorBlocks } from './memory-tree.ts'

const vectors = logVectors()
/** What the one block too large for the file is filled with. */
const LARGE_BLOCK_BYTE = 0x5a

test('flat tree', (t) => {
  for (const node of vectors.flatTree.nodes) {
    const i = node.index
    const actual = [depthOf(i), offsetOf(i), parentOf(i), siblingOf(i), 2 * startOf(i)]
    t.alike(actual, [node.depth, node.offset, node.parent, node.sibling, node.leftSpan], `${i}`)
    t.alike([2 * endOf(i) - 2, widthOf(i)], [node.rightSpan, node.countLeaves])
    t.alike(isLeaf(i) ? null : [leftChildOf(i), rightChildOf(i)], node.children)
  }
  for (const { length, roots } of vectors.flatTree.fullRoots) {
    t.alike(rootsOf(length), roots, `roots of ${length}`)
  }
})

test('leaf, parent and root hashes', (t) => {
  for (const { block, size, hash } of vectors.leafHashes) {
    const bytes = block === undefined ? new Uint8Array(size).fill(LARGE_BLOCK_BYTE) : hex(block)
    const leaf = leafNode(3, bytes)
    t.is(nodeText(leaf), `6 ${size} ${hash}`)
  }
  for (const { left, right, size, hash } of vectors.parentHashes) {
    const parent = parentNode(nodeOf(left), nodeOf(right))
    t.is(toHex(parent.hash), hash)
    t.is(parent.byteLength, size)
  }
  for (const { roots, hash } of vectors.treeHashes) t.is(toHex(rootHash(roots.map(nodeOf))), hash)
})

test('the tree of 13 blocks, appended one by one and all at once', (t) => {
  const expected = vectors.nodes13.map(nodeOf).map(nodeText)
  const single = new TreeBatch(Tree.empty())
  for (const block of vectorBlocks(13)) single.append(block)
  const all = new TreeBatch(Tree.empty())
  all.appendAll(vectorBlocks(13))
  for (const batch of [single, all]) {
    const nodes = batch.nodes.toSorted((a, b) => a.nodeIndex - b.nodeIndex).map(nodeText)
    t.alike(nodes, expected)
    t.alike(
      batch.roots.map((root) => root.nodeIndex),
      [7, 19, 24]
    )
  }
})

test('byte offsets and seeks', (t) => {
  const log = MemoryTree.of(vectorBlocks(13))
  for (const { index, offset } of vectors.byteOffsets13) {
    const end = index === 26 ? 13 : startOf(index)
    let sum = 0
    for (const node of offsetNodes(end)) sum += log.nodes.peekNode(node)?.byteLength ?? Number.NaN
    t.is(sum, offset, `offset of node ${index}`)
  }
  for (const [byteOffset, expected] of vectors.seeks13) {
    const seek = new Seek(log.tree.roots, byteOffset, 0)
    for (let needs = seek.needs; needs !== null; needs = seek.needs) {
      seek.feed(log.nodes.peekNode(needs))
    }
    const { result } = seek
    const position = result?.kind === 'found' ? result.position : null
    t.alike(
      position === null ? null : [position.index, position.byteOffset],
      expected,
      `seek ${byteOffset}`
    )
  }
})
