// Capability: proof that a peer knows the log's key, bound to this connection and to its role in it
// (spec replication.md section 2), so that it can be neither replayed nor mirrored.
import { hashParts } from '../crypto/hash.ts'
import { namespace } from '../crypto/namespace.ts'
import { equalSecrets } from '../crypto/wipe.ts'

const [, REPLICATE_INITIATOR, REPLICATE_RESPONDER] = namespace('hypercore', 3) as [
  Uint8Array,
  Uint8Array,
  Uint8Array
]

export interface CapabilityContext {
  /** 64 bytes, of the encrypted stream below. */
  readonly handshakeHash: Uint8Array
  /** The log's key, 32 bytes. */
  readonly key: Uint8Array
}

/** The 32 bytes that the given side of the encrypted stream has to show. */
export function capabilityOf(context: CapabilityContext, fromInitiator: boolean): Uint8Array {
  const role = fromInitiator ? REPLICATE_INITIATOR : REPLICATE_RESPONDER
  return hashParts([role, context.key], context.handshakeHash)
}

/** Whether the bytes are those that the remote has to show. */
export function isCapability(
  bytes: Uint8Array,
  context: CapabilityContext,
  fromInitiator: boolean
): boolean {
  return equalSecrets(bytes, capabilityOf(context, fromInitiator))
}
