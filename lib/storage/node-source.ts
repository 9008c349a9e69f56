// NodeSource: how the mathematics of proofs gets at stored tree nodes.
import type { Node } from '../merkle/node.ts'

export interface NodeSource {
  /**
   * The stored nodes in the order asked, null where none is stored. One batch; resolves without a disk
   * access for everything whose page is in memory.
   * @throws StorageError CORRUPT or READ_FAILED
   */
  getNodes(nodeIndexes: readonly number[]): Promise<(Node | null)[]>
  /** The node if it is in memory; null says nothing about the disk. */
  peekNode(nodeIndex: number): Node | null
}
