// ProofRequest and Proof: what may be asked about a tree, and what an answer consists of (spec log.md section 10).
import type { Node } from './node.ts'

/** Any combination of parts, as on the wire; an absent part is null. */
export interface ProofRequest {
  readonly fork: number
  readonly manifest: boolean
  /** `nodes`: how many levels to climb; 0 if the asker knows the leaf or the block lies beyond its tree. */
  readonly block: { readonly index: number; readonly nodes: number } | null
  readonly hash: { readonly nodeIndex: number; readonly nodes: number } | null
  readonly seek: { readonly byteOffset: number; readonly padding: number } | null
  /** From the asker's length, so many blocks more. */
  readonly upgrade: { readonly start: number; readonly length: number } | null
}

export interface ProvenBlock {
  readonly index: number
  readonly value: Uint8Array
  /** Its uncles: the siblings on the way up. */
  readonly nodes: readonly Node[]
}

export interface Proof {
  readonly fork: number
  readonly block: ProvenBlock | null
  readonly hash: { readonly nodeIndex: number; readonly nodes: readonly Node[] } | null
  readonly seek: { readonly byteOffset: number; readonly nodes: readonly Node[] } | null
  readonly upgrade: {
    readonly start: number
    readonly length: number
    readonly nodes: readonly Node[]
    readonly additionalNodes: readonly Node[]
    /** Empty where a prologue alone vouches. */
    readonly signature: Uint8Array
  } | null
  /** The encoded manifest. */
  readonly manifest: Uint8Array | null
}

/** A proof of nothing; spread it. */
export const emptyProof: Proof = {
  fork: 0,
  block: null,
  hash: null,
  seek: null,
  upgrade: null,
  manifest: null
}

/** A request for nothing; spread it to ask for one part. */
export const emptyRequest: ProofRequest = {
  fork: 0,
  manifest: false,
  block: null,
  hash: null,
  seek: null,
  upgrade: null
}
