// Positions in the Merkle tree (spec log.md section 2). The only place where a block index becomes a
// nodeIndex or back. Exact for all nodes of a tree of up to 2^51 blocks (MAX_LENGTH).
//
// A leaf is 2 × its block index. Node N(depth, offset) = (2 × offset + 1) × 2^depth − 1:
//
//            3                 depth 2
//        1       5             depth 1
//      0   2   4   6           depth 0: blocks 0, 1, 2, 3
//
// In bits a node is: offset, a 0, then `depth` ones. With w = 2^depth the sibling differs in bit 2w only,
// the parent lies halfway between the two, and the node covers the leaves less than w away.
// Hot file: every hash of a climb asks for a sibling. Positions below 2^30 − 1 use 32-bit operations, larger
// ones arithmetic; the tests cross the border.

/** Below: node, parent and sibling fit in 31 bits. */
const SMALL = 0x3fffffff

/** The leaf of a block. */
export function leafOf(index: number): number {
  return index * 2
}

/** The block of a leaf. The caller knows that the node is a leaf. */
export function blockOf(nodeIndex: number): number {
  return nodeIndex / 2
}

export function isLeaf(nodeIndex: number): boolean {
  return nodeIndex % 2 === 0
}

/** Number of levels below the node: the consecutive 1 bits at the low end. */
export function depthOf(nodeIndex: number): number {
  if (nodeIndex < SMALL) return 31 - Math.clz32(~nodeIndex & (nodeIndex + 1))
  const low = nodeIndex % 0x100000000
  if (low !== 0xffffffff) return 31 - Math.clz32(~low & (low + 1))
  return 32 + depthOf(Math.floor(nodeIndex / 0x100000000))
}

/** The node at a depth, counted from the left. */
export function nodeAt(depth: number, offset: number): number {
  return (2 * offset + 1) * 2 ** depth - 1
}

/** How many nodes of its depth lie left of the node. */
export function offsetOf(nodeIndex: number, depth: number = depthOf(nodeIndex)): number {
  return Math.floor(nodeIndex / 2 ** (depth + 1))
}

export function parentOf(nodeIndex: number): number {
  if (nodeIndex < SMALL) {
    const width = ~nodeIndex & (nodeIndex + 1)
    return (nodeIndex | width) & ~(width << 1)
  }
  const width = widthOf(nodeIndex)
  return isLeftChild(nodeIndex) ? nodeIndex + width : nodeIndex - width
}

export function siblingOf(nodeIndex: number): number {
  if (nodeIndex < SMALL) return nodeIndex ^ ((~nodeIndex & (nodeIndex + 1)) << 1)
  const distance = 2 * widthOf(nodeIndex)
  return isLeftChild(nodeIndex) ? nodeIndex + distance : nodeIndex - distance
}

/** Whether the node is the left one of its parent's children. */
export function isLeftChild(nodeIndex: number): boolean {
  if (nodeIndex < SMALL) return (nodeIndex & ((~nodeIndex & (nodeIndex + 1)) << 1)) === 0
  return offsetOf(nodeIndex) % 2 === 0
}

/** The caller knows that the node is not a leaf. */
export function leftChildOf(nodeIndex: number): number {
  return nodeIndex - widthOf(nodeIndex) / 2
}

/** The caller knows that the node is not a leaf. */
export function rightChildOf(nodeIndex: number): number {
  return nodeIndex + widthOf(nodeIndex) / 2
}

/** How many blocks the node covers: 2^depth. */
export function widthOf(nodeIndex: number): number {
  if (nodeIndex < SMALL) return ~nodeIndex & (nodeIndex + 1)
  return 2 ** depthOf(nodeIndex)
}

/** First block covered by the node. */
export function startOf(nodeIndex: number): number {
  return (nodeIndex + 1 - widthOf(nodeIndex)) / 2
}

/** One past the last block covered by the node. */
export function endOf(nodeIndex: number): number {
  return (nodeIndex + 1 + widthOf(nodeIndex)) / 2
}

/** Whether `inner` is `outer` or lies below it. */
export function containsNode(outer: number, inner: number): boolean {
  return Math.abs(inner - outer) < widthOf(outer)
}

/** The full roots of a log of that many blocks, left to right: at most 52. */
export function rootsOf(length: number): number[] {
  const roots: number[] = []
  let start = 0
  let rest = length
  while (rest > 0) {
    const width = largestPowerOfTwo(rest)
    roots.push(2 * start + width - 1)
    start += width
    rest -= width
  }
  return roots
}

function largestPowerOfTwo(atMost: number): number {
  const high = Math.floor(atMost / 0x100000000)
  return high > 0 ? 2 ** (63 - Math.clz32(high)) : 2 ** (31 - Math.clz32(atMost))
}
