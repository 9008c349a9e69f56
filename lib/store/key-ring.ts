// KeyRing: from a primary key and names to key pairs, as npm corestore derives them: the same primary key, namespaces
// and name give the same log there and here (spec log.md section 4.1). Pure.
import { defaultManifest, manifestKey } from '../core/manifest.ts'
import { hashParts } from '../crypto/hash.ts'
import { createKeyPair, type KeyPair } from '../crypto/key-pair.ts'
import { namespace } from '../crypto/namespace.ts'
import { ArgumentError } from '../errors.ts'
import { MAX_NAME_BYTES } from '../storage/store-index.ts'
import { fromUtf8 } from '../util/bytes.ts'

const [STORE] = namespace('corestore', 1) as [Uint8Array]

/** The namespace of a store itself: 32 zeros. */
export const ROOT_NAMESPACE: Uint8Array = new Uint8Array(32)

/** The namespace of that name within another. 32 bytes. @throws ArgumentError */
export function childNamespace(parent: Uint8Array, name: string | Uint8Array): Uint8Array {
  return hashParts([parent, typeof name === 'string' ? bytesOfName(name) : name])
}

/** @throws ArgumentError */
export function keyPairOfName(
  primaryKey: Uint8Array,
  namespaceBytes: Uint8Array,
  name: string
): KeyPair {
  return createKeyPair(hashParts([STORE, namespaceBytes, bytesOfName(name)], primaryKey))
}

/** The key of the log that this pair alone writes. 32 bytes. */
export function keyOfPair({ publicKey }: KeyPair): Uint8Array {
  return manifestKey(defaultManifest(publicKey))
}

function bytesOfName(name: string): Uint8Array {
  if (typeof name !== 'string') {
    throw new ArgumentError('INVALID_ARGUMENT', 'A name must be a string')
  }
  const bytes = fromUtf8(name)
  if (bytes.byteLength <= MAX_NAME_BYTES) return bytes
  throw new ArgumentError('INVALID_ARGUMENT', `A name has at most ${MAX_NAME_BYTES} bytes`)
}
