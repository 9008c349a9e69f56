// Recovery: header and entries → CoreState, by the same apply that runs live. Only reads; what it finds is
// brought into the files afterwards by Committer.settle. Design: reliability.md sections 5.2 and 6, steps 5 and 6.
import { StorageError } from '../errors.ts'
import { TreeBatch } from '../merkle/batch.ts'
import { leafOf, rootsOf } from '../merkle/flat-tree.ts'
import { leafNode, type Node } from '../merkle/node.ts'
import { Tree } from '../merkle/tree.ts'
import type { LogFiles } from '../storage/log-files.ts'
import { type Entry, FLAG_OUTSIDE } from '../storage/oplog-format.ts'
import type { OplogPosition, OplogScan } from '../storage/oplog-scan.ts'
import { copyOf, equalBytes } from '../util/bytes.ts'
import { type Change, emptyChange, type SignedTree } from './change.ts'
import {
  decodeChange,
  decodeHeader,
  type StoredBlocks,
  type StoredChange,
  type StoredHead
} from './change-format.ts'
import { apply, CoreState, type Damage } from './state.ts'

interface Piece {
  readonly byteOffset: number
  readonly bytes: Uint8Array
}

/** What was replayed though it is not known to be synced. */
export interface Replayed {
  readonly changes: readonly { readonly seq: number; readonly change: Change }[]
  /** Their entries and the block bytes outside them, as they were read. */
  readonly oplog: readonly Piece[]
  readonly outside: readonly Piece[]
}

export const nothingReplayed: Replayed = { changes: [], oplog: [], outside: [] }

export interface Recovery {
  readonly state: CoreState
  readonly position: OplogPosition
  /** The half holds nothing but its header, and nothing was repaired. */
  readonly isClean: boolean
  /** The last head that is known to be synced. */
  readonly synced: SignedTree
  readonly replayed: Replayed
  /** Acknowledged entries are gone. */
  readonly lost: { readonly from: number; readonly to: number } | null
}

/** @throws StorageError CORRUPT, READ_FAILED */
export async function recover(
  files: LogFiles,
  scan: OplogScan,
  onDamage: (damage: Damage) => void
): Promise<Recovery> {
  const state = await CoreState.open(files, onDamage)
  const header = decodeHeader(scan.header.body)
  state.tree = treeOf(header, header.roots)
  state.signature = copyOf(header.signature)
  state.manifest = header.manifest === null ? null : copyOf(header.manifest)
  state.contiguousLength = Math.min(header.contiguousLength, header.length)
  let { position, lost } = scan
  let synced = state.head
  const changes: { seq: number; change: Change }[] = []
  const outside: Piece[] = []
  const all = scan.entries.map(storedChange)
  state.presence.replaying(true)
  for (const [i, entry] of scan.entries.entries()) {
    const wasSynced = entry.seq <= position.syncedSeq
    const done = await replay(state, files, all.slice(i), wasSynced)
    if (done === null) {
      // Never acknowledged if no sync of it is known, else lost. Numbers that were used are not used again.
      if (wasSynced) lost = { from: entry.seq, to: lost?.to ?? position.lastSeq }
      position = { ...position, lastSeq: entry.seq - 1, lastCrc: entry.previousCrc }
      break
    }
    if (wasSynced) synced = state.head
    else changes.push({ seq: entry.seq, change: done.change })
    if (done.outside !== null) outside.push(done.outside)
  }
  state.presence.replaying(false)
  const healed = await checkRoots(state, onDamage)
  const isClean = lost === null && !healed && isFresh(scan)
  if (lost !== null || scan.headerSkipped) {
    onDamage({ file: 'oplog', byteOffset: position.tail, index: null })
  }
  const oplog = unsyncedPieces(scan, position)
  return { state, position, isClean, lost, synced, replayed: { changes, oplog, outside } }
}

/** The half holds a header and nothing else, not even dropped entries. */
function isFresh({ entries, hasLeftovers, headerSkipped }: OplogScan): boolean {
  return entries.length === 0 && !hasLeftovers && !headerSkipped
}

/** The bytes of entries that are not known to be synced, in runs as they lie in the file. */
function unsyncedPieces(scan: OplogScan, position: OplogPosition): Piece[] {
  const pieces: { byteOffset: number; bytes: Uint8Array }[] = []
  for (const entry of [scan.header, ...scan.entries]) {
    if (entry.seq <= position.syncedSeq || entry.seq > position.lastSeq) continue
    pieces.push({ byteOffset: entry.byteOffset, bytes: entry.bytes })
  }
  return pieces
}

function storedChange(entry: Entry): StoredChange {
  return decodeChange(entry.body, (entry.flags & FLAG_OUTSIDE) !== 0)
}

/**
 * Replays the first of the changes; the others say what becomes of its blocks. Null: it does not fit, or its bytes
 * outside did not reach the disk.
 */
async function replay(
  state: CoreState,
  files: LogFiles,
  [stored, ...later]: readonly StoredChange[],
  wasSynced: boolean
): Promise<{ change: Change; outside: Piece | null } | null> {
  const change = stored === undefined ? null : restore(state, stored)
  if (stored === undefined || change === null) return null
  const { blocks } = stored
  let bytes = blocks?.bytes ?? null
  let outside: Piece | null = null
  if (blocks !== null && bytes === null && !wasSynced) {
    bytes = await readOutside(state, files, change, blocks, later)
    if (bytes === null) return null
    outside = { byteOffset: blocks.byteOffset, bytes }
  }
  apply(state, change, blocks?.bytes ?? null)
  return { change, outside }
}

