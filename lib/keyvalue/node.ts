// Nodes of the trie, as they are read from a fragment (spec hamt.md section 5.6). Views: nothing is unpacked before it is
// asked for. Each node must fill its place exactly.
//
//   41 01 0001 01     branch with one local child in slot 4, at level 0; pointers {8}, one bit each: age 1
//   04 01 05 68656c6c6f 05 776f726c64     leaf with an inline value: "hello" = "world"
import { equalBytes } from '../util/bytes.ts'
import { ByteReader } from './byte-reader.ts'
import {
  FANOUT,
  MAX_COMPONENTS,
  MAX_INLINE_BYTES,
  MAX_KEY_BYTES,
  MAX_LEVELS,
  MAX_VALUE_BYTES,
  MAX_WIDTH,
  NO_POINTERS
} from './constants.ts'
import { type Fragment, readComponents } from './fragment.ts'
import type { Key } from './key.ts'
import { readSpanFields, type Span } from './span.ts'

export const LEAF = 0
export const BRANCH_OF_ONE = 1
export const BRANCH = 2
export const LINK = 3
const NODE_MASK = 3

export const EMPTY_VALUE = 0
export const INLINE_VALUE = 1
export const BLOCKS_VALUE = 2

export const PREV_FLAG = 16
export const ORIGIN_FLAG = 32
export const SHARED_FLAG = 64
export const DENSE_FLAG = 4
export const FRAME_FLAG = 8
export const ALIAS_FLAG = 4

const WIDTH_MASK = 63
export const LONG_GAP = 3

/** Where a node stands. */
export interface NodePlace {
  readonly at: number
  readonly end: number
  /** Level of the branch above it in this block; -1: it is the root. */
  readonly parentLevel: number
}

export type NodeView = LeafView | BranchView | SpanView | AliasView

export function rootPlace(fragment: Fragment): NodePlace {
  return { at: fragment.root, end: fragment.bytes.byteLength, parentLevel: -1 }
}

/** @throws FormatError MALFORMED */
export function readNode(fragment: Fragment, place: NodePlace): NodeView {
  const reader = new ByteReader(fragment.bytes, fragment.seq, place.at, place.end)
  const tag = reader.byte()
  const kind = tag & NODE_MASK
  if (kind === LEAF) return new LeafView(fragment, place.at, reader, tag)
  if (kind !== LINK) return new BranchView(fragment, place, reader, tag)
  const isAlias = (tag & ALIAS_FLAG) !== 0
  if ((tag & ~(NODE_MASK | ALIAS_FLAG)) !== 0) reader.fail(`a node of unknown kind ${tag}`)
  const link: SpanView | AliasView = isAlias
    ? { kind: 'alias', target: reader.older() }
    : { kind: 'span', ...readSpanFields(reader, place.parentLevel, fragment.seq) }
  reader.assertEnd('a node')
  return link
}

export interface SpanView extends Span {
  readonly kind: 'span'
}

export interface AliasView {
  readonly kind: 'alias'
  readonly target: number
}

/** Where a value is. */
export type ValuePlace =
  | { readonly inline: Uint8Array }
  | { readonly first: number; readonly byteLength: number }

export class LeafView {
  readonly kind = 'leaf'
  readonly fragment: Fragment
  /** Offset in the block. */
  readonly at: number
  /** The block in which the entry was written. */
  readonly version: number
  /** The entry version that it replaced; 0: none. */
  readonly prev: number
  /** A rewrite by a checkpoint, or the write itself. */
  readonly isOrigin: boolean
  readonly value: ValuePlace
  readonly #shared: number
  readonly #keyAt: number

