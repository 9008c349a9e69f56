// NodeFile: tree nodes in fixed records, by nodeIndex. Reads go to what changed since the half was started
// (`dirty`), then to what a checkpoint is writing (`frozen`), then to cached pages. Only a checkpoint writes.
// Owner: the core's state. Design: reliability.md sections 4.2 and 5.6.
//
// Record, at nodeIndex × 48; all zeros = absent:
//   byteLength u64 | hash 32 | CRC u32 over (nodeIndex u64 | byteLength u64 | hash 32) | 4 spare
// Example, node 2 over 7 bytes with a hash of 32 × ab, at byte 96:
//   0700000000000000 abab…ab df0756b3 00000000

import { HASH_BYTES } from '../crypto/hash.ts'
import { depthOf, endOf, leafOf, parentOf } from '../merkle/flat-tree.ts'
import { HashSlab } from '../merkle/hash-slab.ts'
import type { Node } from '../merkle/node.ts'
import { readUint32, readUint64, writeUint64 } from '../util/codec.ts'
import { shortChecksum } from './checksum.ts'
import { NODE_BYTES, NODE_PAGE_BYTES } from './constants.ts'
import type { File } from './file.ts'
import type { NodeSource } from './node-source.ts'
import { isZero, type Page, type PageCache, PagedFile } from './page-cache.ts'
import { ScatteredWrites } from './scattered-writes.ts'

const NODES_PER_PAGE = NODE_PAGE_BYTES / NODE_BYTES
const CRC_OFFSET = 40

interface Layer {
  /** null: dropped. */
  readonly nodes: Map<number, Node | null>
  /** Nodes from here on that are not in `nodes` are dropped, whatever lies below this layer. */
  wipedFrom: number
}

export class NodeFile implements NodeSource {
  readonly #pages: PagedFile
  readonly #onDamage: (byteOffset: number) => void
  #dirty: Layer = emptyLayer()
  #frozen: Layer | null = null

  /** onDamage: a record's checksum does not fit; the node counts as absent. */
  constructor(file: File, cache: PageCache, onDamage: (byteOffset: number) => void) {
    this.#pages = new PagedFile(file, NODE_PAGE_BYTES, cache, NODE_BYTES)
    this.#onDamage = onDamage
  }

  put(node: Node): void {
    this.#dirty.nodes.set(node.nodeIndex, node)
  }

  /** Drops all nodes that span beyond that many blocks. */
  cut(length: number): void {
    const dirty = this.#dirty
    const from = leafOf(length)
    for (const nodeIndex of dirty.nodes.keys()) {
      if (nodeIndex >= from) dirty.nodes.delete(nodeIndex)
    }
    dirty.wipedFrom = Math.min(dirty.wipedFrom, from)
    if (length === 0) return
    let nodeIndex = parentOf(leafOf(length - 1))
    while (depthOf(nodeIndex) < 53) {
      if (nodeIndex < from && endOf(nodeIndex) > length) dirty.nodes.set(nodeIndex, null)
      nodeIndex = parentOf(nodeIndex)
    }
  }

