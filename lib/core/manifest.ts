// Manifest: who may sign a log. Its hash is the log's key, so it never changes (spec log.md sections 4 to 6).
// This file holds its members, its limits and the keys that follow from it; its bytes are in
// manifest-format.ts, signing and checking in head-signature.ts.
//
// Limits: version <= 3, 64 signers, 1024 linked keys, 64 KiB user data.
//
// Compat logs, from before manifests: the key is the public key of the one signer (isCompat).
import { hash, hashParts } from '../crypto/hash.ts'
import { namespace } from '../crypto/namespace.ts'
import { ArgumentError, ProofError } from '../errors.ts'
import { copyOf, equalBytes, fromUtf8 } from '../util/bytes.ts'
import { decode, encode } from '../util/codec.ts'
import { MAX_LINKED, MAX_MANIFEST_VERSION, MAX_SIGNERS, MAX_USER_DATA_BYTES } from './limits.ts'
import { manifestCodec } from './manifest-format.ts'

export interface Signer {
  readonly signature: 'ed25519'
  /** 32 bytes. */
  readonly namespace: Uint8Array
  /** 32 bytes. */
  readonly publicKey: Uint8Array
}

export interface Prologue {
  /** Root hash of the first `length` blocks. */
  readonly hash: Uint8Array
  /** In blocks; 0 in version 0, which does not encode it. */
  readonly length: number
}

export interface Manifest {
  readonly version: number
  readonly hash: 'blake2b'
  /** Whether signers of longer trees may sign along (spec log.md section 7). */
  readonly allowPatch: boolean
  /** How many signers it takes. */
  readonly quorum: number
  readonly signers: readonly Signer[]
  /** Blocks that need no signature. */
  readonly prologue: Prologue | null
  /** Keys of logs that belong to this one. */
  readonly linked: readonly Uint8Array[] | null
  readonly userData: Uint8Array | null
}

export interface ManifestOptions {
  readonly version?: number
  readonly allowPatch?: boolean
  readonly quorum?: number
  readonly signers?: readonly { readonly publicKey: Uint8Array; readonly namespace?: Uint8Array }[]
  readonly prologue?: Prologue | null
  readonly linked?: readonly Uint8Array[] | null
  readonly userData?: Uint8Array | null
}

const namespaces = namespace('hypercore', 6)
/** The log's own constants, named as in spec log.md section 4. */
export const TREE_NAMESPACE: Uint8Array = namespaces[0]!
const MANIFEST_NAMESPACE = namespaces[3]!
export const DEFAULT_NAMESPACE: Uint8Array = namespaces[4]!
const discoveryText = fromUtf8('hypercore')

/**
 * A manifest with defaults: version 1, or 2 if linked or userData is given; a majority of the signers.
 * @throws ArgumentError INVALID_ARGUMENT
 */
export function createManifest(options: ManifestOptions): Manifest {
  const linked = options.linked ?? null
  const userData = options.userData ?? null
  const signers = (options.signers ?? []).map(
    (signer): Signer => ({
      signature: 'ed25519',
      namespace: signer.namespace ?? DEFAULT_NAMESPACE,
      publicKey: signer.publicKey
    })
  )
  const manifest: Manifest = {
    version: options.version ?? (linked === null && userData === null ? 1 : 2),
    hash: 'blake2b',
    allowPatch: options.allowPatch ?? false,
    quorum: options.quorum ?? (signers.length === 0 ? 0 : Math.floor(signers.length / 2) + 1),
    signers,
    prologue: options.prologue ?? null,
    linked,
    userData
  }
  const fault = faultOf(manifest) ?? argumentFaultOf(manifest)
  if (fault !== null) throw new ArgumentError('INVALID_ARGUMENT', `Bad manifest: ${fault}`)
  return manifest
}

/** The manifest of a plain new log with one writer. */
export function defaultManifest(publicKey: Uint8Array): Manifest {
  return createManifest({ signers: [{ publicKey }] })
}

