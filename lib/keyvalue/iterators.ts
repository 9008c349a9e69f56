// The iterators of a store: options of its calls, and how what is found becomes what is given.
import { ArgumentError } from '../errors.ts'
import { toUtf8 } from '../util/bytes.ts'
import { checkInteger, checkOptions } from '../util/options.ts'
import { EVERYTHING, type Interval } from './bounds.ts'
import type { Coder } from './coder.ts'
import type { View } from './cuts.ts'
import { type Entry, type RawEntry, readEntry } from './entry.ts'
import { completed } from './history.ts'
import { checkKey, type Key } from './key.ts'
import { LiveHistory } from './live-history.ts'
import type { LeafView } from './node.ts'
import type { OpenedKeyValue } from './opened-keyvalue.ts'
import type { Paths } from './path.ts'
import { Results, type Source } from './results.ts'
import {
  childrenSource,
  diffSource,
  entriesSource,
  historySource,
  keyHistorySource,
  type Reading
} from './sources.ts'
import type { Walk } from './walk.ts'

/** A handle, and the version that it reads. */
export interface ReadingHandle<K, V> {
  readonly opened: OpenedKeyValue
  readonly coder: Coder<K, V>
  /** Null: the newest version. */
  readonly view: View | null
}

export interface ListOptions {
  /** No more than so many. */
  limit?: number
  /** False: NOT_AVAILABLE instead of waiting for peers. */
  wait?: boolean
  signal?: AbortSignal
}

export interface EntriesOptions<K> extends ListOptions {
  /** Only keys that have these components first, and more. In ordered stores: that begin with these bytes. */
  prefix?: K
  /** Begins behind this key, whether or not it is there: to go on where an iteration ended. */
  after?: K
  reverse?: boolean
  /** Without values. */
  keysOnly?: boolean
  /** Entries that are here may come before others. */
  unordered?: boolean
}

export interface RangeOptions<K> extends ListOptions {
  gt?: K
  gte?: K
  lt?: K
  lte?: K
  reverse?: boolean
}

export interface DiffOptions<K> extends ListOptions {
  /** The other version; the handle's own by default. */
  to?: number
  prefix?: K
  /** Goes on behind this key. */
  after?: K
}

export interface HistoryOptions extends ListOptions {
  /** From this version on: 0 by default. */
  since?: number
  /** The newest first. */
  reverse?: boolean
  /** Does not end, but waits for what is written. */
  live?: boolean
  keysOnly?: boolean
}

export type KeyEntry<K> = Omit<Entry<K, never>, 'value'>

export interface Child {
  readonly name: string
  /** The component as it is. */
  readonly bytes: Uint8Array
  /** A key ends here. */
  readonly hasValue: boolean
  /** Keys go on below it. */
  readonly hasChildren: boolean
}

/** Null: the key is not in that version. */
export interface DiffEntry<K, V> {
  readonly key: K
  readonly left: Entry<K, V> | null
  readonly right: Entry<K, V> | null
}

/** `commit`: the version that the store had with it. A deletion's version is that of the entry that went. */
export type OperationEntry<K, V> =
  | { readonly type: 'put'; readonly entry: Entry<K, V>; readonly commit: number }
  | { readonly type: 'del'; readonly key: K; readonly version: number; readonly commit: number }

type Iterator<T> = AsyncIterableIterator<T, undefined>

const LIST_OPTIONS = ['limit', 'wait', 'signal']
const ENTRIES_OPTIONS = [...LIST_OPTIONS, 'prefix', 'after', 'reverse', 'keysOnly', 'unordered']
const RANGE_OPTIONS = [...LIST_OPTIONS, 'gt', 'gte', 'lt', 'lte', 'reverse']
const DIFF_OPTIONS = [...LIST_OPTIONS, 'to', 'prefix', 'after']
const HISTORY_OPTIONS = [...LIST_OPTIONS, 'since', 'reverse', 'live', 'keysOnly']

