// The shape of test/vectors/log.json, and its requests and bodies in our own terms.
import type { Node } from '../../lib/merkle/node.ts'
import { emptyRequest, type Proof, type ProofRequest } from '../../lib/merkle/proof.ts'
import { dataCodec } from '../../lib/replication/messages.ts'
import { toHex } from '../../lib/util/bytes.ts'
import { decode, encode } from '../../lib/util/codec.ts'
import { hex, loadVectors } from '../helpers/vectors.ts'

export interface NodeVector {
  readonly index: number
  readonly size: number
  readonly hash: string
}

export interface RequestVector {
  readonly fork?: number
  readonly manifest?: boolean
  readonly block?: { readonly index: number; readonly nodes: number }
  readonly hash?: { readonly index: number; readonly nodes: number }
  readonly seek?: { readonly bytes: number; readonly padding: number }
  readonly upgrade?: { readonly start: number; readonly length: number }
}

export interface ProofVector {
  readonly request: RequestVector
  readonly data?: string
  readonly error?: string
  readonly hypercore11?: { readonly data?: string }
}

interface ManifestVector {
  readonly name: string
  readonly manifest: {
    readonly version: number
    readonly allowPatch: boolean
    readonly quorum: number
    readonly signers: readonly { readonly namespace: string; readonly publicKey: string }[]
    readonly prologue: { readonly hash: string; readonly length: number } | null
    readonly linked: readonly string[] | null
    readonly userData: string | null
  }
  readonly encoded: string
  readonly key: string
  readonly discoveryKey: string
}

export interface StateVector {
  readonly length: number
  readonly fork: number
  readonly byteLength: number
  readonly roots: readonly NodeVector[]
  readonly treeHash: string
  readonly signable: string
  readonly signature: string | null
}

export interface LogVectors {
  readonly uint: readonly { readonly value: number; readonly hex: string }[]
  readonly uint64: readonly { readonly value: number; readonly hex: string }[]
  readonly namespaces: {
    readonly hypercore: { readonly [name: string]: string }
    readonly corestore: readonly string[]
    readonly other: readonly { name: string; ids: readonly number[]; out: readonly string[] }[]
  }
  readonly keyPairs: readonly { seed: number; publicKey: string; secretKey: string }[]
  readonly discoveryKeys: readonly { key: string; discoveryKey: string }[]
  readonly keyFromPublicKey: readonly { publicKey: string; rule: string; key: string }[]
  readonly flatTree: {
    readonly nodes: readonly {
      index: number
      depth: number
      offset: number
      parent: number
      sibling: number
      children: readonly [number, number] | null
      leftSpan: number
      rightSpan: number
      countLeaves: number
    }[]
    readonly fullRoots: readonly { length: number; roots: readonly number[] }[]
  }
  readonly leafHashes: readonly { block?: string; size: number; hash: string }[]
  readonly parentHashes: readonly {
    left: NodeVector
    right: NodeVector
    size: number
    hash: string
  }[]
  readonly treeHashes: readonly { roots: readonly NodeVector[]; hash: string }[]
  readonly nodes13: readonly NodeVector[]
  readonly manifests: readonly ManifestVector[]
  readonly logs: readonly {
    readonly name: string
    readonly manifestEncoded: string | null
    readonly compat?: boolean
    readonly signerSeed: number
    readonly key: string
    readonly discoveryKey: string
    readonly id: string
    readonly states?: readonly StateVector[]
    readonly signable?: string
    readonly signature?: string
  }[]
  readonly multisig: readonly {
    readonly name: string
    readonly manifestEncoded: string
    readonly key: string
    readonly length: number
    readonly fork: number
    readonly treeHash: string
    readonly partial: readonly {
      signer: number
      keySeed: number
      signedLength: number
      signature: string
      patch: number
      nodes: readonly NodeVector[]
    }[]
    readonly signature: string
    readonly valid: boolean
  }[]
  readonly prologue: readonly {
    readonly name: string
    readonly manifestEncoded: string
    readonly key: string
    readonly discoveryKey: string
    readonly length: number
    readonly treeHash: string
    readonly signature: string | null
    readonly proofs: readonly ProofVector[]
  }[]
  readonly byteOffsets13: readonly { index: number; offset: number }[]
  readonly seeks13: readonly (readonly [number, readonly [number, number] | null])[]
  readonly requestNodes: {
    readonly rows: readonly {
      after: string
      length: number
      knownNodes: readonly number[]
      nodesForBlock: readonly number[]
    }[]
  }
  readonly proofs: readonly {
    readonly log: string
    readonly length: number
    readonly fork: number
    readonly vectors: readonly ProofVector[]
  }[]
  readonly verification: {
    readonly cases: readonly {
      readonly name: string
      readonly data: string
      readonly outcome: string
      readonly lengthAfter: number
      readonly hasBlocks: readonly number[]
    }[]
  }
  readonly forks: {
    readonly signerSeed: number
    readonly key: string
    readonly manifestEncoded: string
    readonly steps: readonly (StateVector & { readonly op: string })[]
    readonly proofsAtFork1Length9: readonly ProofVector[]
  }
  readonly corestore: {
    readonly primaryKey: string
    readonly rows: readonly {
      namespacePath: readonly string[]
      namespace: string
      name: string
      seedHex: string
      publicKey: string
      key: string
      discoveryKey: string
      manifestEncoded?: string
    }[]
  }
}

export function logVectors(): LogVectors {
  return loadVectors<LogVectors>('log')
}

/** 32 equal bytes. */
export function seedOf(byte: number): Uint8Array {
  return new Uint8Array(32).fill(byte)
}

export function nodeOf(vector: NodeVector): Node {
  return { nodeIndex: vector.index, byteLength: vector.size, hash: hex(vector.hash) }
}

export function nodeText(node: Node): string {
  return `${node.nodeIndex} ${node.byteLength} ${toHex(node.hash)}`
}

export function requestOf(vector: RequestVector): ProofRequest {
  return {
    ...emptyRequest,
    fork: vector.fork ?? 0,
    manifest: vector.manifest ?? false,
    block: vector.block ?? null,
    hash: vector.hash ? { nodeIndex: vector.hash.index, nodes: vector.hash.nodes } : null,
    seek: vector.seek ? { byteOffset: vector.seek.bytes, padding: vector.seek.padding } : null,
    upgrade: vector.upgrade ?? null
  }
}

/** The body of a Data message with request id 1. */
export function bodyOf(proof: Proof): string {
  return toHex(encode(dataCodec, { id: 1, proof }))
}

export function proofOf(body: string): Proof {
  return decode(dataCodec, hex(body)).proof
}
