// A log's tree and blocks in plain maps, for tests of proofs: a NodeSource whose nodes are all in memory,
// and the blocks of the reference vectors.
import { TreeBatch } from '../../lib/merkle/batch.ts'
import { containsNode, leafOf, parentOf } from '../../lib/merkle/flat-tree.ts'
import type { Node } from '../../lib/merkle/node.ts'
import type { Proof } from '../../lib/merkle/proof.ts'
import { Tree } from '../../lib/merkle/tree.ts'
import type { NodeSource } from '../../lib/storage/node-source.ts'

export class MemoryNodes implements NodeSource {
  readonly nodes: Map<number, Node> = new Map()
  /** With false, peekNode knows nothing and all goes through getNodes, as from a disk. */
  readonly inMemory: boolean
  reads = 0

  constructor(inMemory = true) {
    this.inMemory = inMemory
  }

  put(nodes: readonly Node[]): void {
    for (const node of nodes) this.nodes.set(node.nodeIndex, node)
  }

  getNodes(nodeIndexes: readonly number[]): Promise<(Node | null)[]> {
    this.reads++
    return Promise.resolve(nodeIndexes.map((nodeIndex) => this.nodes.get(nodeIndex) ?? null))
  }

  peekNode(nodeIndex: number): Node | null {
    return this.inMemory ? (this.nodes.get(nodeIndex) ?? null) : null
  }
}

export class MemoryTree {
  tree: Tree
  readonly nodes: MemoryNodes
  readonly blocks: Map<number, Uint8Array> = new Map()

  constructor(tree: Tree = Tree.empty(), inMemory = true) {
    this.tree = tree
    this.nodes = new MemoryNodes(inMemory)
  }

  static of(blocks: readonly Uint8Array[], fork = 0): MemoryTree {
    const made = new MemoryTree(Tree.empty(fork))
    const batch = new TreeBatch(made.tree)
    batch.appendAll(blocks)
    made.nodes.put(batch.nodes)
    made.tree = batch.tree()
    blocks.forEach((block, index) => {
      made.blocks.set(index, block)
    })
    return made
  }

  block(index: number): Promise<Uint8Array | null> {
    return Promise.resolve(this.blocks.get(index) ?? null)
  }

  /** The same tree at a smaller length. */
  at(length: number): Tree {
    return MemoryTree.of([...this.blocks.values()].slice(0, length), this.tree.fork).tree
  }
}

/** How many levels above the block's leaf the first stored node is (spec log.md section 10.1). */
export function levelsMissing(nodes: MemoryNodes, length: number, index: number): number {
  if (index >= length) return 0
  let at = leafOf(index)
  let levels = 0
  while (!nodes.nodes.has(at) && !containsNode(at, leafOf(length))) {
    at = parentOf(at)
    levels++
  }
  return levels
}

/** Block i of the vector logs: (7i mod 23) bytes, byte j = (31i + 17j + 5) mod 256. */
export function vectorBlock(index: number): Uint8Array {
  return Uint8Array.from({ length: (7 * index) % 23 }, (_, j) => (31 * index + 17 * j + 5) % 256)
}

export function vectorBlocks(length: number): Uint8Array[] {
  return Array.from({ length }, (_, index) => vectorBlock(index))
}

export const emptyProof: Proof = {
  fork: 0,
  block: null,
  hash: null,
  seek: null,
  upgrade: null,
  manifest: null
}
