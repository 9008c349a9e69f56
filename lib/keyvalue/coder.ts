// Coder: between a handle's keys and values and the store's bytes.
import { ArgumentError } from '../errors.ts'
import { decodeBlock, type Encoding } from '../log/encoding.ts'
import { copyOf, equalBytes } from '../util/bytes.ts'
import type { Condition, Operation } from './change.ts'
import { MAX_VALUE_BYTES } from './constants.ts'
import type { Entry, RawEntry } from './entry.ts'
import { checkKey, type Key, type KeyEncoding } from './key.ts'
import type { DeleteOptions, PutOptions } from './options.ts'
import type { TrieLeaf } from './trie.ts'
import { readValue } from './value.ts'
import type { Walk } from './walk.ts'

export class Coder<K, V> {
  /** Components that all keys of the handle begin with. */
  readonly prefix: Key
  readonly keys: KeyEncoding<K>
  readonly values: Encoding<V>

  constructor(keys: KeyEncoding<K>, values: Encoding<V>, prefix: Key) {
    this.keys = keys
    this.values = values
    this.prefix = prefix
  }

  /** @throws ArgumentError KEY_INVALID */
  componentsOf(key: K): Key {
    const components = this.keys.encode(key)
    return this.prefix.length === 0 ? components : [...this.prefix, ...components]
  }

  /** In bytes that the caller cannot change any more. @throws ArgumentError KEY_INVALID */
  ownKey(key: K): Key {
    const components = this.componentsOf(key).map(copyOf)
    checkKey(components, false)
    return components
  }

  keyOf(components: Key): K {
    return this.keys.decode(components.slice(this.prefix.length).map(copyOf))
  }

  /** Whether a key is one of this handle. */
  includes(components: Key): boolean {
    const { prefix } = this
    return (
      components.length > prefix.length &&
      prefix.every((component, i) => equalBytes(component, components[i]!))
    )
  }

  /** @throws StorageError CORRUPT if the value is not one of the handle's encoding */
  entryOf({ key, value, version, prev }: RawEntry): Entry<K, V> {
    const bytes = copyOf(value ?? NO_BYTES)
    return { key: this.keyOf(key), value: decodeBlock(this.values, version, bytes), version, prev }
  }

  putOperation(key: K, value: V, { cas, ...rest }: PutOptions<K, V>): Operation {
    const bytes = copyOf(this.values.encode(value))
    if (bytes.byteLength > MAX_VALUE_BYTES) {
      throw new ArgumentError('TOO_LARGE', `put: a value has at most ${MAX_VALUE_BYTES} bytes`)
    }
    const test = cas === undefined ? undefined : this.#test((current) => cas(current, value))
    return { key: this.ownKey(key), value: bytes, test, ...rest }
  }

  deleteOperation(key: K, { cas, ...rest }: DeleteOptions<K, V>): Operation {
    const test =
      cas === undefined ? undefined : this.#test((current) => current !== null && cas(current))
    return { key: this.ownKey(key), value: null, test, ...rest }
  }

  #test(cas: (current: Entry<K, V> | null) => boolean): NonNullable<Condition['test']> {
    const entryOf = (entry: RawEntry): Entry<K, V> => this.entryOf(entry)
    return function* (leaf: TrieLeaf | null): Walk<boolean> {
      if (leaf === null) return cas(null)
      const { key, version, prev, value, source } = leaf
      const bytes = yield* readValue({ value, seq: source })
      return cas(entryOf({ key, value: bytes, version, prev }))
    }
  }
}

const NO_BYTES = new Uint8Array(0)
