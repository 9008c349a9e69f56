// What makes an encrypted connection, and what it tells its user.
import type { KeyPair } from '../crypto/key-pair.ts'
import type { Env } from '../env.ts'
import type { Assembly } from './assembly.ts'
import type { SecureSession } from './handshake.ts'
import type { RawDuplex } from './raw-duplex.ts'

export interface SecretStreamHandlers {
  /** One whole message. The bytes are the receiver's; small ones may be views of larger buffers. */
  onMessage(message: Uint8Array): void
  /** Follows each send that returned false. */
  onDrain?(): void
  /** Once, at the end of everything. Null: both sides ended in order. */
  onClose?(error: Error | null): void
}

export interface SecretStreamOptions {
  readonly isInitiator: boolean
  readonly raw: RawDuplex
  /** Our static keys; a fresh pair by default. */
  readonly keyPair?: KeyPair | undefined
  /** XX by default. The initiator of IK needs remotePublicKey. */
  readonly pattern?: 'XX' | 'IK' | undefined
  /** If given, nobody else is talked to. */
  readonly remotePublicKey?: Uint8Array | undefined
  /** A handshake done elsewhere, in the same role. */
  readonly handshake?: SecureSession | undefined
  readonly env?: Env | undefined
  /** 0 switches it off. */
  readonly keepAliveMs?: number | undefined
  readonly handshakeTimeoutMs?: number | undefined
  /** After this long without a byte from the remote the connection is given up. 0, the default: never. */
  readonly idleTimeoutMs?: number | undefined
  /** Counts what this connection holds of messages that are arriving; by default that of the whole process. */
  readonly assembly?: Assembly | undefined
  /** Fixes what is otherwise drawn at random: for tests against vectors only. */
  readonly pinned?: { ephemeralKeyPair?: KeyPair; header?: Uint8Array } | undefined
}
