// Encryption as Hypercore's sessions have it: a provider that works in place, on a block with room for its padding in
// front. DefaultEncryption is Logwood's own cipher in that shape: npm hypercore reads what it writes, and the reverse.

import {
  type BlockCipher,
  type CipherContext,
  cipherOf,
  PADDING_BYTES
} from '../log/block-cipher.ts'
import { copyOf, toBuffer } from '../util/bytes.ts'

/** Each block begins with `padding` bytes of the provider's own. */
export interface EncryptionProvider {
  padding(core: CipherContext, index: number): number
  encrypt(index: number, block: Uint8Array, fork: number, core: CipherContext): unknown
  decrypt(index: number, block: Uint8Array, core: CipherContext): unknown
}

/** A key of 32 bytes, alone or with its kind: `block`, a key of this core's blocks alone; or a provider. */
export type EncryptionInput =
  | Uint8Array
  | { readonly key: Uint8Array; readonly block?: boolean }
  | EncryptionProvider

export interface EncryptionOptions {
  readonly encryption?: EncryptionInput | null
  readonly encryptionKey?: Uint8Array | null
  readonly isBlockKey?: boolean
}

export class DefaultEncryption implements EncryptionProvider {
  static readonly PADDING: number = PADDING_BYTES
  readonly key: Uint8Array
  readonly #kind: 'block-key' | 'derived'
  #cipher: BlockCipher | null = null
  #isCompat: boolean | null = null

  constructor(key: Uint8Array, _coreKey?: Uint8Array | null, options: { block?: boolean } = {}) {
    this.key = copyOf(key)
    this.#kind = options.block === true ? 'block-key' : 'derived'
  }

  padding(): number {
    return PADDING_BYTES
  }

  encrypt(index: number, block: Uint8Array, fork: number, core: CipherContext): void {
    block.set(this.#cipherFor(core).encrypt(block.subarray(PADDING_BYTES), { index, fork }))
  }

  /** @throws StorageError WRONG_KEY */
  decrypt(index: number, block: Uint8Array, core: CipherContext): void {
    block.set(this.#cipherFor(core).decrypt(block, index), PADDING_BYTES)
  }

  /** The block key depends on the manifest, which a reader learns late. */
  #cipherFor(core: CipherContext): BlockCipher {
    const isKnown = core.manifest !== null
    if (this.#cipher === null || this.#isCompat !== isKnown) {
      this.#cipher = cipherOf({ key: this.key, kind: this.#kind }, core)
      this.#isCompat = isKnown
    }
    return this.#cipher
  }
}

/** The provider for what was given; null: none. */
export function providerFrom(
  options: EncryptionOptions,
  key: Uint8Array
): EncryptionProvider | null {
  const { encryptionKey, encryption } = options
  if (encryptionKey)
    return providerOf({ key: encryptionKey, block: options.isBlockKey === true }, key)
  return encryption ? providerOf(encryption, key) : null
}

export function providerOf(input: EncryptionInput, key: Uint8Array): EncryptionProvider {
  if (isProvider(input)) return input
  if (input instanceof Uint8Array) return new DefaultEncryption(input, key)
  return new DefaultEncryption(input.key, key, { block: input.block === true })
}

export function isProvider(input: unknown): input is EncryptionProvider {
  const { padding, encrypt, decrypt } = (input ?? {}) as Partial<Record<string, unknown>>
  return [padding, encrypt, decrypt].every((each) => typeof each === 'function')
}

/** The text of a stored block, which stays as it is. */
export async function decrypted(
  provider: EncryptionProvider,
  index: number,
  stored: Uint8Array,
  core: CipherContext
): Promise<Uint8Array> {
  const block = toBuffer(copyOf(stored))
  await provider.decrypt(index, block, core)
  return block.subarray(provider.padding(core, index))
}
