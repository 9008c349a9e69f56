// KeyValue: a store of keys and values on one log: a hash trie whose put is one append and whose get touches
// O(log n) blocks (spec hamt.md). A handle: what handles of one store share is in OpenedKeyValue.
import { ArgumentError } from '../errors.ts'
import { decodeBlock, type Encoding, encodingOf } from '../log/encoding.ts'
import type { Log } from '../log/log.ts'
import { checkGetOptions } from '../log/session.ts'
import { throwIfAborted } from '../util/abort.ts'
import { copyOf } from '../util/bytes.ts'
import { Resource } from '../util/resource.ts'
import type { Condition, Operation } from './change.ts'
import type { View } from './cuts.ts'
import { type Entry, type RawEntry, readEntry } from './entry.ts'
import { descend, headEntrance } from './get.ts'
import { checkKey, type Key, type KeyEncoding, keyEncodingOf } from './key.ts'
import { OpenedKeyValue } from './opened-keyvalue.ts'
import {
  checkDeleteOptions,
  checkKeyValueOptions,
  checkPutOptions,
  type DeleteOptions,
  type KeyValueOptions,
  type PutOptions,
  type ReadOptions
} from './options.ts'
import type { TrieLeaf } from './trie.ts'
import { readValue } from './value.ts'
import type { Walk } from './walk.ts'
import { assertWritable } from './writer.ts'

interface Parts<K, V> {
  readonly opened: OpenedKeyValue
  readonly keys: KeyEncoding<K>
  readonly values: Encoding<V>
  /** Components that all keys of this handle begin with. */
  readonly prefix: Key
  /** Null: the newest version. */
  readonly view: View | null
}

export class KeyValue<K = string, V = Uint8Array> extends Resource {
  readonly #parts: Parts<K, V>

  private constructor(parts: Parts<K, V>) {
    super()
    this.#parts = parts
  }

  /** A store on a log. The log stays its owner's: closing the store does not close it. */
  static open<K = string, V = Uint8Array>(
    log: Log<unknown> | Log,
    options: KeyValueOptions<K, V> = {}
  ): Promise<KeyValue<K, V>> {
    checkKeyValueOptions(options)
    const { keyEncoding, valueEncoding, ...rest } = options
    const keys = keyEncodingOf(keyEncoding)
    const values = encodingOf(valueEncoding)
    const session = (log as Log).session({ encoding: 'binary' })
    const opened = new OpenedKeyValue(session, rest)
    return Promise.resolve(new KeyValue<K, V>({ opened, keys, values, prefix: [], view: null }))
  }

  /** The entry of a key; null: it is not there. */
  async get(key: K, options: ReadOptions = {}): Promise<Entry<K, V> | null> {
    const entry = await this.#find(key, options, true)
    return entry === null ? null : this.#entryOf(entry)
  }

  /** Whether a key is there. */
  async has(key: K, options: ReadOptions = {}): Promise<boolean> {
    return (await this.#find(key, options, false)) !== null
  }

  /** Writes a value; null: a condition did not hold. */
  async put(key: K, value: V, options: PutOptions<K, V> = {}): Promise<Entry<K, V> | null> {
    checkPutOptions(options)
    const { signal, ...conditions } = options
    throwIfAborted(signal)
    const operation = this.#putOperation(key, value, conditions)
    const { outcomes } = await this.#write([operation], false)
    const leaf = outcomes[0]?.leaf ?? null
    return leaf === null ? null : { key, value, version: leaf.writtenIn, prev: leaf.prev }
  }

  /** Deletes a key. Whether it was there, and its condition held. */
  async del(key: K, options: DeleteOptions<K, V> = {}): Promise<boolean> {
    checkDeleteOptions(options)
    const { signal, ...conditions } = options
    throwIfAborted(signal)
    const { outcomes } = await this.#write([this.#deleteOperation(key, conditions)], false)
    return outcomes[0]?.isDone ?? false
  }

  protected override onClose(): Promise<void> {
    return this.#parts.opened.close()
  }

  #find(
    key: K,
    options: ReadOptions,
    withValue: boolean
  ): RawEntry | null | Promise<RawEntry | null> {
    this.assertOpen('store')
    checkGetOptions(options, 'get')
    const { opened, view } = this.#parts
    const components = this.#componentsOf(key)
    return opened.read(
      view,
      function* (version, paths): Walk<RawEntry | null> {
        checkKey(components, paths.isOrdered)
        const leaf = yield* descend(paths.pathOf(components), headEntrance(version))
        return leaf?.hasKey(components) === true ? yield* readEntry(leaf, withValue) : null
      },
      null,
      options
    )
  }

  #componentsOf(key: K): Key {
    const { keys, prefix } = this.#parts
    const components = keys.encode(key)
    return prefix.length === 0 ? components : [...prefix, ...components]
  }

  #entryOf({ key, value, version, prev }: RawEntry): Entry<K, V> {
    const { keys, values, prefix } = this.#parts
    return {
      key: keys.decode(key.slice(prefix.length).map(copyOf)),
      value: decodeBlock(values, version, copyOf(value!)),
      version,
      prev
    }
  }

  #putOperation(key: K, value: V, { cas, ...rest }: PutOptions<K, V>): Operation {
    const components = this.#ownKey(key)
    const bytes = copyOf(this.#parts.values.encode(value))
    const test = cas === undefined ? undefined : this.#test((current) => cas(current, value))
    return { key: components, value: bytes, test, ...rest }
  }

  #deleteOperation(key: K, { cas, ...rest }: DeleteOptions<K, V>): Operation {
    const test =
      cas === undefined ? undefined : this.#test((current) => current !== null && cas(current))
    return { key: this.#ownKey(key), value: null, test, ...rest }
  }

  /** In bytes that the caller cannot change any more. */
  #ownKey(key: K): Key {
    const components = this.#componentsOf(key).map(copyOf)
    checkKey(components, false)
    return components
  }

  #test(cas: (current: Entry<K, V> | null) => boolean): NonNullable<Condition['test']> {
    const entryOf = (leaf: RawEntry): Entry<K, V> => this.#entryOf(leaf)
    return function* (leaf: TrieLeaf | null): Walk<boolean> {
      if (leaf === null) return cas(null)
      const { key, version, prev, value, source } = leaf
      const bytes = yield* readValue({ value, seq: source })
      return cas(entryOf({ key, value: bytes, version, prev }))
    }
  }

  #write(
    operations: readonly Operation[],
    isBatch: boolean
  ): ReturnType<OpenedKeyValue['writer']['write']> {
    this.assertOpen('store')
    const { opened, view } = this.#parts
    if (view !== null) throw new ArgumentError('BAD_VERSION', 'An old version is read only')
    assertWritable(opened.log)
    return opened.writer.write(operations, isBatch)
  }
}