export function entriesIn<K, V>(
  handle: ReadingHandle<K, V>,
  options: EntriesOptions<K>
): Iterator<Entry<K, V> | KeyEntry<K>> {
  checkList(options, ENTRIES_OPTIONS, 'entries')
  const { coder, opened } = handle
  const { prefix, after, reverse = false, keysOnly = false, unordered = false } = options
  const components = prefix === undefined ? coder.prefix : coder.componentsOf(prefix)
  const behind = after === undefined ? null : coder.componentsOf(after)
  const isHeld = (seq: number): boolean => opened.log.has(seq)
  return results(handle, options, {
    source(reading) {
      const interval = behind === null ? EVERYTHING : intervalBehind(behind, reading.paths, reverse)
      const held = unordered ? { isHeld } : {}
      return entriesSource(reading, { prefix: components, interval, reverse, ...held })
    },
    finish: keysOnly ? keyFinisher(coder) : entryFinisher(coder)
  })
}

export function rangeIn<K, V>(
  handle: ReadingHandle<K, V>,
  options: RangeOptions<K>
): Iterator<Entry<K, V>> {
  checkList(options, RANGE_OPTIONS, 'range')
  const { coder } = handle
  const { gt, gte, lt, lte, reverse = false } = options
  const low = gte ?? gt
  const high = lte ?? lt
  const lower =
    low === undefined ? null : { key: coder.componentsOf(low), isInclusive: gte !== undefined }
  const upper =
    high === undefined ? null : { key: coder.componentsOf(high), isInclusive: lte !== undefined }
  return results(handle, options, {
    source(reading) {
      const { paths } = reading
      if (!paths.isOrdered) {
        throw new ArgumentError('INVALID_ARGUMENT', 'range: the store is not ordered; see entries')
      }
      const boundOf = (end: { key: Key; isInclusive: boolean } | null): Interval['lower'] =>
        end === null ? null : { path: pathOf(end.key, paths), isInclusive: end.isInclusive }
      const interval = { lower: boundOf(lower), upper: boundOf(upper) }
      return entriesSource(reading, { prefix: coder.prefix, interval, reverse })
    },
    finish: entryFinisher(coder)
  })
}

export function childrenIn<K, V>(
  handle: ReadingHandle<K, V>,
  prefix: K | null,
  options: ListOptions
): Iterator<Child> {
  checkList(options, LIST_OPTIONS, 'children')
  const { coder } = handle
  const components = prefix === null ? coder.prefix : coder.componentsOf(prefix)
  return results(handle, options, {
    source: (reading) => childrenSource(reading, components),
    // biome-ignore lint/correctness/useYield: it needs no blocks
    *finish({ name, ...rest }): Walk<Child> {
      const bytes = name.slice()
      return { name: toUtf8(bytes), bytes, ...rest }
    }
  })
}

export function diffBetween<K, V>(
  handle: ReadingHandle<K, V>,
  from: number,
  options: DiffOptions<K>
): Iterator<DiffEntry<K, V>> {
  checkInteger(from, 0, 'diff: the version')
  checkList(options, DIFF_OPTIONS, 'diff')
  const { coder, opened, view } = handle
  const { prefix, after, to } = options
  if (to !== undefined) checkInteger(to, 0, 'diff: to')
  const components = prefix === undefined ? coder.prefix : coder.componentsOf(prefix)
  const behind = after === undefined ? null : coder.componentsOf(after)
  const right = to === undefined ? view : opened.cuts.view(to)
  let isSwapped = false
  return results({ ...handle, view: right }, options, {
    async source(reading) {
      const left: Reading = { ...reading, view: opened.cuts.view(from) }
      for (const { version } of [left.view, reading.view])
        await opened.assertVersion(version, options)
      isSwapped = from > reading.view.version
      const [lower, upper] = isSwapped ? [reading, left] : [left, reading]
      const bound =
        behind === null ? null : { path: pathOf(behind, reading.paths), isInclusive: false }
      return diffSource(lower, upper, { prefix: components, after: bound })
    },
    *finish(found): Walk<DiffEntry<K, V>> {
      const left = found.left === null ? null : coder.entryOf(yield* readEntry(found.left))
      const right = found.right === null ? null : coder.entryOf(yield* readEntry(found.right))
      const key = (left ?? right)!.key
      return isSwapped ? { key, left: right, right: left } : { key, left, right }
    }
  })
}

