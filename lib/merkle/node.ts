// Node: one hash of the tree, and how leaf, parent and root hashes are made (spec log.md section 3).
//
// On the wire: uint nodeIndex | uint byteLength | 32 bytes hash
// Example: node 2 over 7 bytes = 02 07 <hash>
//
// What is hashed (integers are u64 little-endian):
//   leaf    00 | byteLength | block
//   parent  01 | byteLength of both | left hash | right hash
//   roots   02 | for each root: hash | nodeIndex | byteLength
//
// A hash binds the byteLength of its own node, but of its children only the sum: see fold.ts, which lets only
// nodes with a proven byteLength be stored (spec log.md section 17, item 1).
import { HASH_BYTES, hash, hashHeaded, hashInto } from '../crypto/hash.ts'
import { viewOf } from '../util/bytes.ts'
import { type Codec, fixed32, uint } from '../util/codec.ts'
import { leafOf, parentOf } from './flat-tree.ts'

export interface Node {
  readonly nodeIndex: number
  /** Bytes of all blocks below. */
  readonly byteLength: number
  /** 32 bytes. */
  readonly hash: Uint8Array
}

export const nodeCodec: Codec<Node> = {
  preencode(state, node) {
    uint.preencode(state, node.nodeIndex)
    uint.preencode(state, node.byteLength)
    fixed32.preencode(state, node.hash)
  },
  encode(state, node) {
    uint.encode(state, node.nodeIndex)
    uint.encode(state, node.byteLength)
    fixed32.encode(state, node.hash)
  },
  decode(state) {
    return {
      nodeIndex: uint.decode(state),
      byteLength: uint.decode(state),
      hash: fixed32.decode(state)
    }
  }
}

export const LEAF_HEAD_BYTES = 9
export const PARENT_BYTES = 73

const LEAF_TYPE = 0
const PARENT_TYPE = 1
const ROOT_TYPE = 2
const ROOT_BYTES = 48

const leafHead = new Uint8Array(LEAF_HEAD_BYTES)
const leafHeadView = viewOf(leafHead)
const parentInput = new Uint8Array(PARENT_BYTES)
const parentInputView = viewOf(parentInput)

/** The leaf of a block. The hash is put into 32 bytes that the caller may bring. */
export function leafNode(
  index: number,
  block: Uint8Array,
  output: Uint8Array = new Uint8Array(HASH_BYTES)
): Node {
  writeLeafHead(leafHead, leafHeadView, 0, block.byteLength)
  hashHeaded(output, leafHead, block)
  return { nodeIndex: leafOf(index), byteLength: block.byteLength, hash: output }
}

/** The parent of two siblings, given left to right. The hash is put into 32 bytes that the caller may bring. */
export function parentNode(
  left: Node,
  right: Node,
  output: Uint8Array = new Uint8Array(HASH_BYTES)
): Node {
  writeParent(parentInput, parentInputView, 0, left, right)
  hashInto(output, parentInput)
  return {
    nodeIndex: parentOf(left.nodeIndex),
    byteLength: left.byteLength + right.byteLength,
    hash: output
  }
}

/** What comes before the block in a leaf's hash: 9 bytes. */
export function writeLeafHead(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  byteLength: number
): void {
  bytes[start] = LEAF_TYPE
  writeLength(view, start + 1, byteLength)
}

/** All that goes into a parent's hash: 73 bytes. */
export function writeParent(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  left: Node,
  right: Node
): void {
  bytes[start] = PARENT_TYPE
  writeLength(view, start + 1, left.byteLength + right.byteLength)
  bytes.set(left.hash, start + LEAF_HEAD_BYTES)
  bytes.set(right.hash, start + LEAF_HEAD_BYTES + HASH_BYTES)
}

/** Whether two nodes of one position are the same; claimed byte lengths do not count. */
export function sameHash(a: Node, b: Node): boolean {
  for (let i = 0; i < HASH_BYTES; i++) if (a.hash[i] !== b.hash[i]) return false
  return true
}

/** The hash that a head is signed over: all full roots, left to right. */
export function rootHash(roots: readonly Node[]): Uint8Array {
  const input = new Uint8Array(1 + roots.length * ROOT_BYTES)
  const view = viewOf(input)
  input[0] = ROOT_TYPE
  let offset = 1
  for (const root of roots) {
    input.set(root.hash, offset)
    writeLength(view, offset + HASH_BYTES, root.nodeIndex)
    writeLength(view, offset + HASH_BYTES + 8, root.byteLength)
    offset += ROOT_BYTES
  }
  return hash(input)
}

function writeLength(view: DataView, offset: number, value: number): void {
  const high = value < 0x100000000 ? 0 : Math.floor(value / 0x100000000)
  view.setUint32(offset, value - high * 0x100000000, true)
  view.setUint32(offset + 4, high, true)
}
