// Hashes a proof up to what must already be trusted (spec log.md section 10.7). Pure: it says which one stored
// node the result has to equal and which head has to be signed; core/verifier.ts looks and checks.
//
//   seek nodes ──hash──► s ┐
//   block or hash nodes ───┴─hash──► D ┬─► part of the upgrade, if a node is missing there: proven by its head
//                                      └─► else mustMatch: a stored node has the same hash, or the proof is false
//
// Strict where the reference is not (spec log.md section 17, item 4): lists hold exactly the nodes that are
// needed, in order; the upgrade starts at the tree's length; additional nodes are the canonical ones.
//
// Known nodes: with `known`, a climb ends as soon as it meets a stored node with the same hash. What is above
// is then checked for its shape only, not hashed and not returned.
//
// All hashes in the result lie in buffers of its own (HashSlab): listed hashes are copied here, 32 bytes each,
// so nothing that is kept holds on to the message they came in. A block's value is not copied.
//
// Byte lengths (spec log.md section 17, item 1). The length of a computed node is bound by its hash, that of a
// final root by the signature, and that of a node joined with a bound one by their parent's hash. What is left
// is a pair of listed nodes that are joined with each other: of these the hash binds the sum only, and a liar
// can shift bytes from one to the other. Such pairs come out apart, as `unproven`. As long as they are not
// stored, every stored node has its true length, and so has every block its true place in the file.
//
// Example: hash of leaf 4 with nodes 4 6 1 11 proves 1, 5, 3, 11 and leaves 4 and 6 unproven; block 2 with
// nodes 6 1 11 proves them all, for the block's own length is known.
import { ProofError } from '../errors.ts'
import { TreeBatch } from './batch.ts'
import { MAX_LENGTH, MAX_PROOF_NODES } from './constants.ts'
import { endOf, rootsOf, siblingOf, startOf } from './flat-tree.ts'
import { HashSlab } from './hash-slab.ts'
import { leafNode, type Node, parentNode, sameHash } from './node.ts'
import { upgradeNodes } from './plan.ts'
import type { Proof } from './proof.ts'
import type { Tree } from './tree.ts'

/** Stored, hence trusted nodes of the tree. storage/node-source.ts has this shape. */
export interface KnownNodes {
  /** The node if it is at hand; null says nothing. */
  peekNode(nodeIndex: number): Node | null
}

export interface FoldedProof {
  /** The new nodes, listed or computed. Trusted once the other members are checked. */
  readonly nodes: readonly Node[]
  /** Likewise, but their byte lengths are mere claims: good to look for a byte, not to be stored. */
  readonly unproven: readonly Node[]
  /** Has to equal the stored node of that index, and is not among `nodes`; null if nothing is left to compare. */
  readonly mustMatch: Node | null
  /** The tree with the upgrade, whose head has to be signed; null without one. */
  readonly upgraded: Tree | null
  /** The tree before the additional nodes: what a prologue is compared with. */
  readonly asked: Tree | null
}

/**
 * Folds the proof onto the tree (an empty one for fork and conflict proofs). Forks are not compared.
 * @throws ProofError BAD_MESSAGE for a malformed shape, BAD_HASH where a known node contradicts
 */
export function foldProof(tree: Tree, proof: Proof, known: KnownNodes | null = null): FoldedProof {
  const listed = countNodes(proof)
  if (listed > MAX_PROOF_NODES) throw malformed(`${listed} nodes`)
  return new Fold(tree, known, new HashSlab(2 * listed + 2)).run(proof)
}

class Fold {
  readonly #tree: Tree
  readonly #known: KnownNodes | null
  readonly #slab: HashSlab
  readonly #nodes: Node[] = []
  readonly #unproven: Node[] = []
  /** Whether the node that the last climb ended at has a bound byte length. */
  #isBound = false

  constructor(tree: Tree, known: KnownNodes | null, slab: HashSlab) {
    this.#tree = tree
    this.#known = known
    this.#slab = slab
  }

  run(proof: Proof): FoldedProof {
    const top = this.#foldPath(proof, this.#foldSeek(proof.seek))
    if (proof.upgrade !== null) return this.#foldUpgrade(proof.fork, proof.upgrade, top)
    return this.#result(this.#inTree(top), null, null)
  }

  #result(mustMatch: Node | null, upgraded: Tree | null, asked: Tree | null): FoldedProof {
    return { nodes: this.#nodes, unproven: this.#unproven, mustMatch, upgraded, asked }
  }