/** What a compat log is treated as; never sent to others. */
export function compatManifest(key: Uint8Array): Manifest {
  return defaultManifest(copyOf(key))
}

/** Whether the key is the public key of the only signer, so that quorum, patches and prologue do not count. */
export function isCompat(manifest: Manifest, key: Uint8Array): boolean {
  return manifest.signers.length === 1 && equalBytes(manifest.signers[0]!.publicKey, key)
}

/** The log key of everything but compat logs: 32 bytes. */
export function manifestKey(manifest: Manifest): Uint8Array {
  return hashParts([MANIFEST_NAMESPACE, encodeManifest(manifest)])
}

/** Whether a log of that key may have this manifest. */
export function fitsKey(manifest: Manifest, key: Uint8Array): boolean {
  return isCompat(manifest, key) || equalBytes(manifestKey(manifest), key)
}

/** Names the log on the wire and to trackers without giving the key away. */
export function discoveryKeyOf(key: Uint8Array): Uint8Array {
  return hash(discoveryText, key)
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  return encode(manifestCodec, manifest)
}

/**
 * The manifest of that key, from whoever calls.
 * @throws ArgumentError INVALID_ARGUMENT if it is no manifest; ProofError BAD_MANIFEST if it is not that of the key
 */
export function encodeFitting(manifest: Manifest, key: Uint8Array): Uint8Array {
  let encoded: Uint8Array
  let fits: boolean
  try {
    encoded = encodeManifest(manifest)
    fits = fitsKey(decodeManifest(encoded), key)
  } catch (error) {
    throw new ArgumentError('INVALID_ARGUMENT', 'Not a manifest', error)
  }
  if (!fits) throw new ProofError('BAD_MANIFEST', 'The manifest does not belong to this log')
  return encoded
}

/**
 * Bytes after the manifest are ignored. Nothing of the result refers to the input.
 * @throws ProofError BAD_MANIFEST
 */
export function decodeManifest(bytes: Uint8Array): Manifest {
  let manifest: Manifest
  try {
    manifest = decode(manifestCodec, bytes)
  } catch (error) {
    throw new ProofError('BAD_MANIFEST', 'The bytes are no manifest', error)
  }
  const fault = faultOf(manifest)
  if (fault !== null) throw new ProofError('BAD_MANIFEST', `Bad manifest: ${fault}`)
  return manifest
}

/** What no manifest may be, whoever made it. */
function faultOf(manifest: Manifest): string | null {
  if (manifest.quorum === 0 && manifest.signers.length > 0) return 'quorum 0 with signers'
  const userBytes = manifest.userData?.byteLength ?? 0
  if (userBytes > MAX_USER_DATA_BYTES) return `${userBytes} bytes of user data`
  return null
}

/** What we do not make, but would accept. */
function argumentFaultOf(manifest: Manifest): string | null {
  const { version, quorum, signers, prologue, linked, userData } = manifest
  if (!Number.isInteger(version) || version < 0 || version > MAX_MANIFEST_VERSION) {
    return `version ${version}`
  }
  if (!Number.isInteger(quorum) || quorum < 0 || quorum > signers.length) {
    return `quorum ${quorum} of ${signers.length} signers`
  }
  if (signers.length > MAX_SIGNERS) return `${signers.length} signers`
  if (version < 2 && (linked !== null || userData !== null)) {
    return 'linked and userData need version 2'
  }
  if (version === 0 && prologue !== null && (signers.length > 0 || prologue.length > 0)) {
    return 'version 0 holds either a prologue of no length or signers'
  }
  return sizeFaultOf(manifest)
}

function sizeFaultOf({ signers, prologue, linked }: Manifest): string | null {
  if (linked !== null && linked.length > MAX_LINKED) return `${linked.length} linked keys`
  const keys = signers.flatMap((signer) => [signer.namespace, signer.publicKey])
  if (prologue !== null) keys.push(prologue.hash)
  if (linked !== null) keys.push(...linked)
  return keys.every((key) => key.byteLength === 32) ? null : 'keys and hashes have 32 bytes'
}
