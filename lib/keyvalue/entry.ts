// Entry: what a get gives: a key, a value, and which write it is of.
import type { Key } from './key.ts'
import type { LeafView } from './node.ts'
import { readValue } from './value.ts'
import type { Walk } from './walk.ts'

export interface Entry<K, V> {
  readonly key: K
  readonly value: V
  /** The block in which the entry was written: unique per key and write. */
  readonly version: number
  /** The version of the entry that it replaced; 0: none. */
  readonly prev: number
}

/** The same before decoding; value null: not asked for. */
export interface RawEntry {
  readonly key: Key
  readonly value: Uint8Array | null
  readonly version: number
  readonly prev: number
}

/** @throws FormatError; ArgumentError TOO_LARGE */
export function* readEntry(leaf: LeafView, withValue = true): Walk<RawEntry> {
  const { value, fragment, version, prev } = leaf
  const bytes = withValue ? yield* readValue({ value, seq: fragment.seq }) : null
  return { key: leaf.key(), value: bytes, version, prev }
}
