// Rest: what stays in memory of a log that rests: its head and standing, and that all its blocks are held. Immutable.
// Owner: RestingCore.
import type { KeyPair } from '../crypto/key-pair.ts'
import type { Node } from '../merkle/node.ts'
import type { Proof, ProofRequest } from '../merkle/proof.ts'
import { Tree } from '../merkle/tree.ts'
import type { NodeSource } from '../storage/node-source.ts'
import { copyOf, emptyBytes, packed } from '../util/bytes.ts'
import type { CoreView, LogCore } from './log-core.ts'
import { decodeManifest, encodeManifest, type Manifest } from './manifest.ts'
import { makeProof } from './prover.ts'
import type { UserData } from './user-data.ts'

export interface RestParts {
  readonly tree: Tree
  readonly signature: Uint8Array
  readonly manifest: Manifest | null
  readonly hasManifest: boolean
  readonly keyPair: KeyPair | null
  readonly canSync: boolean
  readonly userData: UserData
}

export class Rest implements CoreView {
  readonly tree: Tree
  readonly hasManifest: boolean
  readonly keyPair: KeyPair | null
  readonly canSync: boolean
  readonly #signature: Uint8Array
  /** Encoded. */
  readonly #manifest: Uint8Array | null
  readonly #userData: UserData

  constructor(parts: RestParts) {
    const { fork, length, roots } = parts.tree
    const manifest = parts.manifest === null ? emptyBytes : encodeManifest(parts.manifest)
    const pair = parts.keyPair ?? NO_PAIR
    const hashes = roots.map((root) => root.hash)
    const [signature, encoded, publicKey, secretKey, ...kept] = packed(
      parts.signature,
      manifest,
      pair.publicKey,
      pair.secretKey,
      ...hashes
    )
    this.tree = new Tree(
      fork,
      length,
      roots.map(({ nodeIndex, byteLength, hash }, i) => ({
        nodeIndex,
        byteLength,
        hash: kept[i] ?? hash
      }))
    )
    this.hasManifest = parts.hasManifest
    this.keyPair = parts.keyPair === null ? null : { publicKey, secretKey }
    this.canSync = parts.canSync
    this.#signature = signature
    this.#manifest = parts.manifest === null ? null : encoded
    this.#userData = parts.userData
  }

  get manifest(): Manifest | null {
    return this.#manifest === null ? null : decodeManifest(this.#manifest)
  }

  /** The proof of the head alone; null if more is asked for. */
  proveHead(key: Uint8Array, request: ProofRequest): Promise<Proof | null> | null {
    const { block, hash, seek, upgrade } = request
    const { tree, manifest } = this
    if (block !== null || hash !== null || seek !== null || upgrade === null) return null
    if (upgrade.start !== 0 || upgrade.length !== tree.length) return null
    const context = { tree, signature: this.#signature, nodes: rootsAlone(tree), key, manifest }
    return makeProof({ ...context, block: async () => null }, request)
  }

  get fork(): number {
    return this.tree.fork
  }

  get length(): number {
    return this.tree.length
  }

  get byteLength(): number {
    return this.tree.byteLength
  }

  get contiguousLength(): number {
    return this.tree.length
  }

  get durableLength(): number {
    return this.tree.length
  }

  get writable(): boolean {
    return this.keyPair !== null
  }

  get frozen(): false {
    return false
  }

  get evidence(): null {
    return null
  }

  get behind(): null {
    return null
  }

  get conflict(): null {
    return null
  }

  get damages(): readonly [] {
    return NO_DAMAGES
  }

  has(index: number): boolean {
    return index < this.length
  }

  holds(index: number): boolean {
    return index < this.length
  }

  holdsAll(_start: number, end: number): boolean {
    return end <= this.length
  }

  word(start: number): number {
    const bits = this.length - start
    if (bits <= 0) return 0
    return bits >= 32 ? 0xffffffff : 2 ** bits - 1
  }

  findBlock(start: number, end: number, present: boolean): number {
    if (start >= end) return -1
    if (present) return start < this.length ? start : -1
    return end > this.length ? Math.max(start, this.length) : -1
  }

  /** Nothing can be read without waiting. */
  readNow(): null {
    return null
  }

  release(): void {}

  userData(name: string): Uint8Array | null {
    const value = this.#userData.get(name)
    return value === undefined ? null : copyOf(value)
  }

  get userDataNames(): readonly string[] {
    return [...this.#userData.keys()]
  }
}

function rootsAlone({ roots }: Tree): NodeSource {
  const peekNode = (nodeIndex: number): Node | null =>
    roots.find((root) => root.nodeIndex === nodeIndex) ?? null
  return { peekNode, getNodes: async (nodeIndexes) => nodeIndexes.map(peekNode) }
}

const NO_PAIR: KeyPair = { publicKey: emptyBytes, secretKey: emptyBytes }
const NO_DAMAGES: readonly [] = []

/** Whether two views speak of the same history, equally far. */
export function isSameHead(a: Pick<LogCore, 'tree'>, b: Pick<LogCore, 'tree'>): boolean {
  return a.tree.fork === b.tree.fork && a.tree.length === b.tree.length
}