export function historyIn<K, V>(
  handle: ReadingHandle<K, V>,
  options: HistoryOptions
): Iterator<OperationEntry<K, V>> {
  checkList(options, HISTORY_OPTIONS, 'history')
  const { opened, coder, view } = handle
  const { since = 0, reverse = false, live = false, keysOnly = false } = options
  checkInteger(since, 0, 'history: since')
  if (live && (reverse || view !== null)) {
    throw new ArgumentError(
      'INVALID_ARGUMENT',
      'history: live goes forwards from the newest version'
    )
  }
  const finish = function* (
    found: Parameters<typeof completed>[0]
  ): Walk<OperationEntry<K, V> | null> {
    const operation = yield* completed(found, !keysOnly)
    if (operation.type === 'put') {
      if (!coder.includes(operation.entry.key)) return null
      const entry = keysOnly ? keyEntryOf(coder, operation.entry) : coder.entryOf(operation.entry)
      return { type: 'put', entry: entry as Entry<K, V>, commit: operation.commit }
    }
    if (!coder.includes(operation.key)) return null
    return { ...operation, key: coder.keyOf(operation.key) }
  }
  const part = (
    from: number,
    at: View | null
  ): Results<Parameters<typeof finish>[0], OperationEntry<K, V> | null> =>
    results(
      { ...handle, view: at },
      { ...options, limit: Number.POSITIVE_INFINITY },
      {
        source: ({ view: shown }) => historySource(shown, from, reverse),
        finish
      }
    )
  return new LiveHistory({ opened, options, since, live, view, part })
}

export function keyHistoryIn<K, V>(
  handle: ReadingHandle<K, V>,
  key: K,
  options: ListOptions
): Iterator<Entry<K, V>> {
  checkList(options, LIST_OPTIONS, 'keyHistory')
  const { coder } = handle
  const components = coder.componentsOf(key)
  return results(handle, options, {
    source(reading) {
      checkKey(components, reading.paths.isOrdered)
      return keyHistorySource(reading, components)
    },
    finish: entryFinisher(coder)
  })
}

interface Parts<F extends object, T> {
  source(reading: Reading): Source<F> | Promise<Source<F>>
  finish(found: F): Walk<T>
}

function results<K, V, F extends object, T>(
  { opened, view: pinned }: ReadingHandle<K, V>,
  options: ListOptions,
  { source, finish }: Parts<F, T>
): Results<F, T> {
  const { limit = Number.POSITIVE_INFINITY, wait, signal } = options
  const reading = {
    ...(wait === undefined ? {} : { wait }),
    ...(signal === undefined ? {} : { signal })
  }
  return new Results({
    blocks: opened.blocks,
    cuts: opened.cuts,
    limit,
    options: reading,
    finish,
    async open(how) {
      const view = pinned ?? (await opened.newest(how))
      const paths = await opened.knownPaths(how)
      if (paths === null) return null
      return await source({ view, paths, isChecked: !opened.log.writable })
    }
  })
}

function entryFinisher<K, V>(coder: Coder<K, V>): (leaf: LeafView) => Walk<Entry<K, V>> {
  return function* (leaf) {
    return coder.entryOf(yield* readEntry(leaf))
  }
}

function keyFinisher<K, V>(coder: Coder<K, V>): (leaf: LeafView) => Walk<KeyEntry<K>> {
  return function* (leaf) {
    return keyEntryOf(coder, yield* readEntry(leaf, false))
  }
}

function keyEntryOf<K, V>(coder: Coder<K, V>, { key, version, prev }: RawEntry): KeyEntry<K> {
  return { key: coder.keyOf(key), version, prev }
}

/** What comes behind a key: above it, or below it if the order is reversed. */
function intervalBehind(key: Key, paths: Paths, isReverse: boolean): Interval {
  const bound = { path: pathOf(key, paths), isInclusive: false }
  return isReverse ? { lower: null, upper: bound } : { lower: bound, upper: null }
}

function pathOf(key: Key, paths: Paths): Uint8Array {
  checkKey(key, paths.isOrdered)
  return paths.pathOf(key)
}

function checkList(options: ListOptions, known: readonly string[], call: string): void {
  checkOptions(options, known, call)
  if (options.limit !== undefined && options.limit !== Number.POSITIVE_INFINITY) {
    checkInteger(options.limit, 0, `${call}: limit`)
  }
}