  /** Drops the nodes [start, end) but one, damaged records too. */
  async dropRange(start: number, end: number, keep: number): Promise<void> {
    const { nodes } = this.#dirty
    for (const nodeIndex of [...nodes.keys()]) {
      if (nodeIndex >= start && nodeIndex < end && nodeIndex !== keep) nodes.set(nodeIndex, null)
    }
    const last = Math.min(end, Math.ceil(this.#pages.file.byteLength / NODE_BYTES))
    for (let nodeIndex = start; nodeIndex < last; nodeIndex++) {
      const page = await this.#pages.load(pageOf(nodeIndex))
      const offset = (nodeIndex % NODES_PER_PAGE) * NODE_BYTES
      if (nodeIndex === keep || isZero(page.bytes.subarray(offset, offset + NODE_BYTES))) continue
      nodes.set(nodeIndex, null)
    }
  }

  /** Forgets what was read: the next reads see the file as it is. */
  reload(): void {
    this.#pages.drop(0, this.#pages.file.byteLength)
  }

  async getNodes(nodeIndexes: readonly number[]): Promise<(Node | null)[]> {
    const nodes: (Node | null)[] = []
    const slab = new HashSlab(nodeIndexes.length)
    for (const nodeIndex of nodeIndexes) {
      let node = this.#findInto(nodeIndex, slab)
      if (node === undefined) {
        const page = await this.#pages.load(pageOf(nodeIndex))
        node = this.#fromPage(page, nodeIndex, slab.take())
      }
      nodes.push(node)
    }
    return nodes
  }

  peekNode(nodeIndex: number): Node | null {
    return this.find(nodeIndex) ?? null
  }

  /** undefined: its page has to be loaded first. */
  find(nodeIndex: number): Node | null | undefined {
    return this.#findInto(nodeIndex, null)
  }

  /** The byteLength of a node without making the Node; -1: absent; undefined as for find. */
  findByteLength(nodeIndex: number): number | undefined {
    const changed = this.#changed(nodeIndex)
    if (changed !== undefined) return changed === null ? -1 : changed.byteLength
    const page = this.#pages.getNow(pageOf(nodeIndex))
    if (page === null) return undefined
    const offset = (nodeIndex % NODES_PER_PAGE) * NODE_BYTES
    return this.#isSound(page, nodeIndex, offset) ? readUint64(page.bytes, offset) : -1
  }

  async load(nodeIndex: number): Promise<void> {
    await this.#pages.load(pageOf(nodeIndex))
  }

  get hasChanges(): boolean {
    return this.#dirty.nodes.size > 0 || this.#dirty.wipedFrom !== Number.POSITIVE_INFINITY
  }

  /** What changed so far becomes the content of the next flush. */
  freeze(): void {
    this.#frozen = this.#dirty
    this.#dirty = emptyLayer()
  }

  /** Writes what was frozen, unsynced. @throws StorageError */
  async flush(): Promise<void> {
    const layer = this.#frozen
    if (layer === null) return
    await this.#wipe(layer.wipedFrom)
    const nodeIndexes = Float64Array.from(layer.nodes.keys()).sort()
    const writes = new ScatteredWrites(this.#pages.file)
    let run: Uint8Array[] = []
    let runStart = 0
    let runEnd = 0
    for (let i = 0; i < nodeIndexes.length; ) {
      const pageNumber = pageOf(nodeIndexes[i]!)
      const page = await this.#pages.load(pageNumber)
      this.#pages.changed()
      const first = nodeIndexes[i]!
      let last = first
      for (; i < nodeIndexes.length && pageOf(nodeIndexes[i]!) === pageNumber; i++) {
        last = nodeIndexes[i]!
        this.#patch(page, last, layer.nodes.get(last) ?? null)
      }
      const start = first * NODE_BYTES
      const end = (last + 1) * NODE_BYTES
      if (start !== runEnd) {
        await writes.write(runStart, run)
        run = []
        runStart = start
      }
      run.push(
        page.bytes.subarray(start % NODE_PAGE_BYTES, (start % NODE_PAGE_BYTES) + end - start)
      )
      runEnd = end
    }
    await writes.write(runStart, run)
  }

  /** What was frozen is on the disk. */
  thaw(): void {
    this.#frozen = null
  }

  /** The flush failed: what was frozen is to be written again, under what changed since. */
  unfreeze(): void {
    const frozen = this.#frozen
    if (frozen === null) return
    const dirty = this.#dirty
    for (const [nodeIndex, node] of frozen.nodes) {
      if (nodeIndex < dirty.wipedFrom && !dirty.nodes.has(nodeIndex)) {
        dirty.nodes.set(nodeIndex, node)
      }
    }
    dirty.wipedFrom = Math.min(dirty.wipedFrom, frozen.wipedFrom)
    this.#frozen = null
  }

  close(): void {
    this.#pages.close()
  }

  #changed(nodeIndex: number): Node | null | undefined {
    const dirty = this.#dirty
    if (dirty.nodes.size > 0) {
      const node = dirty.nodes.get(nodeIndex)
      if (node !== undefined) return node
    }
    if (nodeIndex >= dirty.wipedFrom) return null
    const frozen = this.#frozen
    if (frozen !== null) {
      const node = frozen.nodes.get(nodeIndex)
      if (node !== undefined) return node
      if (nodeIndex >= frozen.wipedFrom) return null
    }
    return (nodeIndex + 1) * NODE_BYTES > this.#pages.file.byteLength ? null : undefined
  }

  /** As find; a hash from a page is put into the slab's bytes, if there is one. */
  #findInto(nodeIndex: number, slab: HashSlab | null): Node | null | undefined {
    const changed = this.#changed(nodeIndex)
    if (changed !== undefined) return changed
    const page = this.#pages.getNow(pageOf(nodeIndex))
    if (page === null) return undefined
    return this.#fromPage(page, nodeIndex, slab === null ? new Uint8Array(HASH_BYTES) : slab.take())
  }

  /** The hash is copied: a page changes under whoever holds a view of it. */
  #fromPage(page: Page, nodeIndex: number, hash: Uint8Array): Node | null {
    const offset = (nodeIndex % NODES_PER_PAGE) * NODE_BYTES
    if (!this.#isSound(page, nodeIndex, offset)) return null
    const start = offset + CRC_OFFSET - HASH_BYTES
    for (let at = 0; at < HASH_BYTES; at++) hash[at] = page.bytes[start + at]!
    return { nodeIndex, byteLength: readUint64(page.bytes, offset), hash }
  }

  /** Checked once per record and time its page is read. */
  #isSound(page: Page, nodeIndex: number, offset: number): boolean {
    const slot = nodeIndex % NODES_PER_PAGE
    const bit = 1 << (slot & 7)
    if ((page.checked[slot >>> 3]! & bit) !== 0) return true
    const stored = readUint32(page.bytes, offset + CRC_OFFSET)
    if (stored === 0 && isZero(page.bytes.subarray(offset, offset + NODE_BYTES))) return false
    if (stored !== recordChecksum(nodeIndex, page.bytes, offset)) {
      this.#onDamage(nodeIndex * NODE_BYTES)
      return false
    }
    page.checked[slot >>> 3]! |= bit
    return true
  }

