// BlockReader: held blocks by index, each hashed and compared with its leaf before anybody sees it (promise S5).
// Also the way down the tree from a byte or a length. Changes nothing. Owner: Core.
import { leafOf, rootsOf } from '../merkle/flat-tree.ts'
import { leafNode, type Node } from '../merkle/node.ts'
import { Seek, type SeekResult } from '../merkle/seek.ts'
import { Tree } from '../merkle/tree.ts'
import { equalBytes } from '../util/bytes.ts'
import { type Offsets, UNKNOWN } from './offsets.ts'
import type { CoreState } from './state.ts'

/** How often a read begins again because the log was cut while it waited. */
const MAX_ATTEMPTS = 8

export class BlockReader {
  readonly #state: CoreState
  readonly #offsets: Offsets

  constructor(state: CoreState, offsets: Offsets) {
    this.#state = state
    this.#offsets = offsets
  }

  /** The block if that takes no waiting. Null says nothing: not held, not in memory, or damaged. */
  readNow(index: number): Uint8Array | null {
    const { tree, nodes, blocks } = this.#state
    if (!this.#state.holds(index)) return null
    const leaf = nodes.find(leafOf(index))
    if (leaf === null || leaf === undefined) return null
    const byteOffset = this.#offsets.findNow(tree, index)
    if (byteOffset === undefined || byteOffset === UNKNOWN) return null
    const bytes = blocks.readNow(byteOffset, leaf.byteLength)
    return bytes !== null && isWhole(leaf, bytes) ? bytes : null
  }

  /** Null: not held. @throws StorageError READ_FAILED */
  async read(index: number): Promise<Uint8Array | null | 'damaged'> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const { tree } = this.#state
      if (!this.#state.holds(index)) return null
      const bytes = await this.#readOnce(tree, index)
      if (bytes !== null) return bytes
      // A log that was cut meanwhile makes a wrong answer of a right one.
      if (this.#state.tree.fork === tree.fork) return 'damaged'
    }
    return null
  }

  /** UNKNOWN if nodes on the way are not stored. */
  byteOffset(index: number): Promise<number> {
    return this.#offsets.find(this.#state.tree, index)
  }

  async seek(byteOffset: number, padding: number): Promise<SeekResult> {
    const seek = new Seek(this.#state.tree.roots, byteOffset, padding)
    for (let needs = seek.needs; needs !== null; needs = seek.needs) {
      seek.feed((await this.#state.nodes.getNodes([needs]))[0] ?? null)
    }
    return seek.result ?? { kind: 'beyond' }
  }

  /** The tree as it was at a length of the present fork; null if its roots are not stored. */
  async treeAt(length: number): Promise<Tree | null> {
    const { tree, nodes } = this.#state
    if (length === tree.length) return tree
    if (length > tree.length) return null
    const roots = await nodes.getNodes(rootsOf(length))
    return roots.includes(null) ? null : new Tree(tree.fork, length, roots as Node[])
  }

  async #readOnce(tree: Tree, index: number): Promise<Uint8Array | null> {
    const { nodes, blocks } = this.#state
    const [leaf] = await nodes.getNodes([leafOf(index)])
    const byteOffset = await this.#offsets.find(tree, index)
    if (leaf == null || byteOffset === UNKNOWN) return null
    const bytes = await blocks.read(byteOffset, leaf.byteLength).catch((error: unknown) => {
      // What was cut off the file is damage; what the disk refuses to give is not.
      if (blocks.isBeyond(byteOffset + leaf.byteLength)) return null
      throw error
    })
    return bytes !== null && isWhole(leaf, bytes) ? bytes : null
  }
}

const scratch = new Uint8Array(32)

function isWhole(leaf: Node, bytes: Uint8Array): boolean {
  return equalBytes(leafNode(0, bytes, scratch).hash, leaf.hash)
}
