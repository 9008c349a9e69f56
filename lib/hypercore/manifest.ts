// Manifests in the shapes that Hypercore users write and read them, and the keys that follow from them.
import {
  createManifest,
  DEFAULT_NAMESPACE,
  decodeManifest,
  encodeManifest,
  fitsKey,
  type Manifest,
  type ManifestOptions,
  manifestKey
} from '../core/manifest.ts'
import { toBuffer } from '../util/bytes.ts'
import { HypercoreError, translate } from './errors.ts'

/** Whole, in part, or encoded. */
export type ManifestInput = ManifestOptions | Manifest | Uint8Array

export interface KeyOptions {
  /** The key of a core from before manifests: the first signer's public key. */
  compat?: boolean
  version?: number
  namespace?: Uint8Array
}

/** @throws HypercoreError BAD_ARGUMENT, INVALID_CHECKSUM */
export function manifestFrom(input: ManifestInput): Manifest {
  try {
    if (input instanceof Uint8Array) return withBuffers(decodeManifest(input))
    checkSigners(input)
    return withBuffers(createManifest(withoutEmpty(input)))
  } catch (error) {
    throw translate(error)
  }
}

/** The key of a core with that manifest, or with one signer of that public key. @throws as manifestFrom */
export function keyFrom(input: ManifestInput, options: KeyOptions = {}): Buffer {
  const { compat = false, version, namespace } = options
  const isPublicKey = input instanceof Uint8Array && input.byteLength === 32
  const signer = isPublicKey ? { publicKey: input, ...(namespace ? { namespace } : {}) } : null
  const manifest = manifestFrom(
    signer === null ? input : { ...(version === undefined ? {} : { version }), signers: [signer] }
  )
  const [first] = manifest.signers
  return toBuffer(compat && first !== undefined ? first.publicKey : manifestKey(manifest))
}

/** @throws HypercoreError INVALID_CHECKSUM if a core of that key has another manifest; as manifestFrom */
export function parseManifest(input: ManifestInput | null, key?: Uint8Array): Manifest | null {
  if (input === null || input === undefined) return null
  const manifest = manifestFrom(input)
  if (manifest.quorum > manifest.signers.length) {
    throw new HypercoreError('BAD_ARGUMENT', 'The quorum is higher than the number of signers')
  }
  if (key !== undefined && !fitsKey(manifest, key)) {
    throw new HypercoreError('INVALID_CHECKSUM', 'The manifest does not belong to the key')
  }
  return manifest
}

export function manifestBytes(manifest: Manifest): Buffer {
  return toBuffer(encodeManifest(manifest))
}

/** With Buffers in it, as Hypercore users expect. */
export function withBuffers(manifest: Manifest): Manifest {
  const { signers, prologue, linked, userData } = manifest
  return {
    ...manifest,
    signers: signers.map((signer) => ({
      signature: signer.signature,
      namespace: toBuffer(signer.namespace),
      publicKey: toBuffer(signer.publicKey)
    })),
    prologue: prologue && { hash: toBuffer(prologue.hash), length: prologue.length },
    linked: linked === null ? null : linked.map(toBuffer),
    userData: userData && toBuffer(userData)
  }
}

function checkSigners(input: ManifestOptions | Manifest): void {
  if ('hash' in input && input.hash && input.hash !== 'blake2b') {
    throw new HypercoreError('BAD_ARGUMENT', 'The only hash is blake2b')
  }
  for (const signer of input.signers ?? []) {
    const { publicKey, signature } = signer as { publicKey?: unknown; signature?: string }
    if (!publicKey) throw new HypercoreError('BAD_ARGUMENT', 'A signer needs a public key')
    if (signature && signature !== 'ed25519') {
      throw new HypercoreError('BAD_ARGUMENT', 'The only kind of signature is ed25519')
    }
  }
}

/** Null and undefined members, and lists of nothing, are as good as missing. */
function withoutEmpty(input: ManifestOptions | Manifest): ManifestOptions {
  const signers = (input.signers ?? []).map(({ publicKey, namespace }) => ({
    publicKey,
    namespace: namespace ?? DEFAULT_NAMESPACE
  }))
  return {
    ...(input.version === undefined ? {} : { version: input.version }),
    ...(typeof input.quorum === 'number' ? { quorum: input.quorum } : {}),
    allowPatch: input.allowPatch ?? false,
    signers,
    prologue: input.prologue ?? null,
    linked: input.linked && input.linked.length > 0 ? input.linked : null,
    userData: input.userData ?? null
  }
}
