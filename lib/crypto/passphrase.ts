// Secrets under a passphrase: the key comes from Argon2id, the box is XChaCha20-Poly1305. Whoever opens a box is told
// by it how much work to do, so that is limited here.
import sodium from 'sodium-native'
import { AEAD_TAG_BYTES } from './aead.ts'
import { wipe } from './wipe.ts'

export interface PassphraseCost {
  readonly opsLimit: number
  readonly memLimitBytes: number
}

export const SALT_BYTES = 16
export const BOX_NONCE_BYTES = 24

/** About half a second on a laptop (libsodium's "moderate"). */
export const MODERATE_COST: PassphraseCost = { opsLimit: 3, memLimitBytes: 256 * 1024 * 1024 }
/** What an unknown box may ask for. */
export const MAX_COST: PassphraseCost = { opsLimit: 16, memLimitBytes: 1024 * 1024 * 1024 }
const MIN_COST: PassphraseCost = { opsLimit: 1, memLimitBytes: 8192 }

export function isFairCost({ opsLimit, memLimitBytes }: PassphraseCost): boolean {
  return (
    opsLimit >= MIN_COST.opsLimit &&
    opsLimit <= MAX_COST.opsLimit &&
    memLimitBytes >= MIN_COST.memLimitBytes &&
    memLimitBytes <= MAX_COST.memLimitBytes
  )
}

/** The plaintext in a box that `associatedData` belongs to. */
export function sealWithPassphrase(
  passphrase: Uint8Array,
  plaintext: Uint8Array,
  associatedData: Uint8Array,
  use: { salt: Uint8Array; nonce: Uint8Array; cost: PassphraseCost }
): Uint8Array {
  const box = new Uint8Array(plaintext.byteLength + AEAD_TAG_BYTES)
  const key = keyOf(passphrase, use.salt, use.cost)
  sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
    box,
    plaintext,
    associatedData,
    null,
    use.nonce,
    key
  )
  wipe(key)
  return box
}

/** Null: another passphrase, or the box was changed. */
export function openWithPassphrase(
  passphrase: Uint8Array,
  box: Uint8Array,
  associatedData: Uint8Array,
  use: { salt: Uint8Array; nonce: Uint8Array; cost: PassphraseCost }
): Uint8Array | null {
  if (box.byteLength < AEAD_TAG_BYTES) return null
  const plaintext = new Uint8Array(box.byteLength - AEAD_TAG_BYTES)
  const key = keyOf(passphrase, use.salt, use.cost)
  try {
    sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
      plaintext,
      null,
      box,
      associatedData,
      use.nonce,
      key
    )
    return plaintext
  } catch {
    return null
  } finally {
    wipe(key)
  }
}

function keyOf(
  passphrase: Uint8Array,
  salt: Uint8Array,
  { opsLimit, memLimitBytes }: PassphraseCost
): Uint8Array {
  const key = new Uint8Array(32)
  const algorithm = sodium.crypto_pwhash_ALG_ARGON2ID13
  sodium.crypto_pwhash(key, passphrase, salt, opsLimit, memLimitBytes, algorithm)
  return key
}
