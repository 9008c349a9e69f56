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
  onChange(listener: (change: LogChange) => void): Unsubscribe
}
