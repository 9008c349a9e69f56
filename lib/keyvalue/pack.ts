// Pack: a changed trie becomes the blocks of one group: pages, and the commit last (spec hamt.md section 7.5).
import { type CommitParts, writeCommit, writePage } from './block-writer.ts'
import { FANOUT } from './constants.ts'
import type { CheckpointFields, Deletion } from './fragment.ts'
import { TrieBranch, TrieLeaf, type TrieNode, UNSAVED } from './trie.ts'
import { varintBytes } from './varint.ts'

/** A page that a run of children fills this far is not waited with. */
const FULL_ENOUGH = 0.6
/** Of a branch without its children. */
const BRANCH_BYTES = 6
const POINTER_BYTES = 2.5
/** Of a span or an alias. */
const LINK_BYTES = 6
/** Of a leaf beside its key and value. */
const LEAF_BYTES = 6

/** The blocks of one append, as they are made; each knows its number. */
export class Group {
  readonly blocks: Uint8Array[] = []
  /** Of the first block. */
  readonly first: number
  readonly #before: number

  /** @param before blocks of the append that do not belong to the group: a new log's header */
  constructor(first: number, before: number = 0) {
    this.first = first
    this.#before = before
  }

  get nextSeq(): number {
    return this.first + this.#before + this.lead
  }

  /** Of the next block: how many of the group come before it. */
  get lead(): number {
    return this.blocks.length
  }

  add(block: Uint8Array): number {
    const seq = this.nextSeq
    this.blocks.push(block)
    return seq
  }

  addPage(
    root: TrieNode | null,
    parts: { deletions?: readonly Deletion[]; isFinal?: boolean } = {}
  ): number {
    return this.add(writePage({ seq: this.nextSeq, lead: this.lead, root, ...parts }))
  }

  addCommit(parts: Omit<CommitParts, 'seq' | 'lead'>): number {
    return this.add(writeCommit({ seq: this.nextSeq, lead: this.lead, ...parts }))
  }
}

/** Bytes that a node takes in its block, about. */
export function leafBytes(leaf: TrieLeaf): number {
  let byteLength = LEAF_BYTES
  for (const component of leaf.key)
    byteLength += component.byteLength + varintBytes(component.byteLength)
  return byteLength + ('inline' in leaf.value ? leaf.value.inline.byteLength : 4)
}

/** Moves children into pages of their own until the node fits one; returns its estimated size in bytes. */
export function pack(node: TrieNode, group: Group, pageBytes: number): number {
  if (node instanceof TrieLeaf) return leafBytes(node)
  if (!(node instanceof TrieBranch)) return LINK_BYTES
  const sizes = new Array<number>(FANOUT).fill(0)
  let byteLength = BRANCH_BYTES
  node.slots.forEach((child, slot) => {
    if (child === null) return
    if (typeof child === 'number' || child.source !== UNSAVED) byteLength += POINTER_BYTES
    else {
      const size = pack(child, group, pageBytes)
      sizes[slot] = size
      byteLength += size
    }
  })
  return byteLength > pageBytes ? split(node, { sizes, byteLength, group, pageBytes }) : byteLength
}

function split(
  node: TrieBranch,
  {
    sizes,
    byteLength,
    group,
    pageBytes
  }: { sizes: number[]; byteLength: number; group: Group; pageBytes: number }
): number {
  let left = byteLength
  let run: number[] = []
  let runBytes = 0
  const flush = (): void => {
    if (run.length === 0) return
    const seq = group.addPage(pageOf(node, run))
    for (const slot of run) node.slots[slot] = seq
    left += run.length * POINTER_BYTES - runBytes
    run = []
    runBytes = 0
  }
  for (let slot = 0; slot < FANOUT; slot++) {
    const size = sizes[slot]!
    if (size === 0) continue
    if (runBytes + size > pageBytes) flush()
    run.push(slot)
    runBytes += size
    if (runBytes >= FULL_ENOUGH * pageBytes) flush()
  }
  if (left > pageBytes) flush()
  return left
}

/** The children of these slots: one alone, or under a branch that lacks the others, which nobody who comes here needs. */
function pageOf(node: TrieBranch, run: readonly number[]): TrieNode {
  const [first] = run
  const only = node.slots[first!]
  if (run.length === 1 && only !== null && typeof only === 'object') return only
  const slots = node.slots.map((child, slot) => (run.includes(slot) ? child : null))
  return new TrieBranch(node.level, slots)
}

export interface CommitFields {
  readonly root: TrieNode | null
  readonly deletions: readonly Deletion[]
  readonly count: number
  readonly checkpoint: CheckpointFields | null
}

/** Pages and the commit of a write. */
export function packGroup(
  group: Group,
  { root, deletions, ...fields }: CommitFields,
  pageBytes: number
): void {
  if (root !== null) pack(root, group, pageBytes)
  const pages = deletionPages(deletions, pageBytes)
  for (const page of pages.slice(0, -1)) group.addPage(null, { deletions: page })
  group.addCommit({ root, deletions: pages.at(-1) ?? [], ...fields })
}

function deletionPages(deletions: readonly Deletion[], pageBytes: number): Deletion[][] {
  const pages: Deletion[][] = []
  let page: Deletion[] = []
  let byteLength = 0
  for (const deletion of deletions) {
    let size = LEAF_BYTES
    for (const component of deletion.key) size += component.byteLength + 1
    if (page.length > 0 && byteLength + size > pageBytes) {
      pages.push(page)
      page = []
      byteLength = 0
    }
    page.push(deletion)
    byteLength += size
  }
  if (page.length > 0) pages.push(page)
  return pages
}
