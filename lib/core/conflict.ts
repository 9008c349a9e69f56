// Conflict: two signed histories of one log, under the same fork number (spec log.md section 12). Judges an
// accusation, a proof from 0 to a length that we have, and blames nobody without valid signatures. Changes nothing.
import { ProofError } from '../errors.ts'
import type { Proof } from '../merkle/proof.ts'
import type { Tree } from '../merkle/tree.ts'
import { equalBytes } from '../util/bytes.ts'
import type { Manifest } from './manifest.ts'
import { type VerifiedFork, verifyForkProof } from './verifier.ts'

export interface ConflictContext {
  readonly key: Uint8Array
  readonly manifest: Manifest | null
  readonly tree: Tree
  /** Our tree as it was at a length; null if its roots are not stored, so that we could not prove our side. */
  treeAt(length: number): Promise<Tree | null>
}

/** Whether the proof shows, by the log's own signature, another history than ours. */
export async function isConflict(context: ConflictContext, proof: Proof): Promise<boolean> {
  const { tree } = context
  const { upgrade } = proof
  if (proof.fork !== tree.fork || upgrade === null || upgrade.start !== 0) return false
  if (upgrade.length > tree.length) return false
  const theirs = verified(context, proof)
  if (theirs === null) return false
  const ours = await context.treeAt(theirs.asked.length)
  return ours !== null && !equalBytes(ours.rootHash, theirs.asked.rootHash)
}

/** Null if it is false: then nobody but its sender is to blame. */
function verified(context: ConflictContext, proof: Proof): VerifiedFork | null {
  try {
    return verifyForkProof(context, proof)
  } catch (error) {
    if (error instanceof ProofError) return null
    throw error
  }
}
