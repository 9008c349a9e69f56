// Proofs in Hypercore's shape, made, checked and taken in by the log below: plain objects whose nodes have index, size
// and hash.
import { signableIn } from '../core/head-signature.ts'
import { verifyForkProof } from '../core/verifier.ts'
import { leafOf, parentOf, rootsOf, startOf, widthOf } from '../merkle/flat-tree.ts'
import type { Node } from '../merkle/node.ts'
import { emptyRequest, type Proof, type ProofRequest } from '../merkle/proof.ts'
import { toBuffer } from '../util/bytes.ts'
import { HypercoreError, translated } from './errors.ts'
import { type ManifestInput, manifestBytes, manifestFrom } from './manifest.ts'
import type { SharedCore } from './shared-core.ts'

/** What is asked of a core; parts that are missing are not asked for. Indexes of a hash are those of the tree. */
export interface CoreProofOptions {
  readonly block?: { readonly index: number; readonly nodes?: number } | null
  readonly hash?: { readonly index: number; readonly nodes?: number } | null
  readonly seek?: { readonly bytes: number; readonly padding?: number } | null
  readonly upgrade?: { readonly start: number; readonly length: number } | null
}

export interface CoreNode {
  readonly index: number
  /** In bytes. */
  readonly size: number
  readonly hash: Buffer
}

export interface CoreProof {
  readonly fork: number
  readonly block: {
    readonly index: number
    readonly value: Buffer | null
    readonly nodes: readonly CoreNode[]
  } | null
  readonly hash: { readonly index: number; readonly nodes: readonly CoreNode[] } | null
  readonly seek: { readonly bytes: number; readonly nodes: readonly CoreNode[] } | null
  readonly upgrade: {
    readonly start: number
    readonly length: number
    readonly nodes: readonly CoreNode[]
    readonly additionalNodes: readonly CoreNode[]
    readonly signature: Buffer
  } | null
  readonly manifest: ManifestInput | null
}

/** The head that a proof from nothing proves. */
export interface RemoteHead {
  readonly fork: number
  readonly length: number
  readonly byteLength: number
  readonly roots: readonly CoreNode[]
  readonly signature: Buffer
  hash(): Buffer
}

/** @throws HypercoreError INVALID_OPERATION if it is not here, INVALID_PROOF if no core could answer */
export async function proofOf(core: SharedCore, options: CoreProofOptions): Promise<CoreProof> {
  const { block, hash, seek, upgrade } = options
  const request: ProofRequest = {
    ...emptyRequest,
    fork: core.fork,
    block: block ? { index: block.index, nodes: block.nodes ?? 0 } : null,
    hash: hash ? { nodeIndex: hash.index, nodes: hash.nodes ?? 0 } : null,
    seek: seek ? { byteOffset: seek.bytes, padding: seek.padding ?? 0 } : null,
    upgrade: upgrade ?? null
  }
  const proof = await translated(core.log.prove(request), core.discoveryKey)
  if (proof === null) {
    throw new HypercoreError('INVALID_OPERATION', 'The proof needs what is not here', {
      discoveryKey: core.discoveryKey
    })
  }
  return shownProof(proof)
}

/** Stores what it proves; false if it belongs to another fork. @throws HypercoreError INVALID_PROOF, INVALID_SIGNATURE */
export async function applyProof(core: SharedCore, proof: CoreProof): Promise<boolean> {
  if (proof.fork !== core.fork) return false
  await translated(core.log.accept(readProof(proof)), core.discoveryKey)
  return true
}

/** @throws HypercoreError INVALID_PROOF, INVALID_SIGNATURE, INVALID_CHECKSUM */
export async function verifyFromNothing(core: SharedCore, proof: CoreProof): Promise<RemoteHead> {
  const { log, discoveryKey } = core
  const work = async (): Promise<RemoteHead> => {
    const { tree, head } = verifyForkProof(
      { key: log.key, manifest: log.manifest },
      readProof(proof)
    )
    const { fork, length, byteLength } = tree
    return {
      fork,
      length,
      byteLength,
      roots: tree.roots.map(shownNode),
      signature: toBuffer(head.signature),
      hash: () => toBuffer(tree.rootHash)
    }
  }
  return translated(work(), discoveryKey)
}

/** How many levels a peer has to climb to prove the block to us. */
export function missingNodes(core: SharedCore, index: number): number {
  const { length } = core.log
  if (index >= length) return 0
  const roots = new Set(rootsOf(length))
  let count = 0
  for (let node = leafOf(index); !isKnown(core, node, roots); node = parentOf(node)) count++
  return count
}

/** The bytes that the signer of a head signs, unless the core is from before manifests. */
export function signableOf(core: SharedCore, head: Parameters<typeof signableIn>[1]): Buffer {
  return toBuffer(signableIn(core.log.key, head))
}

/** A node is known if it is a root, or beside the way up from a block that is here. */
function isKnown(core: SharedCore, node: number, roots: ReadonlySet<number>): boolean {
  if (roots.has(node)) return true
  const parent = parentOf(node)
  const start = startOf(parent)
  for (let index = start; index < start + widthOf(parent); index++) {
    if (core.log.has(index)) return true
  }
  return false
}

function shownProof({ fork, block, hash, seek, upgrade, manifest }: Proof): CoreProof {
  return {
    fork,
    block: block && {
      index: block.index,
      value: toBuffer(block.value),
      nodes: block.nodes.map(shownNode)
    },
    hash: hash && { index: hash.nodeIndex, nodes: hash.nodes.map(shownNode) },
    seek: seek && { bytes: seek.byteOffset, nodes: seek.nodes.map(shownNode) },
    upgrade: upgrade && {
      start: upgrade.start,
      length: upgrade.length,
      nodes: upgrade.nodes.map(shownNode),
      additionalNodes: upgrade.additionalNodes.map(shownNode),
      signature: toBuffer(upgrade.signature)
    },
    manifest: manifest && manifestFrom(manifest)
  }
}

function readProof({ fork, block, hash, seek, upgrade, manifest }: CoreProof): Proof {
  return {
    fork,
    // A block without its bytes proves its hash.
    block:
      block?.value == null
        ? null
        : { index: block.index, value: block.value, nodes: block.nodes.map(readNode) },
    hash: hash ? { nodeIndex: hash.index, nodes: hash.nodes.map(readNode) } : null,
    seek: seek ? { byteOffset: seek.bytes, nodes: seek.nodes.map(readNode) } : null,
    upgrade: upgrade
      ? {
          start: upgrade.start,
          length: upgrade.length,
          nodes: upgrade.nodes.map(readNode),
          additionalNodes: upgrade.additionalNodes.map(readNode),
          signature: upgrade.signature
        }
      : null,
    manifest: manifest ? manifestBytes(manifestFrom(manifest)) : null
  }
}

function shownNode({ nodeIndex, byteLength, hash }: Node): CoreNode {
  return { index: nodeIndex, size: byteLength, hash: toBuffer(hash) }
}

function readNode({ index, size, hash }: CoreNode): Node {
  return { nodeIndex: index, byteLength: size, hash }
}