  /** The root of what the seek part shows. */
  #foldSeek(seek: Proof['seek']): Node | null {
    const first = seek?.nodes[0]
    if (seek === null || first === undefined) return null
    checkPosition(first.nodeIndex)
    this.#isBound = false
    return this.#climb(copied(first, this.#slab), seek.nodes, 1, null, null)
  }

  /** The root of what the block or hash part shows, or of the seek part alone; null if it met a known node. */
  #foldPath(proof: Proof, sought: Node | null): Node | null {
    const beside = sought === null ? null : { node: sought, isBound: this.#isBound }
    if (proof.block !== null) {
      if (proof.hash !== null) throw malformed('both a block and a hash')
      const { index, value, nodes } = proof.block
      checkPosition(2 * index)
      const leaf = leafNode(index, value, this.#slab.take())
      this.#isBound = true
      return this.#climb(leaf, nodes, 0, beside, this.#knownFor(leaf.nodeIndex))
    }
    if (proof.hash !== null) {
      const { nodeIndex, nodes } = proof.hash
      checkPosition(nodeIndex)
      const known = this.#knownFor(nodeIndex)
      const first = checked(nodes[0], nodeIndex)
      const stored = storedLike(first, known)
      this.#isBound = stored !== null
      return this.#climb(stored ?? copied(first, this.#slab), nodes, 1, beside, known)
    }
    return sought
  }

  /** Hashes from a node up, taking the listed siblings and at one place the sought one. */
  #climb(
    from: Node,
    list: readonly Node[],
    start: number,
    sought: { readonly node: Node; readonly isBound: boolean } | null,
    known: KnownNodes | null
  ): Node | null {
    let at = from
    let next = start
    let beside = sought
    for (;;) {
      // The sought part has to be reached, or it would be taken unproven.
      if (known !== null && beside === null && isKnown(at, known)) {
        checkShape(at.nodeIndex, list, next, this.#tree.length)
        return null
      }
      if (next === list.length && beside === null) return at
      const sibling = siblingOf(at.nodeIndex)
      if (beside !== null && beside.node.nodeIndex === sibling) {
        at = this.#join(at, beside.node, beside.isBound, true)
        beside = null
      } else {
        const listed = checked(list[next++], sibling)
        const stored = storedLike(listed, known)
        at = this.#join(at, stored ?? copied(listed, this.#slab), stored !== null, stored === null)
      }
    }
  }

  /** The parent; keeps what it proves: both if the length of one is bound, else neither. */
  #join(at: Node, sibling: Node, isSiblingBound: boolean, isSiblingNew: boolean): Node {
    const isLeft = at.nodeIndex < sibling.nodeIndex
    const output = this.#slab.take()
    const parent = isLeft ? parentNode(at, sibling, output) : parentNode(sibling, at, output)
    checkPosition(parent.nodeIndex)
    if (parent.byteLength > Number.MAX_SAFE_INTEGER) throw malformed('a byte length')
    const kept = this.#isBound || isSiblingBound ? this.#nodes : this.#unproven
    kept.push(at)
    if (isSiblingNew) kept.push(sibling)
    this.#isBound = true
    return parent
  }

  #foldUpgrade(
    fork: number,
    upgrade: NonNullable<Proof['upgrade']>,
    top: Node | null
  ): FoldedProof {
    const before = this.#tree.length
    const end = upgrade.start + upgrade.length
    if (upgrade.start !== before || upgrade.length <= 0 || end > MAX_LENGTH) {
      throw malformed(`an upgrade from ${upgrade.start} by ${upgrade.length} at length ${before}`)
    }
    const batch = new TreeBatch(this.#tree, fork)
    const supply = new Supply(upgrade.nodes, top, this.#slab)
    extendTo(batch, end, supply, this.#slab)
    supply.assertEmpty()
    const asked = batch.tree()
    this.#addAdditional(batch, upgrade.additionalNodes, supply)
    if (batch.tree().byteLength > Number.MAX_SAFE_INTEGER) throw malformed('the byte length')
    if (!supply.usedTop) {
      this.#keep(batch.nodes, supply.claims)
      return this.#result(this.#inTree(top), batch.tree(), asked)
    }
    if (top !== null && !this.#isBound) supply.claims.add(top.nodeIndex)
    this.#keep(batch.nodes, supply.claims)
    return this.#result(null, batch.tree(), asked)
  }

  /** Sorts the nodes of an upgrade: two claims that are siblings were joined with each other. */
  #keep(nodes: readonly Node[], claims: ReadonlySet<number>): void {
    for (const node of nodes) {
      const { nodeIndex } = node
      const isPair = claims.has(nodeIndex) && claims.has(siblingOf(nodeIndex))
      if (isPair) this.#unproven.push(node)
      else this.#nodes.push(node)
    }
  }

  #addAdditional(batch: TreeBatch, list: readonly Node[], supply: Supply): void {
    const last = list.at(-1)
    if (last === undefined) return
    checkPosition(last.nodeIndex)
    const end = endOf(last.nodeIndex)
    if (end <= batch.length) throw malformed('additional nodes')
    const expected = upgradeNodes(batch.length, end)
    if (expected.length !== list.length) throw malformed('additional nodes')
    for (let i = 0; i < list.length; i++) {
      batch.appendNode(supply.claim(list[i], expected[i]!), this.#slab)
    }
  }

  /** What nothing but a stored node can vouch for has to lie in the tree. */
  #inTree(top: Node | null): Node | null {
    if (top !== null && endOf(top.nodeIndex) > this.#tree.length) {
      throw malformed(`node ${top.nodeIndex} is beyond the tree`)
    }
    return top
  }

  #knownFor(nodeIndex: number): KnownNodes | null {
    return endOf(nodeIndex) <= this.#tree.length ? this.#known : null
  }
}