/** The change that an entry stands for; null if it does not fit the state. */
function restore(state: CoreState, stored: StoredChange): Change | null {
  const manifest = stored.manifest === null ? null : copyOf(stored.manifest)
  if (stored.isAppend) return restoreAppend(state, stored, manifest)
  const { head, roots, ancestor } = stored
  const tree = head === null ? null : treeOf(head, roots ?? [])
  return {
    ...emptyChange(state.tree.length),
    nodes: stored.nodes,
    manifest,
    head: head === null || tree === null ? null : { tree, signature: copyOf(head.signature) },
    ancestor: ancestor ?? state.tree.length,
    presence: stored.presence,
    blocks: stored.blocks === null ? null : { byteOffset: stored.blocks.byteOffset, parts: [] }
  }
}

function restoreAppend(
  state: CoreState,
  { head, blocks }: StoredChange,
  manifest: Uint8Array | null
): Change | null {
  if (head === null || blocks === null) return null
  const start = state.tree.length
  const batch = new TreeBatch(state.tree)
  if (blocks.bytes === null) {
    for (let i = 0; i < blocks.byteLengths.length; i++) {
      const nodeIndex = leafOf(start + i)
      batch.appendNode({
        nodeIndex,
        byteLength: blocks.byteLengths[i]!,
        hash: copyOf(blocks.leafHashes[i]!)
      })
    }
  } else {
    batch.appendAll(split(blocks.bytes, blocks.byteLengths))
  }
  const tree = batch.tree()
  if (tree.fork !== head.fork || !equalBytes(tree.rootHash, head.rootHash)) return null
  return {
    nodes: batch.nodes,
    manifest,
    head: { tree, signature: copyOf(head.signature) },
    ancestor: start,
    presence: { start, length: blocks.byteLengths.length, present: true },
    blocks: { byteOffset: blocks.byteOffset, parts: [] },
    isAppend: true
  }
}

/**
 * The bytes from `blocks`, if they are what their leaves say, which came with the change or before. Blocks that a
 * later change gives up need not be there: their place may have been used again since.
 */
async function readOutside(
  state: CoreState,
  files: LogFiles,
  change: Change,
  { byteOffset, byteLengths }: StoredBlocks,
  later: readonly StoredChange[]
): Promise<Uint8Array | null> {
  const total = byteLengths.reduce((sum, byteLength) => sum + byteLength, 0)
  const bytes = new Uint8Array(total)
  const available = Math.max(0, Math.min(total, files.blocks.byteLength - byteOffset))
  bytes.set(await files.blocks.read(byteOffset, available))
  const leaves = new Map<number, Node>(change.nodes.map((node) => [node.nodeIndex, node]))
  const parts = split(bytes, byteLengths)
  for (let i = 0; i < parts.length; i++) {
    const index = (change.presence?.start ?? 0) + i
    const made = leafNode(index, parts[i]!)
    const leaf =
      leaves.get(made.nodeIndex) ?? (await state.nodes.getNodes([made.nodeIndex]))[0] ?? null
    const isRight = leaf !== null && equalBytes(leaf.hash, made.hash)
    if (!isRight && !later.some((each) => givesUp(each, index))) return null
  }
  return bytes
}

function givesUp({ ancestor, head, isAppend, presence }: StoredChange, index: number): boolean {
  if (head !== null && !isAppend && ancestor !== null && ancestor <= index) return true
  if (presence === null || presence.present) return false
  return presence.start <= index && index < presence.start + presence.length
}

/** A root that `nodes` does not hold, or holds otherwise, is put right from the header: it is hashed and signed. */
async function checkRoots(state: CoreState, onDamage: (damage: Damage) => void): Promise<boolean> {
  const { roots } = state.tree
  const stored = await state.nodes.getNodes(roots.map((root) => root.nodeIndex))
  let healed = false
  for (let i = 0; i < roots.length; i++) {
    const root = roots[i]!
    const found = stored[i] ?? null
    if (found !== null && equalBytes(found.hash, root.hash)) continue
    onDamage({ file: 'nodes', byteOffset: 0, index: null })
    state.nodes.put(root)
    healed = true
  }
  return healed
}

function treeOf(head: StoredHead, stored: readonly Node[]): Tree {
  const roots = stored.map(({ nodeIndex, byteLength, hash }) => ({
    nodeIndex,
    byteLength,
    hash: copyOf(hash)
  }))
  const wanted = rootsOf(head.length)
  const tree = new Tree(head.fork, head.length, roots)
  const fits =
    roots.length === wanted.length &&
    roots.every((root, i) => root.nodeIndex === wanted[i]) &&
    tree.byteLength === head.byteLength &&
    equalBytes(tree.rootHash, head.rootHash)
  if (!fits) throw new StorageError('CORRUPT', 'oplog holds a head that does not fit its roots')
  return tree
}

function split(bytes: Uint8Array, byteLengths: readonly number[]): Uint8Array[] {
  let start = 0
  return byteLengths.map((byteLength) => {
    const part = bytes.subarray(start, start + byteLength)
    start += byteLength
    return part
  })
}
