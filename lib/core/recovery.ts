// Recovery: header and entries → CoreState, by the same apply that runs live. Only reads; what it finds is
// brought into the files afterwards by Committer.settle. Design: reliability.md sections 5.2 and 6, steps 5 and 6.
import { StorageError } from '../errors.ts'
import { TreeBatch } from '../merkle/batch.ts'
import { leafOf, rootsOf } from '../merkle/flat-tree.ts'
import { leafNode, type Node } from '../merkle/node.ts'
import { Tree } from '../merkle/tree.ts'
import { NODE_BYTES } from '../storage/constants.ts'
import type { LogFiles } from '../storage/log-files.ts'
import { reachesBeyond } from '../storage/node-file.ts'
import { type Entry, FLAG_OUTSIDE } from '../storage/oplog-format.ts'
import type { OplogPosition, OplogScan } from '../storage/oplog-scan.ts'
import { namesBeyond } from '../storage/presence-file.ts'
import { copyOf, equalBytes } from '../util/bytes.ts'
import { type Change, emptyChange, type SignedTree } from './change.ts'
import {
  decodeChange,
  decodeHeader,
  type StoredBlocks,
  type StoredChange,
  type StoredHead,
  type StoredHeader
} from './change-format.ts'
import { apply, CoreState, type Damage } from './state.ts'
import { prune } from './tree-walk.ts'

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
  /** Nothing was repaired or dropped, and all entries are synced and free no bytes: they may stay where they are. */
  readonly isSteady: boolean
  /** The last head that is known to be synced. */
  readonly synced: SignedTree
  readonly replayed: Replayed
  /** Acknowledged entries are gone. */
  readonly lost: OplogScan['lost']
}

/** @throws StorageError CORRUPT, READ_FAILED */
export async function recover(
  files: LogFiles,
  scan: OplogScan,
  onDamage: (damage: Damage) => void
): Promise<Recovery> {
  const state = await CoreState.open(files, onDamage)
  begin(state, decodeHeader(scan.header.body))
  const { position, synced, longest, frees, changes, outside, ...replayed } = await replayAll(
    state,
    files,
    scan
  )
  let { lost } = replayed
  const { healed, differs } = await checkRoots(state, onDamage)
  if (differs || (await isOlderThan(files, longest))) {
    lost ??= { from: position.lastSeq + 1, to: position.lastSeq + 1 }
  }
  if (healed || lost !== null) await prune(state)
  const isSound = lost === null && !healed && !scan.hasLeftovers && !scan.headerSkipped
  const isClean = isSound && scan.entries.length === 0
  const isSteady = isSound && !frees && scan.position.lastSeq <= scan.position.syncedSeq
  // Until it is settled, whatever happens in between: the header that follows a repair knows of no loss.
  if (lost !== null) state.standing = { ...state.standing, behind: 'damaged' }
  if (lost !== null || scan.headerSkipped) {
    onDamage({ file: 'oplog', byteOffset: position.tail, index: null })
  }
  const oplog = unsyncedPieces(scan, position)
  return { state, position, isClean, isSteady, lost, synced, replayed: { changes, oplog, outside } }
}

interface ReplayResult {
  readonly position: OplogPosition
  readonly lost: OplogScan['lost']
  readonly synced: SignedTree
  /** The greatest length on the way. */
  readonly longest: number
  /** Something was cut or cleared. */
  readonly frees: boolean
  readonly changes: Replayed['changes']
  readonly outside: Replayed['outside']
}

async function replayAll(
  state: CoreState,
  files: LogFiles,
  scan: OplogScan
): Promise<ReplayResult> {
  let { position, lost } = scan
  let synced = state.head
  let longest = state.tree.length
  let frees = false
  const changes: { seq: number; change: Change }[] = []
  const outside: Piece[] = []
  const all = scan.entries.map(storedChange)
  state.presence.replaying(true)
  for (const [i, entry] of scan.entries.entries()) {
    const wasSynced = entry.seq <= position.syncedSeq
    const { length } = state.tree
    const done = await replay(state, files, all.slice(i), wasSynced)
    longest = Math.max(longest, state.tree.length)
    if (done === null) {
      // Never acknowledged if no sync of it is known, else lost. Numbers that were used are not used again.
      if (wasSynced) lost = { from: entry.seq, to: lost?.to ?? position.lastSeq }
      position = { ...position, lastSeq: entry.seq - 1, lastCrc: entry.previousCrc }
      break
    }
    const { ancestor, presence } = done.change
    if (ancestor < length || presence?.present === false) frees = true
    if (wasSynced) synced = state.head
    else changes.push({ seq: entry.seq, change: done.change })
    if (done.outside !== null) outside.push(done.outside)
  }
  state.presence.replaying(false)
  return { position, lost, synced, longest, frees, changes, outside }
}

/** The state that a header states. */
function begin(state: CoreState, header: StoredHeader): void {
  state.tree = treeOf(header, header.roots)
  state.signature = copyOf(header.signature)
  state.manifest = header.manifest === null ? null : copyOf(header.manifest)
  state.contiguousLength = Math.min(header.contiguousLength, header.length)
  state.standing = header.standing
  state.userData = header.userData
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

/** Apart from the file's other bytes, so that keeping the change keeps nothing else. */
function storedChange(entry: Entry): StoredChange {
  return decodeChange(copyOf(entry.body), (entry.flags & FLAG_OUTSIDE) !== 0)
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
    blocks: stored.blocks === null ? null : { byteOffset: stored.blocks.byteOffset, parts: [] },
    standing: stored.standing,
    userData: stored.userData
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
    standing: null,
    userData: null,
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

/** Whether the files hold more than the oplog ever knew of: then it is an older copy. */
async function isOlderThan({ nodes, presence }: LogFiles, length: number): Promise<boolean> {
  return (await reachesBeyond(nodes, length)) || (await namesBeyond(presence, length))
}

/** A root that `nodes` does not hold, or holds otherwise, is put right from the header: it is hashed and signed. */
async function checkRoots(
  state: CoreState,
  onDamage: (damage: Damage) => void
): Promise<{ healed: boolean; differs: boolean }> {
  const { roots } = state.tree
  const stored = await state.nodes.getNodes(roots.map((root) => root.nodeIndex))
  let healed = false
  let differs = false
  for (let i = 0; i < roots.length; i++) {
    const root = roots[i]!
    const found = stored[i] ?? null
    if (found !== null && equalBytes(found.hash, root.hash)) continue
    onDamage({ file: 'nodes', byteOffset: root.nodeIndex * NODE_BYTES, index: null })
    state.nodes.put(root)
    healed = true
    // Sound, and another one: the oplog is older than the files, or they are those of another log.
    if (found !== null) differs = true
  }
  return { healed, differs }
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