  #patch(page: Page, nodeIndex: number, node: Node | null): void {
    const slot = nodeIndex % NODES_PER_PAGE
    const { bytes } = page
    const offset = slot * NODE_BYTES
    if (node === null) {
      bytes.fill(0, offset, offset + NODE_BYTES)
      page.checked[slot >>> 3]! &= ~(1 << (slot & 7))
      return
    }
    writeUint64(bytes, offset, node.byteLength)
    bytes.set(node.hash, offset + 8)
    writeUint32(bytes, offset + CRC_OFFSET, recordChecksum(nodeIndex, bytes, offset))
    writeUint32(bytes, offset + CRC_OFFSET + 4, 0)
    page.checked[slot >>> 3]! |= 1 << (slot & 7)
  }

  async #wipe(fromNode: number): Promise<void> {
    const { file } = this.#pages
    const end = fromNode * NODE_BYTES
    if (end >= file.byteLength) return
    const before = file.byteLength
    await file.truncate(end)
    this.#pages.drop(end, before - end)
  }
}

/**
 * Whether the file holds sound nodes of a longer log than that, at its end or next to it. Checkpoints write only
 * what the oplog holds, synced: if it knows less, it is older than the file.
 */
export async function reachesBeyond(file: File, length: number): Promise<boolean> {
  const first = leafOf(length)
  const count = Math.floor(file.byteLength / NODE_BYTES)
  if (first >= count) return false
  for (const start of [first, Math.max(first, count - NODES_PER_PAGE)]) {
    const records = Math.min(NODES_PER_PAGE, count - start)
    const bytes = await file.read(start * NODE_BYTES, records * NODE_BYTES)
    for (let i = 0; i < records; i++) {
      const offset = i * NODE_BYTES
      if (isZero(bytes.subarray(offset, offset + NODE_BYTES))) continue
      if (readUint32(bytes, offset + CRC_OFFSET) === recordChecksum(start + i, bytes, offset)) {
        return true
      }
    }
  }
  return false
}

const position = new Uint8Array(8)

function recordChecksum(nodeIndex: number, bytes: Uint8Array, offset: number): number {
  writeUint64(position, 0, nodeIndex)
  return shortChecksum(bytes, offset, offset + CRC_OFFSET, shortChecksum(position, 0, 8))
}

function emptyLayer(): Layer {
  return { nodes: new Map(), wipedFrom: Number.POSITIVE_INFINITY }
}

function pageOf(nodeIndex: number): number {
  return Math.floor(nodeIndex / NODES_PER_PAGE)
}

function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value
  bytes[offset + 1] = value >>> 8
  bytes[offset + 2] = value >>> 16
  bytes[offset + 3] = value >>> 24
}
