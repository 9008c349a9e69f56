// ForkSearch: a higher fork whose head is verified, on the way to the length that it has in common with the local
// tree: a stepper that reads local nodes by itself and names the hash that a peer has to give. Changes nothing;
// Histories.moveTo makes the change of it. Spec log.md section 11.1.
import { AncestorSearch, type HashRequest } from '../../merkle/ancestor.ts'
import type { Node } from '../../merkle/node.ts'
import type { Proof } from '../../merkle/proof.ts'
import type { Tree } from '../../merkle/tree.ts'
import type { NodeSource } from '../../storage/node-source.ts'
import { type Change, emptyChange } from '../change.ts'
import type { VerifiedFork } from '../verifier.ts'

export class ForkSearch {
  readonly fork: number
  readonly length: number
  readonly #verified: VerifiedFork
  readonly #nodes: NodeSource
  readonly #search: AncestorSearch
  readonly #local: Tree

  private constructor(local: Tree, nodes: NodeSource, verified: VerifiedFork) {
    this.fork = verified.tree.fork
    this.length = verified.tree.length
    this.#verified = verified
    this.#nodes = nodes
    this.#local = local
    this.#search = new AncestorSearch(local.length, verified.tree, verified.nodes)
  }

  static async begin(local: Tree, nodes: NodeSource, verified: VerifiedFork): Promise<ForkSearch> {
    const search = new ForkSearch(local, nodes, verified)
    await search.#readLocal()
    return search
  }

  /** The hash to ask a peer on that fork for; null: the ancestor is known. */
  get needs(): HashRequest | null {
    return this.#search.needsRemote
  }

  /** How many blocks both have in common, at least; null as long as that is looked for. */
  get ancestor(): number | null {
    const { ancestor } = this.#search
    return ancestor === null ? null : Math.min(ancestor, this.#local.length)
  }

  /** Whether it was made with this tree: what it found out does not hold for a longer one. */
  isOf({ fork, length }: Tree): boolean {
    return fork === this.#local.fork && length === this.#local.length
  }

  /** Takes the answer to `needs`. @throws ProofError BAD_MESSAGE, BAD_HASH */
  async feed(proof: Proof): Promise<void> {
    this.#search.feedRemote(proof)
    await this.#readLocal()
  }

  /** The step to that fork, once the ancestor is known. */
  change(): Change | null {
    const { ancestor } = this
    if (ancestor === null) return null
    const { tree, head, manifest, nodes } = this.#verified
    const proven: readonly Node[] = [...nodes, ...this.#search.nodes]
    return {
      ...emptyChange(ancestor),
      nodes: proven,
      manifest,
      head: { tree, signature: head.signature }
    }
  }

  async #readLocal(): Promise<void> {
    for (let at = this.#search.needsLocal; at !== null; at = this.#search.needsLocal) {
      this.#search.feedLocal((await this.#nodes.getNodes([at]))[0] ?? null)
    }
  }
}
