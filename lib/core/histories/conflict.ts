// Conflict: two signed histories of one log, under the same fork number (spec log.md section 12). Compares what a
// peer proves, from 0 to a length that we have, with ours, and blames nobody without valid signatures. Changes
// nothing.
import type { Node } from '../../merkle/node.ts'
import type { Proof } from '../../merkle/proof.ts'
import type { Tree } from '../../merkle/tree.ts'
import { equalBytes } from '../../util/bytes.ts'
import { encodeManifest, isCompat, type Manifest } from '../manifest.ts'
import { verifyForkProof } from '../verifier.ts'
import type { Conflict } from './conflict-format.ts'

export interface ConflictContext {
  readonly key: Uint8Array
  readonly manifest: Manifest | null
  readonly tree: Tree
  /** Our own history, proven from nothing up to a length; null if its roots are not stored. */
  proveUpTo(length: number): Promise<Proof | null>
}

/**
 * `same`: up to there its history is ours. `unknown`: it speaks of another fork, of more than we have, or of
 * something that we could not prove ourselves. Otherwise the proof that the key signed two histories.
 * @throws ProofError if it is false: then nobody but its sender is to blame
 */
export async function compareHistories(
  context: ConflictContext,
  proof: Proof
): Promise<Omit<Conflict, 'version'> | 'same' | 'unknown'> {
  const { tree, key, manifest } = context
  const { upgrade, fork } = proof
  if (fork !== tree.fork || upgrade === null || upgrade.start !== 0) return 'unknown'
  if (upgrade.length > tree.length) return 'unknown'
  // Nothing is claimed that is not ours: no signature has to be looked at.
  if (isHeadOf(tree, proof)) return 'same'
  const theirs = verifyForkProof(context, proof)
  const { length } = theirs.asked
  const own = length > tree.length ? null : await context.proveUpTo(length)
  if (own === null || own.upgrade === null) return 'unknown'
  const ours = verifyForkProof(context, own)
  if (ours.asked.length !== length) return 'unknown'
  if (equalBytes(ours.asked.rootHash, theirs.asked.rootHash)) return 'same'
  const known = manifest === null || isCompat(manifest, key) ? null : encodeManifest(manifest)
  return { fork, length, manifest: known, ours: own.upgrade, theirs: upgrade }
}

/** Whether it speaks of the history of this very tree. */
export function isHeadOf({ fork, length, roots }: Tree, proof: Proof): boolean {
  const { upgrade } = proof
  if (upgrade === null || proof.fork !== fork || upgrade.start !== 0) return false
  const { nodes } = upgrade
  if (upgrade.length !== length || nodes.length !== roots.length) return false
  return nodes.every((node, i) => isNode(node, roots[i]))
}

function isNode(node: Node, root: Node | undefined): boolean {
  if (root === undefined || node.nodeIndex !== root.nodeIndex) return false
  return node.byteLength === root.byteLength && equalBytes(node.hash, root.hash)
}
