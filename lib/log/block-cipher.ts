// BlockCipher: what lies between a session's values and the log's blocks, if the log is encrypted. Core, proofs and
// peers see ciphertext only, so a log can be seeded by who cannot read it (spec log.md section 14).
//
//   stored block = padding 8 | ciphertext                         nonce = u64 index | padding | 8 zero bytes
//   ciphertext   = plaintext xor XSalsa20(block key, nonce)
//
// Readers take the padding as they find it. Writers choose it:
//   content  the first 8 bytes of BLAKE2b(u64 index | plaintext) under the blinding key. Two different texts at one
//            index never share a key stream, whatever was rolled back, restored from a copy or cut off; the default.
//   fork     the fork number, blinded: byte for byte what npm hypercore writes. Only as safe as fork numbers are:
//            an index written twice in one fork gives away the xor of both texts.
// Both are read by both, and both tell a wrong key from a right one. There is no authentication beside the tree's.
// Owner: each session has its own.
import type { Manifest } from '../core/manifest.ts'
import { isCompat } from '../core/manifest.ts'
import { hash, hashParts } from '../crypto/hash.ts'
import { namespace } from '../crypto/namespace.ts'
import { STREAM_NONCE_BYTES, xorStream } from '../crypto/stream-cipher.ts'
import { equalSecrets } from '../crypto/wipe.ts'
import { ArgumentError, StorageError } from '../errors.ts'
import { viewOf } from '../util/bytes.ts'
import { checkBytes, checkOptions } from '../util/options.ts'

/** Fixed by the format. */
export const PADDING_BYTES = 8
const KEY_BYTES = 32
const DEFAULT_ENCRYPTION = namespace('hypercore', 6)[5]!

/** Values to stored blocks and back, in place of the built-in ciphers. Must not keep or change what it is given. */
export interface BlockCipher {
  /** Every stored block is longer than its text by so many bytes; byte positions do not count them. */
  readonly paddingBytes: number
  encrypt(block: Uint8Array, at: { readonly index: number; readonly fork: number }): Uint8Array
  /** @throws anything if the block was not encrypted by this cipher */
  decrypt(block: Uint8Array, index: number): Uint8Array
}

export interface Encryption {
  /** 32 bytes, shared between those who may read. */
  readonly key: Uint8Array
  /** `derived`: each log has a block key of its own, made from the key and the log's key; `block-key`: it is that. */
  readonly kind?: 'derived' | 'block-key'
  readonly nonces?: 'content' | 'fork'
}

/** What a cipher has to know of its log; the manifest as soon as it is known. */
export interface CipherContext {
  readonly key: Uint8Array
  readonly manifest: Manifest | null
  readonly fork: number
}

/** @throws ArgumentError INVALID_ARGUMENT, UNKNOWN_OPTION */
export function cipherOf(given: Encryption | BlockCipher, log: CipherContext): BlockCipher {
  if (isCipher(given)) return given
  checkOptions(given, ['key', 'kind', 'nonces'], 'encryption')
  checkBytes(given.key, 'encryption.key', KEY_BYTES)
  const { kind = 'derived', nonces = 'content' } = given
  if (kind !== 'derived' && kind !== 'block-key') {
    throw new ArgumentError('INVALID_ARGUMENT', 'encryption.kind must be derived or block-key')
  }
  if (nonces !== 'content' && nonces !== 'fork') {
    throw new ArgumentError('INVALID_ARGUMENT', 'encryption.nonces must be content or fork')
  }
  return new StreamBlockCipher({ key: given.key.slice(), kind, nonces }, log)
}

/** The key that the blocks of one log are encrypted with: what `kind: 'block-key'` takes. 32 bytes. */
export function blockKeyOf(key: Uint8Array, log: Omit<CipherContext, 'fork'>): Uint8Array {
  const compat = log.manifest !== null && isCompat(log.manifest, log.key)
  return compat ? hash(key, log.key) : hashParts([DEFAULT_ENCRYPTION, log.key, key])
}

