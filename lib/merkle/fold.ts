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
// Byte lengths: those of computed nodes are bound by their hash, those of listed nodes are claims (node.ts). A
// listed node is therefore not returned if it is known; a computed one that corrects a known claim is.
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
  /** The new nodes, listed or computed, siblings before parents. Trusted once the other members are checked. */
  readonly nodes: readonly Node[]
  /** Has to equal the stored node of that index; null if nothing is left to compare. */
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

  constructor(tree: Tree, known: KnownNodes | null, slab: HashSlab) {
    this.#tree = tree
    this.#known = known
    this.#slab = slab
  }

  run(proof: Proof): FoldedProof {
    const sought = proof.seek === null ? null : this.#foldSeek(proof.seek.nodes)
    const top = this.#foldPath(proof, sought)
    if (proof.upgrade !== null) return this.#foldUpgrade(proof.fork, proof.upgrade, top)
    return { nodes: this.#nodes, mustMatch: this.#inTree(top), upgraded: null, asked: null }
  }

  /** The root of what the seek part shows. */
  #foldSeek(list: readonly Node[]): Node | null {
    const first = list[0]
    if (first === undefined) return null
    checkPosition(first.nodeIndex)
    let at = this.#take(first, null)
    for (let i = 1; i < list.length; i++) {
      at = this.#join(at, this.#take(checked(list[i], siblingOf(at.nodeIndex)), null))
    }
    return at
  }

  /** The root of what the block or hash part shows, or of the seek part alone; null if it met a known node. */
  #foldPath(proof: Proof, sought: Node | null): Node | null {
    if (proof.block !== null) {
      if (proof.hash !== null) throw malformed('both a block and a hash')
      const { index, value, nodes } = proof.block
      checkPosition(2 * index)
      const known = index < this.#tree.length ? this.#known : null
      const leaf = leafNode(index, value, this.#slab.take())
      this.#nodes.push(leaf)
      return this.#climb(leaf, nodes, 0, sought, known)
    }
    if (proof.hash !== null) {
      const { nodeIndex, nodes } = proof.hash
      checkPosition(nodeIndex)
      const known = endOf(nodeIndex) <= this.#tree.length ? this.#known : null
      const first = this.#take(checked(nodes[0], nodeIndex), known)
      return this.#climb(first, nodes, 1, sought, known)
    }
    return sought
  }

  /** Hashes from a node up, taking the listed siblings and at one place the sought one. */
  #climb(
    from: Node,
    list: readonly Node[],
    start: number,
    sought: Node | null,
    known: KnownNodes | null
  ): Node | null {
    let at = from
    let next = start
    let beside = sought
    for (;;) {
      // The sought part has to be reached, or it would be taken unproven.
      if (known !== null && beside === null && this.#meets(at, known)) {
        checkShape(at.nodeIndex, list, next, this.#tree.length)
        return null
      }
      if (next === list.length && beside === null) return at
      const sibling = siblingOf(at.nodeIndex)
      if (beside !== null && beside.nodeIndex === sibling) {
        at = this.#join(at, beside)
        beside = null
      } else {
        at = this.#join(at, this.#take(checked(list[next++], sibling), known))
      }
    }
  }

  /** Whether the node is stored like this already. If only its byte length differs, that was a false claim. */
  #meets(node: Node, known: KnownNodes): boolean {
    const stored = known.peekNode(node.nodeIndex)
    if (stored === null) return false
    if (!sameHash(stored, node)) {
      throw new ProofError('BAD_HASH', `Node ${node.nodeIndex} is known with another hash`)
    }
    if (stored.byteLength !== node.byteLength) return false
    if (this.#nodes.at(-1) === node) this.#nodes.pop()
    return true
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
    this.#addAdditional(batch, upgrade.additionalNodes)
    if (batch.tree().byteLength > Number.MAX_SAFE_INTEGER) throw malformed('the byte length')
    const mustMatch = supply.usedTop ? null : this.#inTree(top)
    if (supply.usedTop && this.#nodes.at(-1) === top) this.#nodes.pop()
    for (const node of batch.nodes) this.#nodes.push(node)
    return { nodes: this.#nodes, mustMatch, upgraded: batch.tree(), asked }
  }

  #addAdditional(batch: TreeBatch, list: readonly Node[]): void {
    const last = list.at(-1)
    if (last === undefined) return
    checkPosition(last.nodeIndex)
    const end = endOf(last.nodeIndex)
    if (end <= batch.length) throw malformed('additional nodes')
    const expected = upgradeNodes(batch.length, end)
    if (expected.length !== list.length) throw malformed('additional nodes')
    for (let i = 0; i < list.length; i++) {
      batch.appendNode(copied(checked(list[i], expected[i]!), this.#slab), this.#slab)
    }
  }

  /** What nothing but a stored node can vouch for has to lie in the tree. */
  #inTree(top: Node | null): Node | null {
    if (top !== null && endOf(top.nodeIndex) > this.#tree.length) {
      throw malformed(`node ${top.nodeIndex} is beyond the tree`)
    }
    return top
  }

  #take(node: Node, known: KnownNodes | null): Node {
    const own = copied(node, this.#slab)
    const stored = known === null ? null : known.peekNode(node.nodeIndex)
    if (stored === null || !sameHash(stored, own)) this.#nodes.push(own)
    return own
  }

  #join(a: Node, b: Node): Node {
    const parent =
      a.nodeIndex < b.nodeIndex
        ? parentNode(a, b, this.#slab.take())
        : parentNode(b, a, this.#slab.take())
    checkPosition(parent.nodeIndex)
    if (parent.byteLength > Number.MAX_SAFE_INTEGER) throw malformed('a byte length')
    this.#nodes.push(parent)
    return parent
  }
}

/** Where extendTo takes the nodes from: the listed ones in order, one of them replaced by a computed one. */
export class Supply {
  usedTop = false
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
    return copied(checked(this.#list[this.#next++], nodeIndex), this.#slab)
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
