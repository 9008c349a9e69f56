// The bodies of oplog entries: headers, which state everything, and changes (reliability.md section 4.3).
//
// header:  uint fork | uint length | uint byteLength | 32 root hash | buffer signature | list roots
//          | buffer manifest (empty: unknown) | uint contiguous length | buffer user data (user-data.ts; may be empty)
//          | standing (standing.ts; may be left out: nothing is amiss)
// change:  u8 kind | parts, as kind says, in this order:
//   0 user data, alone (user-data.ts)
//   1 head      uint fork | uint length | uint byteLength | 32 root hash | buffer signature
//               | unless append: uint ancestor | list roots
//   2 manifest  buffer
//   4 presence  uint start | uint count | (8 set: present)
//   16 nodes    list of nodes
//   32 blocks   uint byteOffset | uint count | uint length of each
//               | if append and outside: 32 leaf hash of each | if inside: the bytes of all
//   128 standing (standing.ts)
//   64 append   the blocks are the new end of the log; nodes and presence follow from them and are left out
// node: uint nodeIndex | uint byteLength | 32 hash. Limits: 65,536 nodes, 4,096 bytes of signature without
// patches (64 KiB in all), 64 KiB more than user data for a manifest, MAX_BLOCKS_PER_APPEND blocks.
// Example, clear of blocks 2 and 3: 04 02 02. Present block 1 at byte 3, "hi", without nodes: 2c 01 01 03 01 02 6869
import { StorageError } from '../errors.ts'
import { isLeaf } from '../merkle/flat-tree.ts'
import { type Node, nodeCodec } from '../merkle/node.ts'
import type { Tree } from '../merkle/tree.ts'
import type { EntryBody } from '../storage/oplog.ts'
import { FLAG_HEADER, FLAG_OUTSIDE } from '../storage/oplog-format.ts'
import { emptyBytes } from '../util/bytes.ts'
import {
  buffer,
  type Codec,
  type CodecState,
  decode,
  decodeAt,
  encode,
  fixed32,
  list,
  uint
} from '../util/codec.ts'
import type { Change, SignedTree } from './change.ts'
import { MAX_BLOCKS_PER_APPEND } from './constants.ts'
import { GOOD_STANDING, type Standing, standingCodec } from './histories/standing.ts'
import {
  NO_USER_DATA,
  type UserData,
  type UserDataChange,
  userDataChangeCodec,
  userDataCodec
} from './user-data.ts'

const KIND_USER_DATA = 0
const KIND_HEAD = 1
const KIND_MANIFEST = 2
const KIND_PRESENCE = 4
const KIND_PRESENT = 8
const KIND_NODES = 16
const KIND_BLOCKS = 32
const KIND_APPEND = 64
const KIND_STANDING = 128

const MAX_NODES = 65_536
const nodeList = list(nodeCodec, MAX_NODES)

export interface StoredHead {
  readonly fork: number
  readonly length: number
  readonly byteLength: number
  readonly rootHash: Uint8Array
  readonly signature: Uint8Array
}

export interface StoredHeader extends StoredHead {
  readonly roots: readonly Node[]
  readonly manifest: Uint8Array | null
  readonly contiguousLength: number
  readonly userData: UserData
  readonly standing: Standing
}

export interface StoredBlocks {
  readonly byteOffset: number
  readonly byteLengths: readonly number[]
  /** Of an append outside; else empty. */
  readonly leafHashes: readonly Uint8Array[]
  /** The bytes one behind the other; null: outside. */
  readonly bytes: Uint8Array | null
}

export interface StoredChange {
  readonly head: StoredHead | null
  readonly ancestor: number | null
  readonly roots: readonly Node[] | null
  readonly manifest: Uint8Array | null
  readonly presence: { start: number; length: number; present: boolean } | null
  readonly nodes: readonly Node[]
  readonly blocks: StoredBlocks | null
  readonly standing: Standing | null
  readonly userData: UserDataChange | null
  readonly isAppend: boolean
}

const storedHead: Codec<StoredHead> = {
  preencode(state, head) {
    uint.preencode(state, head.fork)
    uint.preencode(state, head.length)
    uint.preencode(state, head.byteLength)
    fixed32.preencode(state, head.rootHash)
    buffer.preencode(state, head.signature)
  },
  encode(state, head) {
    uint.encode(state, head.fork)
    uint.encode(state, head.length)
    uint.encode(state, head.byteLength)
    fixed32.encode(state, head.rootHash)
    buffer.encode(state, head.signature)
  },
  decode(state) {
    return {
      fork: uint.decode(state),
      length: uint.decode(state),
      byteLength: uint.decode(state),
      rootHash: fixed32.decode(state),
      signature: buffer.decode(state)
    }
  }
}

