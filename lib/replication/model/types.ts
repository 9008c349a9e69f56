// The words of the model: who, what is wanted, what is asked.
import type { ProofRequest } from '../../merkle/proof.ts'

/** Number of a peer of one log, given by the exchange. */
export type PeerId = number
/** Number of a wish, given by the demand. */
export type NeedId = number
/** Number of a question on the wire: never used twice at one peer, which satisfies the rule on cancelled ids. */
export type RequestId = number

/** What a local caller waits for. Blocks are half-open ranges of indexes. */
export type Need =
  | { readonly kind: 'block'; readonly index: number }
  | {
      readonly kind: 'range'
      readonly start: number
      /** Infinity: whatever the log grows to; such a need is never met. */
      readonly end: number
      /** From start to end in order, or as it suits. */
      readonly linear: boolean
      /** Only these blocks of the range. */
      readonly blocks: readonly number[] | null
    }
  /** A proof that leads to the byte; the block lies in [start, end) as far as we know. */
  | {
      readonly kind: 'seek'
      readonly byteOffset: number
      readonly padding: number
      readonly start: number
      readonly end: number
    }
  /** A longer log, if there is one. */
  | { readonly kind: 'upgrade' }

/** One question that was sent, with all that it claims. */
export interface Asked {
  readonly id: RequestId
  readonly peer: PeerId
  readonly request: ProofRequest
  readonly priority: 0 | 1
  readonly askedAt: number
  /** It can be checked only once the answers to earlier questions are in: see relation.ts. */
  readonly assumes: boolean
  /** The need that a seek serves, else null. */
  readonly seekNeed: NeedId | null
}

/** What the model may know of the local log: all of it at once, from memory. */
export interface LocalLog {
  readonly fork: number
  readonly length: number
  readonly byteLength: number
  readonly contiguousLength: number
  readonly hasManifest: boolean
  readonly frozen: boolean
  has(index: number): boolean
  word(start: number): number
  findBlock(start: number, end: number, present: boolean): number
}

/** What changed in the local log: the part of a published change that the model looks at. */
export interface Advance {
  readonly headChanged: boolean
  /** The history changed from here on; null: it only grew. */
  readonly cutTo: number | null
  readonly presence: {
    readonly start: number
    readonly length: number
    readonly present: boolean
  } | null
}
