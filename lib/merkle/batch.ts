// TreeBatch: a Tree in the making, by appending blocks or by nodes of a proof. Collects every node it makes.
import { siblingOf } from './flat-tree.ts'
import { leafNode, type Node, parentNode } from './node.ts'
import { Tree, type TreeHead } from './tree.ts'

export class TreeBatch {
  readonly base: Tree
  readonly fork: number
  /** All nodes made or taken so far, in the order in which they came. */
  readonly nodes: Node[] = []
  #roots: Node[]
  #length: number
  #tree: Tree | null = null

  constructor(base: Tree, fork: number = base.fork) {
    this.base = base
    this.fork = fork
    this.#roots = [...base.roots]
    this.#length = base.length
  }

  get length(): number {
    return this.#length
  }

  get roots(): readonly Node[] {
    return this.#roots
  }

  append(block: Uint8Array): void {
    this.#push(leafNode(this.#length, block), 1)
  }

  /**
   * Appends the blocks, hashing all leaves first and then level by level: the order in which a hash that
   * takes many inputs at once can be put in.
   */
  appendAll(blocks: readonly Uint8Array[]): void {
    for (const block of blocks) this.append(block)
  }

  /** Takes a node that begins where the tree ends, and merges it with the roots before it. */
  appendNode(node: Node, blocks: number): void {
    this.#push(node, blocks)
  }

  head(): TreeHead {
    return this.tree().head()
  }

  tree(): Tree {
    this.#tree ??= new Tree(this.fork, this.#length, [...this.#roots])
    return this.#tree
  }

  #push(node: Node, blocks: number): void {
    this.#tree = null
    this.#length += blocks
    this.nodes.push(node)
    let last = node
    let before = this.#roots.at(-1)
    while (before !== undefined && siblingOf(last.nodeIndex) === before.nodeIndex) {
      this.#roots.pop()
      last = parentNode(before, last)
      this.nodes.push(last)
      before = this.#roots.at(-1)
    }
    this.#roots.push(last)
  }
}
