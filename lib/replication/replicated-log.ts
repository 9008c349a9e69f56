// The port through which replication sees a log: core in production, a fake with arrays in tests.
// replication does not import core; Core has this shape.
import type { Proof, ProofRequest } from '../merkle/proof.ts'
import type { Unsubscribe } from '../util/emitter.ts'

/** `outdated`: the log moved on while the proof was checked, ask again. */
export type Accepted = 'stored' | 'already-here' | 'outdated'

/** One published step: peers may hear of it. */
export interface LogChange {
  /** The head moved: length or fork differ from before. */
  readonly headChanged: boolean
  /** Blocks below are the same before and after; smaller than the old length only after a cut. */
  readonly ancestor: number
  readonly presence: {
    readonly start: number
    readonly length: number
    readonly present: boolean
  } | null
  readonly manifestChanged: boolean
}

/** A higher fork whose head is verified, on the way to what it has in common with the local log. */
export interface ForkSearch {
  readonly fork: number
  readonly length: number
  /** The hash to ask a peer on that fork for; null: the ancestor is known. */
  readonly needs: { readonly nodeIndex: number; readonly nodes: number } | null
  /** Blocks below are the same in both. */
  readonly ancestor: number | null
  /** @throws ProofError if it is no answer to `needs` */
  feed(proof: Proof): Promise<void>
}

export interface ReplicatedLog {
  /** 32 bytes. Secret between those who may read. */
  readonly key: Uint8Array
  readonly discoveryKey: Uint8Array
  /** The head is what peers may hear of: synced, if the log's level asks for that. */
  readonly fork: number
  readonly length: number
  readonly byteLength: number
  /** Blocks 0 up to here are all held. */
  readonly contiguousLength: number
  /** Known and worth sending: false for compat logs, whose key says it all. */
  readonly hasManifest: boolean
  has(index: number): boolean
  /** 32 presence bits from a multiple of 32 on, least significant first. */
  word(start: number): number
  /** First held (or missing) block in [start, end), or -1. */
  findBlock(start: number, end: number, present: boolean): number
  /** Whether all full roots of that length are stored, so that a peer at that length can be upgraded. */
  canUpgradeFrom(length: number): Promise<boolean>
  /** The answer, or null if it cannot be made: another fork, a block that is not held, a request that does not fit. */
  prove(request: ProofRequest): Promise<Proof | null>
  /** The bytes of a proven block have been sent and are not looked at any more. */
  release(block: Uint8Array): void
  /** @throws ProofError if the proof is false; StorageError if it cannot be kept */
  accept(proof: Proof): Promise<Accepted>
  /** Two histories were signed under the present fork: nothing more is taken in under it. */
  readonly frozen: boolean
  /** What convinces others of that: proofs of both, from 0 to one length; null unless frozen. */
  readonly evidence: { readonly length: number; readonly proofs: readonly Proof[] } | null
  /**
   * Compares a history, proven from 0 on, with ours. A conflict is kept, and the log frozen, before this resolves.
   * @throws ProofError if it is false
   */
  judge(proof: Proof): Promise<'same' | 'unknown' | 'conflict'>
  /** Verifies the head of a higher fork, from nothing; null: it is not higher. @throws ProofError if it is false */
  follow(proof: Proof): Promise<ForkSearch | null>
  /** Moves to a fork whose ancestor is known. @throws StorageError if that cannot be kept */
  moveTo(search: ForkSearch): Promise<Accepted>
  onChange(listener: (change: LogChange) => void): Unsubscribe
}
