// The Merkle tree as its definition says, slow and without cleverness: every node by recursion, every list by
// walking the whole tree. What lib/merkle is compared with.
import { hashParts } from '../../lib/crypto/hash.ts'
import { encode, uint64 } from '../../lib/util/codec.ts'

export interface Span {
  readonly nodeIndex: number
  readonly start: number
  readonly end: number
}

/** The node that covers [start, end), a power of two of blocks. */
export function spanOf(start: number, end: number): Span {
  return { nodeIndex: start + end - 1, start, end }
}

/** The full roots of a length: the largest spans that fit, one after the other. */
export function slowRoots(length: number): Span[] {
  const roots: Span[] = []
  let start = 0
  while (start < length) {
    let width = 1
    while (start + 2 * width <= length) width *= 2
    roots.push(spanOf(start, start + width))
    start += width
  }
  return roots
}

/** The largest nodes below the span that lie at or after a block, left to right. */
export function cover(span: Span, from: number): Span[] {
  if (span.end <= from) return []
  if (span.start >= from) return [span]
  const middle = (span.start + span.end) / 2
  return [...cover(spanOf(span.start, middle), from), ...cover(spanOf(middle, span.end), from)]
}

/** What takes a reader from one length to another. */
export function slowUpgrade(from: number, to: number): number[] {
  return slowRoots(to)
    .flatMap((root) => cover(root, from))
    .map((span) => span.nodeIndex)
}

/** The siblings from a node up to one of the spans' ends, found from the top down. */
export function slowPath(top: Span, inner: Span): number[] {
  if (top.start === inner.start && top.end === inner.end) return []
  const middle = (top.start + top.end) / 2
  const left = spanOf(top.start, middle)
  const right = spanOf(middle, top.end)
  return inner.start < middle
    ? [...slowPath(left, inner), right.nodeIndex]
    : [...slowPath(right, inner), left.nodeIndex]
}

export class RecursiveTree {
  readonly blocks: readonly Uint8Array[]

  constructor(blocks: readonly Uint8Array[]) {
    this.blocks = blocks
  }

  hash({ start, end }: Span): Uint8Array {
    const size = encode(uint64, this.byteLength(start, end))
    if (end - start === 1) {
      return hashParts([new Uint8Array([0]), size, this.blocks[start] ?? new Uint8Array(0)])
    }
    const middle = (start + end) / 2
    const left = this.hash(spanOf(start, middle))
    return hashParts([new Uint8Array([1]), size, left, this.hash(spanOf(middle, end))])
  }

  rootHash(length: number): Uint8Array {
    const parts = slowRoots(length).flatMap((root) => [
      this.hash(root),
      encode(uint64, root.nodeIndex),
      encode(uint64, this.byteLength(root.start, root.end))
    ])
    return hashParts([new Uint8Array([2]), ...parts])
  }

  byteLength(start: number, end: number): number {
    return this.blocks.slice(start, end).reduce((sum, block) => sum + block.byteLength, 0)
  }
}
