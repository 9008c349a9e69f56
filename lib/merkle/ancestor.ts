// AncestorSearch: narrows a local tree and a foreign one of a higher fork to the length that they have in
// common (spec log.md section 11.1). A pure stepper: the owner reads the local node named by `needsLocal`, or
// asks the peer for the hash named by `needsRemote`, and feeds what comes. Each answer goes at least one level
// down, so it ends after at most 52 answers.
//
//   foreign roots, left to right ──► the first that differs is `diff` ──► children known?
//        none differs: the whole foreign tree is common                     no: ask for a leaf below, up to diff
//                                          ▲                                yes: left differs ? left : right
//                                          └────────────────────────────────┘ until a leaf, or past the local end
//
// The local nodes have to be those of the local tree only. A node that is not stored counts as different, so
// the result may be lower than the truth, never higher.
import { ProofError } from '../errors.ts'
import { assert } from '../util/assert.ts'
import { depthOf, endOf, isLeaf, leafOf, leftChildOf, rightChildOf, startOf } from './flat-tree.ts'
import { foldProof } from './fold.ts'
import { type Node, sameHash } from './node.ts'
import type { Proof } from './proof.ts'
import type { Tree } from './tree.ts'

/** A hash part to ask the peer for. */
export interface HashRequest {
  readonly nodeIndex: number
  readonly nodes: number
}

export class AncestorSearch {
  readonly #localLength: number
  readonly #foreign: Tree
  readonly #known: Map<number, Node> = new Map()
  readonly #proven: Node[] = []
  #rootsMatched = 0
  #diff: Node | null = null
  #ancestor: number | null = null

  /** The foreign tree has to be verified; `nodes` are further verified nodes of it. */
  constructor(localLength: number, foreign: Tree, nodes: readonly Node[]) {
    this.#localLength = localLength
    this.#foreign = foreign
    for (const node of foreign.roots) this.#known.set(node.nodeIndex, node)
    for (const node of nodes) this.#known.set(node.nodeIndex, node)
    this.#settle()
  }

  /** The common length, once it is known. Blocks below it are the same in both trees. */
  get ancestor(): number | null {
    return this.#ancestor
  }

  /** The foreign nodes that the answers proved, hashes and byte lengths: to be stored with the fork. */
  get nodes(): readonly Node[] {
    return this.#proven
  }

  /** The node to look up in the local tree; null if the peer is to be asked, or all is known. */
  get needsLocal(): number | null {
    if (this.#ancestor !== null) return null
    if (this.#diff === null) return this.#foreign.roots[this.#rootsMatched]?.nodeIndex ?? null
    return this.#childrenOf(this.#diff)?.left.nodeIndex ?? null
  }

  /** The hash to ask the peer for; null if a local node is to be looked up, or all is known. */
  get needsRemote(): HashRequest | null {
    const diff = this.#diff
    if (this.#ancestor !== null || diff === null || this.#childrenOf(diff) !== null) return null
    // Histories mostly part near the end of the shorter one, and the path to that leaf is then known at once.
    const end = Math.min(endOf(diff.nodeIndex), this.#localLength)
    return { nodeIndex: leafOf(end - 1), nodes: depthOf(diff.nodeIndex) }
  }

  /** Takes the local node named by needsLocal, or null if it is not stored. */
  feedLocal(local: Node | null): void {
    const expected = this.needsLocal
    assert(expected !== null, 'No local node is needed')
    const foreign = this.#known.get(expected)
    assert(foreign !== undefined, 'A foreign node is missing')
    const same = local !== null && sameHash(local, foreign)
    const diff = this.#diff
    if (diff === null) {
      if (same) this.#rootsMatched++
      else this.#diff = foreign
    } else {
      const children = this.#childrenOf(diff)
      assert(children !== null, 'The children are missing')
      if (same) this.#proveRight(children.left, children.right, local)
      this.#diff = same ? children.right : children.left
    }
    this.#settle()
  }

  /**
   * Takes the peer's answer to needsRemote.
   * @throws ProofError BAD_MESSAGE or BAD_HASH if it does not lead to the node in question
   */
  feedRemote(proof: Proof): void {
    const request = this.needsRemote
    const diff = this.#diff
    assert(request !== null && diff !== null, 'No answer is needed')
    if (proof.hash?.nodeIndex !== request.nodeIndex || proof.upgrade !== null) {
      throw new ProofError('BAD_MESSAGE', 'The answer is not to the question')
    }
    const folded = foldProof(this.#foreign, proof)
    const top = folded.mustMatch
    if (top === null || top.nodeIndex !== diff.nodeIndex) {
      throw new ProofError('BAD_MESSAGE', `The answer does not lead to node ${diff.nodeIndex}`)
    }
    if (!sameHash(top, diff)) {
      throw new ProofError('BAD_HASH', `Node ${diff.nodeIndex} has another hash`)
    }
    for (const node of folded.nodes) {
      this.#known.set(node.nodeIndex, node)
      this.#proven.push(node)
    }
    // Only their hashes are looked at here, and those are true.
    for (const node of folded.unproven) this.#known.set(node.nodeIndex, node)
    this.#settle()
  }

  /**
   * Their hashes are true and so is the sum of their lengths; with ours of the left one, the right one's is known.
   * Held blocks to its left need it on their way up.
   */
  #proveRight(left: Node, right: Node, local: Node): void {
    const byteLength = left.byteLength + right.byteLength - local.byteLength
    if (byteLength >= 0) this.#proven.push({ ...right, byteLength })
  }

  #settle(): void {
    if (this.#diff === null) {
      if (this.#rootsMatched === this.#foreign.roots.length) this.#ancestor = this.#foreign.length
      return
    }
    const start = startOf(this.#diff.nodeIndex)
    if (isLeaf(this.#diff.nodeIndex) || start >= this.#localLength) this.#ancestor = start
  }

  #childrenOf(node: Node): { readonly left: Node; readonly right: Node } | null {
    const left = this.#known.get(leftChildOf(node.nodeIndex))
    const right = this.#known.get(rightChildOf(node.nodeIndex))
    return left === undefined || right === undefined ? null : { left, right }
  }
}