  constructor(fragment: Fragment, at: number, reader: ByteReader, tag: number) {
    this.fragment = fragment
    this.at = at
    if ((tag & 0x80) !== 0) reader.fail('a leaf with an unknown flag')
    this.#shared = (tag & SHARED_FLAG) === 0 ? 0 : readShared(fragment, reader)
    this.#keyAt = reader.at
    checkKeyRest(fragment, reader, this.#shared)
    this.prev = (tag & PREV_FLAG) === 0 ? 0 : reader.older()
    this.isOrigin = (tag & ORIGIN_FLAG) === 0
    this.version = this.isOrigin ? fragment.seq : reader.older()
    this.value = readValuePlace(reader, (tag >>> 2) & 3)
    reader.assertEnd('a leaf')
  }

  /** Views of the block's bytes. */
  key(): Uint8Array[] {
    const { bytes, seq, common } = this.fragment
    const rest = readComponents(new ByteReader(bytes, seq, this.#keyAt), 0)
    return this.#shared === 0 ? rest : [...(common ?? []).slice(0, this.#shared), ...rest]
  }

  hasKey(key: Key): boolean {
    const { bytes, seq, common } = this.fragment
    const reader = new ByteReader(bytes, seq, this.#keyAt)
    const shared = this.#shared
    if (reader.varint() + shared !== key.length) return false
    for (let i = 0; i < shared; i++) {
      if (!equalBytes(common![i]!, key[i]!)) return false
    }
    for (let i = shared; i < key.length; i++) {
      const component = key[i]!
      const byteLength = reader.varint()
      if (byteLength !== component.byteLength) return false
      const start = reader.at
      for (let j = 0; j < byteLength; j++) {
        if (bytes[start + j] !== component[j]) return false
      }
      reader.at += byteLength
    }
    return true
  }
}

function readShared(fragment: Fragment, reader: ByteReader): number {
  const shared = reader.varint()
  if (shared < 1 || shared > (fragment.common?.length ?? 0)) {
    reader.fail(`a leaf that shares ${shared} components`)
  }
  return shared
}

/** Skips the key's own components; the whole key must be one that may be. */
function checkKeyRest(fragment: Fragment, reader: ByteReader, shared: number): void {
  const count = reader.varint()
  const total = count + shared
  if (total < 1 || total > MAX_COMPONENTS) reader.fail(`a key of ${total} components`)
  let byteLength = 0
  for (let i = 0; i < shared; i++) byteLength += fragment.common![i]!.byteLength
  for (let i = 0; i < count; i++) {
    const bytes = reader.varint()
    reader.skip(bytes)
    byteLength += bytes
  }
  if (byteLength > MAX_KEY_BYTES) reader.fail(`a key of ${byteLength} bytes`)
}

const EMPTY: ValuePlace = { inline: new Uint8Array(0) }

function readValuePlace(reader: ByteReader, kind: number): ValuePlace {
  if (kind === EMPTY_VALUE) return EMPTY
  if (kind === INLINE_VALUE) {
    const byteLength = reader.varint()
    if (byteLength < 1 || byteLength > MAX_INLINE_BYTES) {
      reader.fail(`an inline value of ${byteLength} bytes`)
    }
    return { inline: reader.take(byteLength) }
  }
  if (kind !== BLOCKS_VALUE) reader.fail('a value of unknown kind')
  const first = reader.older()
  const byteLength = reader.varint()
  if (byteLength < 1 || byteLength > MAX_VALUE_BYTES) reader.fail(`a value of ${byteLength} bytes`)
  return { first, byteLength }
}

export class BranchView {
  readonly kind = 'branch'
  readonly fragment: Fragment
  readonly at: number
  readonly level: number
  /** Bit s: slot s holds a node of this block. */
  readonly localMap: number
  /** Bit s: slot s names an older block. */
  readonly pointerMap: number
  readonly #width: number
  readonly #min: number
  readonly #packedAt: number
  readonly #sizesAt: number
  readonly #childrenAt: number
  readonly #end: number

  constructor(fragment: Fragment, place: NodePlace, reader: ByteReader, tag: number) {
    this.fragment = fragment
    this.at = place.at
    this.#end = place.end
    const isOfOne = (tag & NODE_MASK) === BRANCH_OF_ONE
    if (!isOfOne && tag >>> 4 !== 0) reader.fail('a branch with unknown flags')
    const widths = reader.byte()
    const width = widths & WIDTH_MASK
    const gapCode = widths >>> 6
    const gap = gapCode === LONG_GAP ? reader.varint() : gapCode
    this.level = place.parentLevel + 1 + gap
    if (this.level >= MAX_LEVELS) reader.fail(`a branch at level ${this.level}`)
    this.localMap = isOfOne ? 1 << (tag >>> 4) : reader.uint16()
    const isDense = (tag & DENSE_FLAG) !== 0
    const hasFrame = (tag & FRAME_FLAG) !== 0
    this.#width = width
    this.pointerMap = width === NO_POINTERS ? 0 : readPointerMap(reader, isDense, this.localMap)
    this.#min = hasFrame ? reader.varint() : 0
    if (width === NO_POINTERS ? isDense || hasFrame : width > MAX_WIDTH) {
      reader.fail(`pointers of ${width} bits`)
    }
    if ((this.localMap | this.pointerMap) === 0) reader.fail('a branch without slots')
    this.#packedAt = reader.at
    if (width !== NO_POINTERS) reader.skip((popCount(this.pointerMap) * width + 7) >>> 3)
    this.#sizesAt = reader.at
    this.#childrenAt = this.#checkSizes(reader)
  }

  isLocal(slot: number): boolean {
    return ((this.localMap >>> slot) & 1) === 1
  }

  isPointer(slot: number): boolean {
    return ((this.pointerMap >>> slot) & 1) === 1
  }

  /** The block that a pointer names. The slot is one of the pointer map. @throws FormatError MALFORMED */
  target(slot: number): number {
    const { bytes, seq } = this.fragment
    const rank = popCount(this.pointerMap & ((1 << slot) - 1))
    const age = this.#min + readBits(bytes, this.#packedAt, rank * this.#width, this.#width)
    return new ByteReader(bytes, seq).olderBy(age)
  }

  /** Where the local child of a slot of the local map stands. */
  child(slot: number): NodePlace {
    const { bytes, seq } = this.fragment
    const rank = popCount(this.localMap & ((1 << slot) - 1))
    const isLast = this.localMap >>> (slot + 1) === 0
    const sizes = new ByteReader(bytes, seq, this.#sizesAt)
    let at = this.#childrenAt
    for (let i = 0; i < rank; i++) at += sizes.varint()
    const end = isLast ? this.#end : at + sizes.varint()
    return { at, end, parentLevel: this.level }
  }

  /** The sizes must leave room for each child. The answer: where the first begins. */
  #checkSizes(reader: ByteReader): number {
    const count = popCount(this.localMap)
    let byteLength = 0
    for (let i = 1; i < count; i++) {
      const size = reader.varint()
      if (size === 0) reader.fail('a child of no bytes')
      byteLength += size
    }
    const room = this.#end - reader.at
    if (count === 0 ? room !== 0 : byteLength >= room) reader.fail('children that do not fit')
    return reader.at
  }
}

function readPointerMap(reader: ByteReader, isDense: boolean, localMap: number): number {
  const map = isDense ? ~localMap & 0xffff : reader.uint16()
  if (map === 0 || (map & localMap) !== 0) {
    reader.fail('maps of a branch that overlap, or name nothing')
  }
  return map
}

export function popCount(map: number): number {
  let bits = map - ((map >>> 1) & 0x5555)
  bits = (bits & 0x3333) + ((bits >>> 2) & 0x3333)
  bits = (bits + (bits >>> 4)) & 0x0f0f
  return (bits + (bits >>> 8)) & 0x1f
}

/** Up to 24 bits are read with shifts, more of them bit by bit. */
const SHIFT_BITS = 24

/** Bits [start, start + width) of the bytes from `at` on, low bits first. The caller knows that they are there. */
function readBits(bytes: Uint8Array, at: number, start: number, width: number): number {
  const first = at + (start >>> 3)
  const shift = start & 7
  if (width <= SHIFT_BITS) {
    const word =
      bytes[first]! |
      ((bytes[first + 1] ?? 0) << 8) |
      ((bytes[first + 2] ?? 0) << 16) |
      ((bytes[first + 3] ?? 0) << 24)
    return (word >>> shift) & ((1 << width) - 1)
  }
  let value = 0
  for (let bit = width - 1; bit >= 0; bit--) {
    const place = shift + bit
    value = value * 2 + ((bytes[first + (place >>> 3)]! >>> (place & 7)) & 1)
  }
  return value
}

export const SLOTS: readonly number[] = Array.from({ length: FANOUT }, (_, slot) => slot)
