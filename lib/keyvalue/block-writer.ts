// Blocks, written: headers of commits and pages forwards, nodes from their end to their begin, since a node's size comes
// before it (spec hamt.md sections 5.4 to 5.6).
import { assert } from '../util/assert.ts'
import { commonComponents } from './common.ts'
import { MAX_READ_BLOCK_BYTES, MAX_WRITTEN_BLOCK_BYTES, NO_POINTERS } from './constants.ts'
import {
  CHECKPOINT_FLAG,
  type CheckpointFields,
  COMMIT,
  COMMON_FLAG,
  DELETIONS_FLAG,
  type Deletion,
  FINAL_FLAG,
  PAGE,
  ROOT_FLAG,
  VALUE
} from './fragment.ts'
import type { Key } from './key.ts'
import {
  ALIAS_FLAG,
  BLOCKS_VALUE,
  BRANCH,
  BRANCH_OF_ONE,
  DENSE_FLAG,
  EMPTY_VALUE,
  FRAME_FLAG,
  INLINE_VALUE,
  LINK,
  LONG_GAP,
  ORIGIN_FLAG,
  PREV_FLAG,
  SHARED_FLAG
} from './node.ts'
import { AliasNode, TrieBranch, TrieLeaf, type TrieNode, UNSAVED } from './trie.ts'
import { encodeVarint, varintBytes } from './varint.ts'

export interface BlockParts {
  readonly seq: number
  readonly lead: number
  readonly root: TrieNode | null
  readonly deletions?: readonly Deletion[]
}

export interface CommitParts extends BlockParts {
  /** Live keys. */
  readonly count: number
  readonly checkpoint: CheckpointFields | null
}

export interface PageParts extends BlockParts {
  readonly isFinal?: boolean
}

export function writeCommit(parts: CommitParts): Uint8Array {
  const body = new NodeWriter(parts)
  const { count, checkpoint } = parts
  const flags = COMMIT | (checkpoint === null ? 0 : CHECKPOINT_FLAG)
  const head = body.beginHead(flags, parts)
  head.varint(count)
  if (checkpoint !== null) writeCheckpoint(head, checkpoint, parts.seq)
  return body.finish(head, parts)
}

export function writePage(parts: PageParts): Uint8Array {
  const body = new NodeWriter(parts)
  const head = body.beginHead(PAGE | (parts.isFinal === true ? FINAL_FLAG : 0), parts)
  return body.finish(head, parts)
}

export function writeValueBlock(lead: number, chunk: Uint8Array): Uint8Array {
  const block = new Uint8Array(1 + varintBytes(lead) + chunk.byteLength)
  block[0] = VALUE
  block.set(chunk, encodeVarint(block, 1, lead))
  return block
}

function writeCheckpoint(head: ForwardWriter, fields: CheckpointFields, seq: number): void {
  head.varint(seq - fields.newest)
  if (fields.newest === seq) head.varint(seq - (fields.floor ?? seq))
  head.byte(fields.spans.length)
  let before = fields.newest
  for (const { checkpoint, level, digits, base } of fields.spans) {
    head.varint(before - checkpoint)
    before = checkpoint
    head.varint(level)
    head.byte(digits)
    head.varint(checkpoint - base)
  }
}

/** Headers and nodes that are under way; a block is made in one go, so one piece of memory serves all. */
const scratch = new Uint8Array(2 * MAX_READ_BLOCK_BYTES)
/** Heads are written in front of what nodes can take. */
const HEAD_ROOM_BYTES = MAX_READ_BLOCK_BYTES

class ForwardWriter {
  at = 0

  byte(value: number): void {
    scratch[this.at++] = value
  }

  varint(value: number): void {
    this.at = encodeVarint(scratch, this.at, value)
  }

  components(key: Key): void {
    this.varint(key.length)
    for (const component of key) {
      this.varint(component.byteLength)
      scratch.set(component, this.at)
      this.at += component.byteLength
    }
  }
}