/** Where extendTo takes the nodes from: the listed ones in order, one of them replaced by a computed one. */
class Supply {
  usedTop = false
  /** The nodes that came from lists. */
  readonly claims: Set<number> = new Set()
  readonly #list: readonly Node[]
  readonly #top: Node | null
  readonly #slab: HashSlab
  #next = 0

  constructor(list: readonly Node[], top: Node | null, slab: HashSlab) {
    this.#list = list
    this.#top = top
    this.#slab = slab
  }

  /** @throws ProofError BAD_MESSAGE if another node comes next */
  require(nodeIndex: number): Node {
    const top = this.#top
    if (top !== null && !this.usedTop && top.nodeIndex === nodeIndex) {
      this.usedTop = true
      return top
    }
    return this.claim(this.#list[this.#next++], nodeIndex)
  }

  /** @throws ProofError BAD_MESSAGE if it is another node */
  claim(node: Node | undefined, nodeIndex: number): Node {
    this.claims.add(nodeIndex)
    return copied(checked(node, nodeIndex), this.#slab)
  }

  /** @throws ProofError BAD_MESSAGE */
  assertEmpty(): void {
    if (this.#next !== this.#list.length) throw malformed('surplus nodes in the upgrade')
  }
}

/** Makes the batch grow to a larger length by the nodes that its geometry asks for. */
export function extendTo(
  batch: TreeBatch,
  length: number,
  supply: { require(nodeIndex: number): Node },
  slab: HashSlab
): void {
  for (const root of rootsOf(length)) {
    if (endOf(root) <= batch.length) continue
    let last = batch.roots.at(-1)
    if (last === undefined || batch.length === startOf(root)) {
      batch.appendNode(supply.require(root), slab)
      continue
    }
    while (last !== undefined && last.nodeIndex !== root) {
      batch.appendNode(supply.require(siblingOf(last.nodeIndex)), slab)
      last = batch.roots.at(-1)
    }
  }
}

/** The stored node of that position and hash; its byte length is true, whatever the listed one says. */
function storedLike(node: Node, known: KnownNodes | null): Node | null {
  const stored = known === null ? null : known.peekNode(node.nodeIndex)
  return stored !== null && sameHash(stored, node) ? stored : null
}

/** @throws ProofError BAD_HASH if another node is known there */
function isKnown(node: Node, known: KnownNodes): boolean {
  const stored = known.peekNode(node.nodeIndex)
  if (stored === null) return false
  if (sameHash(stored, node)) return true
  throw new ProofError('BAD_HASH', `Node ${node.nodeIndex} is known with another hash`)
}

/** What is left of a list after an early end still has to be a path up inside the tree. */
function checkShape(from: number, list: readonly Node[], start: number, length: number): void {
  let at = from
  for (let i = start; i < list.length; i++) {
    const sibling = siblingOf(at)
    checked(list[i], sibling)
    at = (at + sibling) / 2
    checkPosition(at)
  }
  if (endOf(at) > length) throw malformed(`node ${at} is beyond the tree`)
}

function checked(node: Node | undefined, nodeIndex: number): Node {
  if (node === undefined) throw malformed(`node ${nodeIndex} is missing`)
  if (node.nodeIndex !== nodeIndex) {
    throw malformed(`node ${node.nodeIndex} in place of ${nodeIndex}`)
  }
  return node
}

function checkPosition(nodeIndex: number): void {
  if (nodeIndex >= 2 * MAX_LENGTH) throw malformed(`node ${nodeIndex}`)
}

function copied(node: Node, slab: HashSlab): Node {
  const hash = slab.take()
  hash.set(node.hash)
  return { nodeIndex: node.nodeIndex, byteLength: node.byteLength, hash }
}

function countNodes(proof: Proof): number {
  let count = 0
  if (proof.block !== null) count += proof.block.nodes.length
  if (proof.hash !== null) count += proof.hash.nodes.length
  if (proof.seek !== null) count += proof.seek.nodes.length
  if (proof.upgrade !== null) {
    count += proof.upgrade.nodes.length + proof.upgrade.additionalNodes.length
  }
  return count
}

function malformed(what: string): ProofError {
  return new ProofError('BAD_MESSAGE', `Malformed proof: ${what}`)
}
