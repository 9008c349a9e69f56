// Node: one hash of the tree, and how leaf, parent and root hashes are made (spec log.md section 3).
//
// On the wire: uint nodeIndex | uint byteLength | 32 bytes hash
// Example: node 2 over 7 bytes = 02 07 <hash>
import { hash } from '../crypto/hash.ts'
import { type Codec, fixed32, uint, writeUint64 } from '../util/codec.ts'
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

const LEAF_TYPE = 0
const PARENT_TYPE = 1
const ROOT_TYPE = 2
const PREFIX_BYTES = 9
/** Blocks up to here are copied behind their prefix and hashed in one go, which is faster than two parts. */
const SCRATCH_BYTES = 4096

const scratch = new Uint8Array(PREFIX_BYTES + SCRATCH_BYTES)

/** The leaf of a block. */
export function leafNode(index: number, block: Uint8Array): Node {
  return { nodeIndex: leafOf(index), byteLength: block.byteLength, hash: leafHash(block) }
}

export function leafHash(block: Uint8Array): Uint8Array {
  const input =
    block.byteLength <= SCRATCH_BYTES
      ? scratch.subarray(0, PREFIX_BYTES + block.byteLength)
      : new Uint8Array(PREFIX_BYTES + block.byteLength)
  input[0] = LEAF_TYPE
  writeUint64(input, 1, block.byteLength)
  input.set(block, PREFIX_BYTES)
  return hash(input)
}

/** The parent of two siblings, given left to right. */
export function parentNode(left: Node, right: Node): Node {
  const byteLength = left.byteLength + right.byteLength
  const input = scratch.subarray(0, PREFIX_BYTES + 64)
  input[0] = PARENT_TYPE
  writeUint64(input, 1, byteLength)
  input.set(left.hash, PREFIX_BYTES)
  input.set(right.hash, PREFIX_BYTES + 32)
  return { nodeIndex: parentOf(left.nodeIndex), byteLength, hash: hash(input) }
}

/** The hash that a head is signed over: all full roots, left to right. */
export function rootHash(roots: readonly Node[]): Uint8Array {
  const input = new Uint8Array(1 + roots.length * 48)
  input[0] = ROOT_TYPE
  let offset = 1
  for (const root of roots) {
    input.set(root.hash, offset)
    writeUint64(input, offset + 32, root.nodeIndex)
    writeUint64(input, offset + 40, root.byteLength)
    offset += 48
  }
  return hash(input)
}
