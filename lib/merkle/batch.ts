// TreeBatch: a Tree in the making, by appending blocks or by nodes of a proof. Collects every node it makes.
// Nodes made here carry hashes of their own buffers (HashSlab); nodes taken are kept as given.
import { hashMany } from '../crypto/hash.ts'
import { viewOf } from '../util/bytes.ts'
import { LEVEL_CHUNK_HASHES } from './constants.ts'
import { depthOf, endOf, leafOf, nodeAt, offsetOf, siblingOf } from './flat-tree.ts'
import { HashSlab } from './hash-slab.ts'
import {
  LEAF_HEAD_BYTES,
  leafNode,
  type Node,
  PARENT_BYTES,
  parentNode,
  writeLeafHead,
  writeParent
} from './node.ts'
import type { Tree, TreeHead } from './tree.ts'

const heads = new Uint8Array(LEVEL_CHUNK_HASHES * PARENT_BYTES)
const headsView = viewOf(heads)

export class TreeBatch {
  readonly base: Tree
  readonly fork: number
  /** All nodes made or taken so far; siblings before their parent. */
  readonly nodes: Node[] = []
  #roots: Node[]
  #length: number
  #tree: Tree | null = null

  constructor(base: Tree, fork: number = base.fork) {
    this.base = base
    this.fork = fork
    this.#roots = base.roots.slice()
    this.#length = base.length
  }

  get length(): number {
    return this.#length
  }

  get roots(): readonly Node[] {
    return this.#roots
  }

  append(block: Uint8Array): void {
    const slab = new HashSlab(1 + mergesAt(this.#length))
    this.#push(leafNode(this.#length, block, slab.take()), slab)
  }

  /** Appends the blocks, hashing all leaves first, then their parents, and so on up: many hashes at a time. */
  appendAll(blocks: readonly Uint8Array[]): void {
    if (blocks.length === 0) return
    const slab = new HashSlab(2 * blocks.length)
    const start = this.#length
    this.#tree = null
    this.#length += blocks.length
    let level: Node[] = hashLeaves(start, blocks, slab)
    const loose: Node[] = []
    while (level.length > 0) {
      this.#keep(level)
      const before = this.#roots.at(-1)
      if (before !== undefined && siblingOf(level[0]!.nodeIndex) === before.nodeIndex) {
        this.#roots.pop()
        level.unshift(before)
      }
      if (level.length % 2 === 1) loose.push(level[level.length - 1]!)
      level = hashParents(level, slab)
    }
    while (loose.length > 0) this.#roots.push(loose.pop()!)
  }

  /** Takes a node that begins where the tree ends, and merges it with the roots before it. */
  appendNode(node: Node, slab: HashSlab = new HashSlab(1)): void {
    this.#push(node, slab)
  }

  head(): TreeHead {
    return this.tree().head()
  }

  tree(): Tree {
    this.#tree ??= this.base.grown(this.fork, this.#length, this.#roots.slice())
    return this.#tree
  }

  #keep(level: readonly Node[]): void {
    for (const node of level) this.nodes.push(node)
  }

  #push(node: Node, slab: HashSlab): void {
    this.#tree = null
    this.#length = endOf(node.nodeIndex)
    this.nodes.push(node)
    let last = node
    let before = this.#roots.at(-1)
    while (before !== undefined && siblingOf(last.nodeIndex) === before.nodeIndex) {
      this.#roots.pop()
      last = parentNode(before, last, slab.take())
      this.nodes.push(last)
      before = this.#roots.at(-1)
    }
    this.#roots.push(last)
  }
}

/** How many parents one more block completes: the 1 bits at the low end of the length. */
function mergesAt(length: number): number {
  return depthOf(length)
}

function hashLeaves(start: number, blocks: readonly Uint8Array[], slab: HashSlab): Node[] {
  const nodes: Node[] = []
  for (let from = 0; from < blocks.length; from += LEVEL_CHUNK_HASHES) {
    const bodies = blocks.slice(from, from + LEVEL_CHUNK_HASHES)
    const outputs: Uint8Array[] = []
    for (let i = 0; i < bodies.length; i++) {
      const byteLength = bodies[i]!.byteLength
      writeLeafHead(heads, headsView, i * LEAF_HEAD_BYTES, byteLength)
      const hash = slab.take()
      outputs.push(hash)
      nodes.push({ nodeIndex: leafOf(start + from + i), byteLength, hash })
    }
    hashMany(outputs, heads, LEAF_HEAD_BYTES, bodies)
  }
  return nodes
}

/** The parents of a row of siblings of one depth; a last one without sibling is left out. */
function hashParents(level: readonly Node[], slab: HashSlab): Node[] {
  const count = Math.floor(level.length / 2)
  const nodes: Node[] = []
  if (count === 0) return nodes
  const first = level[0]!.nodeIndex
  const depth = depthOf(first) + 1
  const offset = offsetOf(first, depth - 1) / 2
  for (let from = 0; from < count; from += LEVEL_CHUNK_HASHES) {
    const outputs: Uint8Array[] = []
    for (let i = from; i < Math.min(count, from + LEVEL_CHUNK_HASHES); i++) {
      const left = level[2 * i]!
      const right = level[2 * i + 1]!
      writeParent(heads, headsView, (i - from) * PARENT_BYTES, left, right)
      const hash = slab.take()
      outputs.push(hash)
      const byteLength = left.byteLength + right.byteLength
      nodes.push({ nodeIndex: nodeAt(depth, offset + i), byteLength, hash })
    }
    hashMany(outputs, heads, PARENT_BYTES, null)
  }
  return nodes
}