/** What a header states: all that the files do not. */
export interface HeaderState {
  readonly head: SignedTree
  readonly manifest: Uint8Array | null
  readonly contiguousLength: number
  readonly userData: UserData
  readonly standing: Standing
}

/** The header entry for a state. */
export function headerBody(header: HeaderState): EntryBody {
  const { head, manifest, contiguousLength, userData, standing } = header
  const dataBytes = userData.size === 0 ? emptyBytes : encode(userDataCodec, userData)
  const stored = storedHeadOf(head)
  const { roots } = head.tree
  const put = (state: CodecState, run: 'preencode' | 'encode'): void => {
    storedHead[run](state, stored)
    nodeList[run](state, roots)
    buffer[run](state, manifest ?? emptyBytes)
    uint[run](state, contiguousLength)
    buffer[run](state, dataBytes)
    standingCodec[run](state, standing)
  }
  return entryBody(FLAG_HEADER, put)
}

/** @throws StorageError CORRUPT */
export function decodeHeader(body: Uint8Array): StoredHeader {
  return decodeBody(body, (state) => {
    const head = storedHead.decode(state)
    const roots = nodeList.decode(state)
    const manifest = buffer.decode(state)
    const contiguousLength = uint.decode(state)
    const dataBytes = buffer.decode(state)
    const userData = dataBytes.byteLength === 0 ? NO_USER_DATA : decode(userDataCodec, dataBytes)
    const standing = state.start < state.end ? standingCodec.decode(state) : GOOD_STANDING
    return {
      ...head,
      roots,
      manifest: manifest.byteLength === 0 ? null : manifest,
      contiguousLength,
      userData,
      standing
    }
  })
}

/** An entry for a change. Inline bytes lie in the entry; `inlineBytes` gives the view of them once written. */
export class ChangeBody implements EntryBody {
  readonly byteLength: number
  readonly flags: number
  readonly #change: Change
  readonly #blockBytes: number
  readonly #outside: boolean
  #inline: Uint8Array | null = null

