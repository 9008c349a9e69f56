// Logs that several signers sign together (spec log.md sections 5 to 7): a draft says which head is to be signed, each
// signer signs it where its key pair is, and the shares of a quorum make the signature that append and truncate take.
//
//   draft = log.draft({ append: values })   →   share = signDraft(manifest, draft, keyPair), for each signer
//   signature = assembleSignature(manifest, shares)   →   log.append(values, { signature })
import { assembleSignatures, partialSignature } from '../core/head-signature.ts'
import { isCompat, type Manifest, manifestKey } from '../core/manifest.ts'
import type { SignerPart } from '../core/signature-envelope.ts'
import type { KeyPair } from '../crypto/key-pair.ts'
import { ArgumentError, StateError, UnavailableError } from '../errors.ts'
import { emptyRequest, type Proof, type ProofRequest } from '../merkle/proof.ts'
import type { TreeHead } from '../merkle/tree.ts'
import { checkInteger } from '../util/options.ts'

/** A head that nobody has signed yet. */
export type Draft = TreeHead

/** One signer's share of a signature. */
export type SignatureShare = SignerPart

/** What a signer's own copy of the log is needed for. */
export interface ProvingLog {
  readonly fork: number
  readonly length: number
  prove(request: ProofRequest): Promise<Proof | null>
}

/** @throws StateError NOT_WRITABLE if the key pair is no signer of the manifest */
export function signDraft(manifest: Manifest, draft: Draft, keyPair: KeyPair): SignatureShare {
  return partialSignature(manifest, logKeyOf(manifest), draft, keyPair)
}

/**
 * A share for a longer head made fit for a shorter one, where the manifest allows patches: the nodes that lead from
 * there to what was signed come from the signer's own copy, whose present length is the one that was signed.
 * @throws ArgumentError INVALID_ARGUMENT; UnavailableError NOT_AVAILABLE if the copy lacks the nodes
 */
export async function shortenShare(
  log: ProvingLog,
  share: SignatureShare,
  length: number
): Promise<SignatureShare> {
  checkInteger(length, 1, 'shortenShare: length')
  if (length >= log.length) {
    throw new ArgumentError('INVALID_ARGUMENT', `The share is for length ${log.length} already`)
  }
  const upgrade = { start: length, length: log.length - length }
  const proof = await log.prove({ ...emptyRequest, fork: log.fork, upgrade })
  if (proof?.upgrade == null) {
    throw new UnavailableError('NOT_AVAILABLE', `The tree at length ${length} is not known here`)
  }
  return { ...share, patch: upgrade.length, nodes: proof.upgrade.nodes }
}

/**
 * The signature that the shares make together; shares beyond the quorum are left out.
 * @throws StateError NOT_WRITABLE if they are fewer than the quorum, or two are of one signer
 */
export function assembleSignature(
  manifest: Manifest,
  shares: readonly SignatureShare[]
): Uint8Array {
  const signers = new Set(shares.map(({ signer }) => signer))
  if (signers.size < manifest.quorum) {
    throw new StateError(
      'NOT_WRITABLE',
      `It takes ${manifest.quorum} signers, these are shares of ${signers.size}`
    )
  }
  const first = [...signers].map((signer) => shares.find((share) => share.signer === signer))
  const enough = first.filter((share) => share !== undefined).slice(0, manifest.quorum)
  return assembleSignatures(manifest, enough)
}

/** Of a log that is named by its manifest; a compat log has one signer, who needs nobody. */
function logKeyOf(manifest: Manifest): Uint8Array {
  const key = manifestKey(manifest)
  if (isCompat(manifest, key)) throw new StateError('NOT_WRITABLE', 'A compat log has one signer')
  return key
}
