// Positions against their definition in exact integers, on both sides of the borders between 32-bit and other
// arithmetic (spec log.md section 2).
import { test } from 'brittle'
import { MAX_LENGTH } from '../../lib/merkle/constants.ts'
import {
  containsNode,
  depthOf,
  endOf,
  isLeftChild,
  leafOf,
  leftChildOf,
  nodeAt,
  offsetOf,
  parentOf,
  rightChildOf,
  rootsOf,
  siblingOf,
  startOf,
  widthOf
} from '../../lib/merkle/flat-tree.ts'
import { seedsFor } from '../helpers/long.ts'
import { seededRandom } from '../helpers/random.ts'

function slow(nodeIndex: number) {
  let depth = 0n
  let rest = BigInt(nodeIndex)
  while (rest & 1n) {
    depth++
    rest >>= 1n
  }
  const offset = rest >> 1n
  const at = (d: bigint, o: bigint): number => Number((2n * o + 1n) * (1n << d) - 1n)
  return {
    depth: Number(depth),
    offset: Number(offset),
    parent: at(depth + 1n, offset >> 1n),
    sibling: at(depth, offset ^ 1n),
    left: depth === 0n ? -1 : at(depth - 1n, 2n * offset),
    right: depth === 0n ? -1 : at(depth - 1n, 2n * offset + 1n),
    start: Number(offset << depth),
    end: Number((offset + 1n) << depth),
    isLeft: (offset & 1n) === 0n
  }
}

function fast(nodeIndex: number) {
  const depth = depthOf(nodeIndex)
  return {
    depth,
    offset: offsetOf(nodeIndex),
    parent: parentOf(nodeIndex),
    sibling: siblingOf(nodeIndex),
    left: depth === 0 ? -1 : leftChildOf(nodeIndex),
    right: depth === 0 ? -1 : rightChildOf(nodeIndex),
    start: startOf(nodeIndex),
    end: endOf(nodeIndex),
    isLeft: isLeftChild(nodeIndex)
  }
}

test('positions are exact in small and large trees', (t) => {
  const random = seededRandom(7)
  const interesting: number[] = []
  for (let depth = 0; depth <= 51; depth++) {
    for (const offset of [0, 1, 2, 3, 2 ** 20, 2 ** 31]) {
      const node = nodeAt(depth, offset)
      if (node < 2 * MAX_LENGTH) interesting.push(node)
    }
  }
  for (const border of [2 ** 30, 2 ** 31, 2 ** 32, 2 ** 33, 2 ** 52]) {
    for (let d = -5; d <= 4; d++) if (border + d < 2 * MAX_LENGTH) interesting.push(border + d)
  }
  for (let i = 0; i < seedsFor(3000, 300_000); i++) {
    interesting.push(Math.floor(random.next() * 2 ** (1 + random.int(52))))
  }
  let wrong = 0
  for (const node of interesting) {
    const expected = slow(node)
    const actual = fast(node)
    if (JSON.stringify(actual) !== JSON.stringify(expected)) {
      wrong++
      t.alike(actual, expected, `node ${node}`)
    }
    const inside = containsNode(expected.parent, node) && containsNode(node, leafOf(expected.start))
    if (!inside || containsNode(node, expected.sibling)) t.fail(`contains ${node}`)
    if (widthOf(node) !== expected.end - expected.start) t.fail(`width ${node}`)
  }
  t.is(wrong, 0, `${interesting.length} nodes`)
})

test('full roots of long logs', (t) => {
  for (const length of [2 ** 31 + 5, 2 ** 32 - 1, 2 ** 32 + 1, 2 ** 45 + 2 ** 33 + 3, MAX_LENGTH]) {
    let at = 0
    let width = Number.POSITIVE_INFINITY
    for (const root of rootsOf(length)) {
      if (startOf(root) !== at || widthOf(root) >= width) t.fail(`root ${root} of ${length}`)
      at = endOf(root)
      width = widthOf(root)
    }
    t.is(at, length)
  }
})
