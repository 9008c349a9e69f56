// Seek: byte offset → block, one needed node at a time (spec log.md sections 9 and 10.3). A pure stepper: the
// owner reads the node named by `needs` and feeds it, or feeds null if it is not stored. Each step goes one
// level down, so a seek ends after at most 52 of them whatever the nodes say.
//
//   start ──► looking at the left child of `at` ──► found   at a border or in a leaf
//                  │        ▲                    ╲► within  the child is not stored, or has no possible length:
//                  └────────┘ go left or right              the byte is somewhere in this subtree
//
// Stored nodes have true byte lengths. Who feeds unproven ones as well (fold.ts) gets a guess: it ends all the
// same, but may name the wrong block. A length that cannot be true, because a child would be longer than its
// parent, ends the seek like a missing node.
//
// With padding each block begins with that many bytes which do not count (encrypted logs).
import { assert } from '../util/assert.ts'
import { endOf, isLeaf, leftChildOf, rightChildOf, startOf, widthOf } from './flat-tree.ts'
import type { Node } from './node.ts'

/** A byte of the log as block and offset in it. */
export interface Position {
  readonly index: number
  /** Within the block, padding not counted. */
  readonly byteOffset: number
}

export type SeekResult =
  /** `nodeIndex` is the smallest node known to begin or end at the byte, or the leaf that holds it. */
  | { readonly kind: 'found'; readonly position: Position; readonly nodeIndex: number }
  /** The byte is in one of these blocks; more nodes are needed to tell. */
  | {
      readonly kind: 'within'
      readonly start: number
      readonly end: number
      readonly nodeIndex: number
    }
  /** Past the last byte. */
  | { readonly kind: 'beyond' }

export class Seek {
  readonly #padding: number
  /** The subtree that holds the byte, how many bytes it is said to have, and the byte counted from its begin. */
  #at = 0
  #atBytes = 0
  #rest: number
  #result: SeekResult | null = null

  /**
   * Looks for a byte of the tree with these full roots, left to right.
   * @param padding bytes at the head of each block that do not count
   */
  constructor(roots: readonly Node[], byteOffset: number, padding: number) {
    this.#padding = padding
    this.#rest = byteOffset
    this.#enter(roots)
  }

  /** The node to feed next; null when the result is there. */
  get needs(): number | null {
    return this.#result === null ? leftChildOf(this.#at) : null
  }

  get result(): SeekResult | null {
    return this.#result
  }

  /** Takes the node named by `needs`, or null if it is not stored. */
  feed(left: Node | null): void {
    assert(this.#result === null, 'The seek has ended')
    assert(left === null || left.nodeIndex === this.needs, 'Another node was needed')
    const leftBytes = left === null ? -1 : this.#payloadOf(left)
    if (left === null || leftBytes < 0 || leftBytes > this.#atBytes) {
      this.#result = within(this.#at)
    } else if (leftBytes === this.#rest) {
      this.#result = found(endOf(left.nodeIndex), 0, left.nodeIndex)
    } else if (leftBytes > this.#rest) {
      this.#descend(left.nodeIndex, leftBytes)
    } else {
      this.#rest -= leftBytes
      this.#descend(rightChildOf(this.#at), this.#atBytes - leftBytes)
    }
  }

  #enter(roots: readonly Node[]): void {
    if (this.#rest === 0) {
      const first = roots[0]?.nodeIndex ?? 0
      this.#result = found(startOf(first), 0, first)
      return
    }
    for (const root of roots) {
      const bytes = this.#payloadOf(root)
      if (bytes === this.#rest) {
        this.#result = found(endOf(root.nodeIndex), 0, root.nodeIndex)
        return
      }
      if (bytes > this.#rest) {
        this.#descend(root.nodeIndex, bytes)
        return
      }
      this.#rest -= bytes
    }
    this.#result = { kind: 'beyond' }
  }

  /** The rest is less than the bytes, and more than 0. */
  #descend(nodeIndex: number, bytes: number): void {
    this.#at = nodeIndex
    this.#atBytes = bytes
    if (isLeaf(nodeIndex)) this.#result = found(startOf(nodeIndex), this.#rest, nodeIndex)
  }

  #payloadOf(node: Node): number {
    return node.byteLength - this.#padding * widthOf(node.nodeIndex)
  }
}

function found(index: number, byteOffset: number, nodeIndex: number): SeekResult {
  return { kind: 'found', position: { index, byteOffset }, nodeIndex }
}

function within(nodeIndex: number): SeekResult {
  return { kind: 'within', start: startOf(nodeIndex), end: endOf(nodeIndex), nodeIndex }
}