function isCipher(given: Encryption | BlockCipher): given is BlockCipher {
  return typeof given === 'object' && given !== null && 'encrypt' in given && 'decrypt' in given
}

interface Keys {
  readonly block: Uint8Array
  readonly blinding: Uint8Array
}

class StreamBlockCipher implements BlockCipher {
  readonly paddingBytes = PADDING_BYTES
  readonly #encryption: Required<Encryption>
  readonly #log: CipherContext
  readonly #nonce: Uint8Array = new Uint8Array(STREAM_NONCE_BYTES)
  readonly #index: DataView = viewOf(this.#nonce)
  #keys: Keys | null = null

  constructor(encryption: Required<Encryption>, log: CipherContext) {
    this.#encryption = encryption
    this.#log = log
  }

  encrypt(block: Uint8Array, { index, fork }: { index: number; fork: number }): Uint8Array {
    const keys = this.#keysNow()
    const stored = new Uint8Array(PADDING_BYTES + block.byteLength)
    stored.set(
      this.#encryption.nonces === 'content'
        ? contentPadding(keys, index, block)
        : this.#forkPadding(keys, index, fork)
    )
    this.#lay(stored, block, stored.subarray(PADDING_BYTES), index, keys)
    return stored
  }

  decrypt(stored: Uint8Array, index: number): Uint8Array {
    if (stored.byteLength < PADDING_BYTES) throw wrongKey(index)
    const keys = this.#keysNow()
    const block = new Uint8Array(stored.byteLength - PADDING_BYTES)
    this.#lay(stored, stored.subarray(PADDING_BYTES), block, index, keys)
    if (!this.#fits(stored.subarray(0, PADDING_BYTES), block, index, keys)) throw wrongKey(index)
    return block
  }

  /** The manifest of a log that is read by its key alone comes with the first proof; before it there are no blocks. */
  #keysNow(): Keys {
    if (this.#keys === null) {
      const { key, kind } = this.#encryption
      const block = kind === 'block-key' ? key : blockKeyOf(key, this.#log)
      this.#keys = { block, blinding: hash(block) }
    }
    return this.#keys
  }

  #lay(stored: Uint8Array, from: Uint8Array, to: Uint8Array, index: number, { block }: Keys): void {
    this.#index.setBigUint64(0, BigInt(index), true)
    for (let i = 0; i < PADDING_BYTES; i++) this.#nonce[8 + i] = stored[i]!
    xorStream(to, from, this.#nonce, block)
  }

  #forkPadding(keys: Keys, index: number, fork: number): Uint8Array {
    const bytes = new Uint8Array(PADDING_BYTES)
    viewOf(bytes).setBigUint64(0, BigInt(fork), true)
    this.#blind(bytes, index, keys)
    return bytes
  }

  #blind(bytes: Uint8Array, index: number, { blinding }: Keys): void {
    this.#index.setBigUint64(0, BigInt(index), true)
    this.#nonce.fill(0, 8)
    xorStream(bytes, bytes, this.#nonce, blinding)
  }

  /** Whether the padding is one that a writer with this key would have chosen. */
  #fits(padding: Uint8Array, block: Uint8Array, index: number, keys: Keys): boolean {
    if (equalSecrets(padding, contentPadding(keys, index, block))) return true
    const fork = padding.slice()
    this.#blind(fork, index, keys)
    return viewOf(fork).getBigUint64(0, true) <= BigInt(this.#log.fork)
  }
}

function contentPadding({ blinding }: Keys, index: number, block: Uint8Array): Uint8Array {
  const head = new Uint8Array(8)
  viewOf(head).setBigUint64(0, BigInt(index), true)
  return hashParts([head, block], blinding).subarray(0, PADDING_BYTES)
}

function wrongKey(index: number): StorageError {
  return new StorageError('WRONG_KEY', `Block ${index} was not encrypted with this key`)
}
