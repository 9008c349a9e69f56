// Tree: an immutable head with its roots. A snapshot of a log's tree is a reference to one of these.
import { TreeBatch } from './batch.ts'
import { type Node, rootHash } from './node.ts'

/** What a signature covers. */
export interface TreeHead {
  readonly fork: number
  /** In blocks. */
  readonly length: number
  readonly byteLength: number
  /** 32 bytes: the hash over the roots, also called tree hash. */
  readonly rootHash: Uint8Array
}

export interface SignedHead extends TreeHead {
  /** The signature envelope as on the wire (spec log.md section 7); empty for length 0 or a bare prologue. */
  readonly signature: Uint8Array
}

export class Tree {
  readonly fork: number
  readonly length: number
  readonly byteLength: number
  /** The full roots, left to right. */
  readonly roots: readonly Node[]
  #rootHash: Uint8Array | null = null

  constructor(fork: number, length: number, roots: readonly Node[]) {
    this.fork = fork
    this.length = length
    this.roots = roots
    let byteLength = 0
    for (const root of roots) byteLength += root.byteLength
    this.byteLength = byteLength
  }

  static empty(fork = 0): Tree {
    return new Tree(fork, 0, [])
  }

  get rootHash(): Uint8Array {
    this.#rootHash ??= rootHash(this.roots)
    return this.#rootHash
  }

  head(): TreeHead {
    return {
      fork: this.fork,
      length: this.length,
      byteLength: this.byteLength,
      rootHash: this.rootHash
    }
  }

  /** The same blocks under another fork number. */
  withFork(fork: number): Tree {
    return new Tree(fork, this.length, this.roots)
  }

  /** Another tree, made of these roots by a TreeBatch. */
  grown(fork: number, length: number, roots: readonly Node[]): Tree {
    return new Tree(fork, length, roots)
  }

  extend(): TreeBatch {
    return new TreeBatch(this)
  }
}