interface SlotParts {
  localMap: number
  pointerMap: number
  readonly ages: number[]
  readonly sizes: number[]
}

/** Writes the nodes below a root, each in front of what was written before. */
class NodeWriter {
  readonly #seq: number
  readonly #common: Key
  #at = scratch.byteLength

  constructor({ seq, root }: BlockParts) {
    this.#seq = seq
    this.#common = root === null ? [] : commonComponents(root)
    if (root !== null) this.#node(root, -1)
  }

  beginHead(flags: number, { lead, root, deletions = [] }: BlockParts): ForwardWriter {
    const head = new ForwardWriter()
    head.byte(
      flags |
        (root === null ? 0 : ROOT_FLAG) |
        (deletions.length === 0 ? 0 : DELETIONS_FLAG) |
        (this.#common.length === 0 ? 0 : COMMON_FLAG)
    )
    head.varint(lead)
    return head
  }

  finish(head: ForwardWriter, { deletions = [] }: BlockParts): Uint8Array {
    if (deletions.length > 0) {
      head.varint(deletions.length)
      for (const { key, version } of deletions) {
        head.components(key)
        head.varint(this.#seq - version)
      }
    }
    if (this.#common.length > 0) head.components(this.#common)
    const bodyBytes = scratch.byteLength - this.#at
    const block = new Uint8Array(head.at + bodyBytes)
    assert(block.byteLength <= MAX_WRITTEN_BLOCK_BYTES, 'a block is split before it gets too long')
    block.set(scratch.subarray(0, head.at))
    block.set(scratch.subarray(this.#at), head.at)
    return block
  }

  #node(node: TrieNode, parentLevel: number): void {
    assert(this.#at > HEAD_ROOM_BYTES, 'a block is split before it gets too long')
    if (node instanceof TrieLeaf) this.#leaf(node)
    else if (node instanceof TrieBranch) this.#branch(node, parentLevel)
    else if (node instanceof AliasNode) {
      this.#varint(this.#seq - node.target)
      this.#byte(LINK | ALIAS_FLAG)
    } else {
      const { level, digits, base } = node.span
      this.#varint(this.#seq - base)
      this.#byte(digits)
      this.#varint(level - parentLevel - 1)
      this.#byte(LINK)
    }
  }

  #leaf(leaf: TrieLeaf): void {
    const { key, value, prev, version } = leaf
    leaf.writtenIn = this.#seq
    let tag = 0
    if ('inline' in value) {
      const { inline } = value
      tag = (inline.byteLength === 0 ? EMPTY_VALUE : INLINE_VALUE) << 2
      if (inline.byteLength > 0) this.#sized(inline)
    } else {
      tag = BLOCKS_VALUE << 2
      this.#varint(value.byteLength)
      this.#varint(this.#seq - value.first)
    }
    if (version !== UNSAVED) {
      tag |= ORIGIN_FLAG
      this.#varint(this.#seq - version)
    }
    if (prev !== 0) {
      tag |= PREV_FLAG
      this.#varint(this.#seq - prev)
    }
    const shared = this.#common.length
    for (let i = key.length - 1; i >= shared; i--) this.#sized(key[i]!)
    this.#varint(key.length - shared)
    if (shared > 0) {
      tag |= SHARED_FLAG
      this.#varint(shared)
    }
    this.#byte(tag)
  }

  #branch({ level, slots }: TrieBranch, parentLevel: number): void {
    const { localMap, pointerMap, ages, sizes } = this.#slots(level, slots)
    // Those in front come last: all but the last child's.
    for (let i = 1; i < sizes.length; i++) this.#varint(sizes[i]!)
    const widths = this.#pointers(ages.reverse())
    const isDense = ages.length > 0 && (pointerMap | localMap) === 0xffff
    if (ages.length > 0 && !isDense) this.#uint16(pointerMap)
    if (sizes.length !== 1) this.#uint16(localMap)
    const gap = level - parentLevel - 1
    if (gap >= LONG_GAP) this.#varint(gap)
    this.#byte(widths.width | (Math.min(gap, LONG_GAP) << 6))
    const kind = sizes.length === 1 ? BRANCH_OF_ONE | (lowestSlot(localMap) << 4) : BRANCH
    this.#byte(kind | (isDense ? DENSE_FLAG : 0) | (widths.hasFrame ? FRAME_FLAG : 0))
  }

  /** Writes the children, the last first; ages and sizes come in the same order. */
  #slots(level: number, slots: TrieBranch['slots']): SlotParts {
    const parts: SlotParts = { localMap: 0, pointerMap: 0, ages: [], sizes: [] }
    for (let slot = slots.length - 1; slot >= 0; slot--) {
      const child = slots[slot]!
      if (child === null) continue
      const target = typeof child === 'number' ? child : child.source
      if (typeof child === 'number' || target !== UNSAVED) {
        parts.pointerMap |= 1 << slot
        parts.ages.push(this.#seq - target)
      } else {
        parts.localMap |= 1 << slot
        const end = this.#at
        this.#node(child, level)
        parts.sizes.push(end - this.#at)
      }
    }
    return parts
  }

  /** Ages in slot order, packed; framed exactly if that is shorter. */
  #pointers(ages: readonly number[]): { width: number; hasFrame: boolean } {
    if (ages.length === 0) return { width: NO_POINTERS, hasFrame: false }
    const max = Math.max(...ages)
    const min = Math.min(...ages)
    const plain = bitsOf(max)
    const framed = bitsOf(max - min)
    const plainBytes = Math.ceil((ages.length * plain) / 8)
    const framedBytes = Math.ceil((ages.length * framed) / 8) + varintBytes(min)
    const hasFrame = framedBytes < plainBytes
    const width = hasFrame ? framed : plain
    this.#packed(ages, width, hasFrame ? min : 0)
    if (hasFrame) this.#varint(min)
    return { width, hasFrame }
  }

  #packed(ages: readonly number[], width: number, min: number): void {
    const byteLength = Math.ceil((ages.length * width) / 8)
    this.#at -= byteLength
    scratch.fill(0, this.#at, this.#at + byteLength)
    let bit = 0
    for (const age of ages) {
      writeBits(this.#at, bit, age - min, width)
      bit += width
    }
  }

  #byte(value: number): void {
    scratch[--this.#at] = value
  }

  #uint16(value: number): void {
    this.#byte(value >>> 8)
    this.#byte(value & 0xff)
  }

  #varint(value: number): void {
    this.#at -= varintBytes(value)
    encodeVarint(scratch, this.#at, value)
  }

  #sized(bytes: Uint8Array): void {
    this.#at -= bytes.byteLength
    scratch.set(bytes, this.#at)
    this.#varint(bytes.byteLength)
  }
}

/** Up to 24 bits fit into a word with those before them in their first byte. */
const SHIFT_BITS = 24

/** Into zeroed bytes from `at` on. */
function writeBits(at: number, start: number, value: number, width: number): void {
  if (width <= SHIFT_BITS) {
    let first = at + (start >>> 3)
    for (let word = value << (start & 7); word !== 0; word >>>= 8) scratch[first++]! |= word & 0xff
    return
  }
  let rest = value
  let bit = start
  let left = width
  while (left > 0) {
    const shift = bit & 7
    const count = Math.min(8 - shift, left)
    const scale = 2 ** count
    const low = rest % scale
    scratch[at + (bit >>> 3)] = scratch[at + (bit >>> 3)]! | (low << shift)
    rest = (rest - low) / scale
    bit += count
    left -= count
  }
}

function bitsOf(value: number): number {
  return value < 2 ** 31 ? 32 - Math.clz32(value) : Math.floor(Math.log2(value)) + 1
}

function lowestSlot(map: number): number {
  return 31 - Math.clz32(map & -map)
}
