// Where a block's bytes begin: full roots and left siblings before it (spec log.md section 9), from stored nodes.
// The offset of every 128th block is remembered, so that the usual look-up stays within one page of nodes.
// Owner: Core, which calls cut when the log is cut.
import { containsNode, endOf, leafOf, leftChildOf, rightChildOf } from '../merkle/flat-tree.ts'
import type { Node } from '../merkle/node.ts'
import type { Tree } from '../merkle/tree.ts'
import { OFFSET_CACHE_ENTRIES, OFFSET_STEP_BLOCKS } from '../storage/constants.ts'

/** A node on the way is not stored. */
export const UNKNOWN = -1

/** Where a look-up stands: at a subtree and the byte offset of its begin; waiting for the byteLength of `needs`. */
interface Walk {
  at: number
  byteOffset: number
  needs: number
}

/** Where the lengths of subtrees come from: stored nodes, perhaps with those of changes under way. */
export interface LengthSource {
  /** -1: not stored; undefined: has to be read first. */
  findByteLength(nodeIndex: number): number | undefined
  getNodes(nodeIndexes: readonly number[]): Promise<(Node | null)[]>
}

export class Offsets {
  readonly #nodes: LengthSource
  /** First block of a stretch → its byte offset. */
  readonly #known: Map<number, number> = new Map()

  constructor(nodes: LengthSource) {
    this.#nodes = nodes
  }

  /** Blocks from that length on may have changed. */
  cut(length: number): void {
    for (const start of this.#known.keys()) if (start > length) this.#known.delete(start)
  }

  /**
   * UNKNOWN if a node is not stored; undefined if one has to be read first. The caller has index <= tree.length.
   * @param fresh nodes that count as stored
   */
  findNow(tree: Tree, index: number, fresh: readonly Node[] = []): number | undefined {
    if (index === tree.length) return tree.byteLength
    const walk = this.#begin(tree, index)
    const leaf = leafOf(index)
    while (walk.at !== leaf) {
      walk.needs = leftChildOf(walk.at)
      const byteLength = lengthIn(fresh, walk.needs) ?? this.#nodes.findByteLength(walk.needs)
      if (byteLength === undefined) return undefined
      if (!this.#step(walk, index, byteLength)) return UNKNOWN
    }
    return walk.byteOffset
  }

  /** UNKNOWN if a node is not stored. @throws StorageError READ_FAILED */
  async find(tree: Tree, index: number, fresh: readonly Node[] = []): Promise<number> {
    if (index === tree.length) return tree.byteLength
    const walk = this.#begin(tree, index)
    const leaf = leafOf(index)
    while (walk.at !== leaf) {
      walk.needs = leftChildOf(walk.at)
      let byteLength = lengthIn(fresh, walk.needs) ?? this.#nodes.findByteLength(walk.needs)
      if (byteLength === undefined) {
        byteLength = (await this.#nodes.getNodes([walk.needs]))[0]?.byteLength ?? UNKNOWN
      }
      if (!this.#step(walk, index, byteLength)) return UNKNOWN
    }
    return walk.byteOffset
  }

  #begin(tree: Tree, index: number): Walk {
    const start = index - (index % OFFSET_STEP_BLOCKS)
    const known = this.#known.get(start)
    if (known !== undefined && start + OFFSET_STEP_BLOCKS <= tree.length) {
      return { at: leafOf(start) + OFFSET_STEP_BLOCKS - 1, byteOffset: known, needs: 0 }
    }
    let byteOffset = 0
    for (const root of tree.roots) {
      if (containsNode(root.nodeIndex, leafOf(index))) {
        return { at: root.nodeIndex, byteOffset, needs: 0 }
      }
      byteOffset += root.byteLength
    }
    throw new RangeError(`Block ${index} is beyond the tree`)
  }

  /** Goes one level down; false if the way is not known. */
  #step(walk: Walk, index: number, leftBytes: number): boolean {
    const goesLeft = index < endOf(walk.needs)
    if (goesLeft) {
      walk.at = walk.needs
      return this.#remember(walk)
    }
    if (leftBytes === UNKNOWN) return false
    walk.byteOffset += leftBytes
    walk.at = rightChildOf(walk.at)
    return this.#remember(walk)
  }

  #remember(walk: Walk): true {
    const start = (walk.at + 1 - OFFSET_STEP_BLOCKS) / 2
    if (start % OFFSET_STEP_BLOCKS !== 0 || walk.at % 2 === 0) return true
    if (endOf(walk.at) - start !== OFFSET_STEP_BLOCKS) return true
    if (this.#known.size >= OFFSET_CACHE_ENTRIES) {
      const oldest = this.#known.keys().next()
      if (!oldest.done) this.#known.delete(oldest.value)
    }
    this.#known.set(start, walk.byteOffset)
    return true
  }
}

function lengthIn(fresh: readonly Node[], nodeIndex: number): number | undefined {
  for (const node of fresh) if (node.nodeIndex === nodeIndex) return node.byteLength
  return undefined
}
