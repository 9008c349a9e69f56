// PendingNodes: the nodes of changes on their way to the disk, which proofs that come meanwhile may build on.
// Owner: Committer.
import type { Node } from '../merkle/node.ts'
import type { Change } from './change.ts'

export class PendingNodes {
  readonly #nodes: Map<number, Node> = new Map()

  get(nodeIndex: number): Node | null {
    return this.#nodes.size === 0 ? null : (this.#nodes.get(nodeIndex) ?? null)
  }

  add(change: Change): void {
    if (change.isAppend) return
    for (const node of change.nodes) this.#nodes.set(node.nodeIndex, node)
  }

  /** Those of a later change stay. */
  remove(change: Change): void {
    if (this.#nodes.size === 0) return
    for (const node of change.nodes) {
      if (this.#nodes.get(node.nodeIndex) === node) this.#nodes.delete(node.nodeIndex)
    }
  }

  clear(): void {
    this.#nodes.clear()
  }
}