  constructor(change: Change, blockBytes: number, outside: boolean) {
    this.#change = change
    this.#outside = outside && blockBytes > 0
    this.#blockBytes = blockBytes
    this.flags = this.#outside ? FLAG_OUTSIDE : 0
    const state: CodecState = { start: 0, end: 0, buffer: emptyBytes }
    this.#put(state, 'preencode')
    this.byteLength = state.end + (this.#outside ? 0 : blockBytes)
  }

  get blocks(): Change['blocks'] {
    return this.#change.blocks
  }

  get isOutside(): boolean {
    return this.#outside
  }

  /** The block bytes within the written entry; null if there are none inside. */
  get inlineBytes(): Uint8Array | null {
    return this.#inline
  }

  write(target: Uint8Array): void {
    const state: CodecState = { start: 0, end: target.byteLength, buffer: target }
    this.#put(state, 'encode')
    const { blocks } = this.#change
    if (this.#outside || blocks === null) return
    let at = state.start
    for (const part of blocks.parts) {
      target.set(part, at)
      at += part.byteLength
    }
    this.#inline = target.subarray(at - this.#blockBytes, at)
  }

  #put(state: CodecState, run: 'preencode' | 'encode'): void {
    const change = this.#change
    if (run === 'preencode') state.end++
    else state.buffer[state.start++] = kindOf(change)
    if (change.userData !== null) userDataChangeCodec[run](state, change.userData)
    if (change.head !== null) {
      storedHead[run](state, storedHeadOf(change.head))
      if (!change.isAppend) {
        uint[run](state, change.ancestor)
        nodeList[run](state, change.head.tree.roots)
      }
    }
    if (change.manifest !== null) buffer[run](state, change.manifest)
    if (!change.isAppend) {
      if (change.presence !== null) {
        uint[run](state, change.presence.start)
        uint[run](state, change.presence.length)
      }
      if (change.nodes.length > 0) nodeList[run](state, change.nodes)
    }
    if (change.standing !== null) standingCodec[run](state, change.standing)
    if (change.blocks !== null) this.#putBlocks(state, run, change.blocks)
  }

  #putBlocks(
    state: CodecState,
    run: 'preencode' | 'encode',
    blocks: NonNullable<Change['blocks']>
  ): void {
    uint[run](state, blocks.byteOffset)
    uint[run](state, blocks.parts.length)
    for (const part of blocks.parts) uint[run](state, part.byteLength)
    if (!this.#outside || !this.#change.isAppend) return
    for (const node of this.#change.nodes) {
      if (isLeaf(node.nodeIndex)) fixed32[run](state, node.hash)
    }
  }
}

/** @param isOutside the flag of the entry. @throws StorageError CORRUPT */
export function decodeChange(body: Uint8Array, isOutside: boolean): StoredChange {
  return decodeBody(body, (state) => {
    const kind = body[state.start++] ?? 0
    const userData = kind === KIND_USER_DATA ? userDataChangeCodec.decode(state) : null
    const isAppend = (kind & KIND_APPEND) !== 0
    const cut = decodeStoredHead(state, kind)
    const manifest = (kind & KIND_MANIFEST) === 0 ? null : buffer.decode(state)
    const presence = (kind & KIND_PRESENCE) === 0 ? null : decodePresence(state, kind)
    const nodes = (kind & KIND_NODES) === 0 ? [] : nodeList.decode(state)
    const standing = (kind & KIND_STANDING) === 0 ? null : standingCodec.decode(state)
    const blocks = (kind & KIND_BLOCKS) === 0 ? null : decodeBlocks(state, isAppend, isOutside)
    return { ...cut, manifest, presence, nodes, blocks, standing, userData, isAppend }
  })
}

function decodeStoredHead(
  state: CodecState,
  kind: number
): Pick<StoredChange, 'head' | 'ancestor' | 'roots'> {
  if ((kind & KIND_HEAD) === 0) return { head: null, ancestor: null, roots: null }
  const head = storedHead.decode(state)
  if ((kind & KIND_APPEND) !== 0) return { head, ancestor: null, roots: null }
  return { head, ancestor: uint.decode(state), roots: nodeList.decode(state) }
}

function decodePresence(state: CodecState, kind: number): StoredChange['presence'] {
  const start = uint.decode(state)
  return { start, length: uint.decode(state), present: (kind & KIND_PRESENT) !== 0 }
}

function decodeBlocks(state: CodecState, isAppend: boolean, isOutside: boolean): StoredBlocks {
  const byteOffset = uint.decode(state)
  const count = uint.decode(state)
  if (count > MAX_BLOCKS_PER_APPEND) throw new Error(`${count} blocks in one entry`)
  const byteLengths: number[] = []
  const leafHashes: Uint8Array[] = []
  for (let i = 0; i < count; i++) byteLengths.push(uint.decode(state))
  if (isOutside) {
    for (let i = 0; isAppend && i < count; i++) leafHashes.push(fixed32.decode(state))
    return { byteOffset, byteLengths, leafHashes, bytes: null }
  }
  const total = byteLengths.reduce((sum, byteLength) => sum + byteLength, 0)
  if (total > state.end - state.start) throw new Error(`${total} block bytes do not fit`)
  const bytes = state.buffer.subarray(state.start, state.start + total)
  return { byteOffset, byteLengths, leafHashes, bytes }
}

function kindOf(change: Change): number {
  let kind = 0
  if (change.head !== null) kind |= KIND_HEAD
  if (change.manifest !== null) kind |= KIND_MANIFEST
  if (change.blocks !== null) kind |= KIND_BLOCKS
  if (change.standing !== null) kind |= KIND_STANDING
  if (change.isAppend) return kind | KIND_APPEND
  if (change.presence !== null) kind |= KIND_PRESENCE
  if (change.presence?.present === true) kind |= KIND_PRESENT
  if (change.nodes.length > 0) kind |= KIND_NODES
  return kind
}

function storedHeadOf({ tree, signature }: { tree: Tree; signature: Uint8Array }): StoredHead {
  const { fork, length, byteLength, rootHash } = tree
  return { fork, length, byteLength, rootHash, signature }
}

function entryBody(
  flags: number,
  put: (state: CodecState, run: 'preencode' | 'encode') => void
): EntryBody {
  const size: CodecState = { start: 0, end: 0, buffer: emptyBytes }
  put(size, 'preencode')
  return {
    byteLength: size.end,
    flags,
    write: (target) => put({ start: 0, end: target.byteLength, buffer: target }, 'encode')
  }
}

/** An entry whose checksum passed but whose body makes no sense was written by a fault of ours, or by malice. */
function decodeBody<T>(body: Uint8Array, run: (state: CodecState) => T): T {
  const codec: Codec<T> = { preencode() {}, encode() {}, decode: run }
  try {
    return decodeAt(codec, { start: 0, end: body.byteLength, buffer: body })
  } catch (error) {
    throw new StorageError('CORRUPT', 'oplog holds an entry that cannot be decoded', error)
  }
}
