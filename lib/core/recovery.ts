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
import { type Change, emptyChange } from './change.ts'
import {
  decodeChange,
  decodeHeader,
  type StoredBlocks,
  type StoredChange,
  type StoredHead
} from './change-format.ts'
import { apply, CoreState, type Damage } from './state.ts'
import { prune } from './tree-walk.ts'

export interface Recovery {
  readonly state: CoreState
  readonly position: OplogPosition
  /** The half holds nothing but its header, and nothing was repaired. */
  readonly isClean: boolean
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
  let longest = header.length
  state.presence.replaying(true)
  for (const entry of scan.entries) {
    const done = await replay(state, files, entry, position.syncedSeq)
    longest = Math.max(longest, state.tree.length)
    if (done) continue
    // Never acknowledged if no sync of it is known, else lost. Numbers that were used are not used again.
    const wasSynced = entry.seq <= position.syncedSeq
    if (wasSynced) lost = { from: entry.seq, to: lost?.to ?? position.lastSeq }
    position = { ...position, lastSeq: entry.seq - 1, lastCrc: entry.previousCrc }
    break
  }
  state.presence.replaying(false)
  const { healed, differs } = await checkRoots(state, onDamage)
  if (differs || (await isOlderThan(files, longest))) {
    lost ??= { from: position.lastSeq + 1, to: position.lastSeq + 1 }
  }
  if (healed || lost !== null) await prune(state)
  const isClean = scan.entries.length === 0 && lost === null && !scan.headerSkipped && !healed
  if (lost !== null || scan.headerSkipped) {
    onDamage({ file: 'oplog', byteOffset: position.tail, index: null })
  }
  return { state, position, isClean, lost }
}

/** False: the entry does not fit, or its bytes outside did not reach the disk. */
async function replay(
  state: CoreState,
  files: LogFiles,
  entry: Entry,
  syncedSeq: number
): Promise<boolean> {
  const stored = decodeChange(entry.body, (entry.flags & FLAG_OUTSIDE) !== 0)
  const change = restore(state, stored)
  if (change === null) return false
  let bytes = stored.blocks?.bytes ?? null
  if (stored.blocks !== null && bytes === null && entry.seq > syncedSeq) {
    // Kept in memory to be written again: after a failed sync it may be readable without being on the disk.
    bytes = await readOutside(state, files, change, stored.blocks)
    if (bytes === null) return false
  }
  apply(state, change, bytes)
  return true
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

/** The bytes from `blocks`, if they are what their leaves say, which came with the change or before. */
async function readOutside(
  state: CoreState,
  files: LogFiles,
  change: Change,
  blocks: StoredBlocks
): Promise<Uint8Array | null> {
  const total = blocks.byteLengths.reduce((sum, byteLength) => sum + byteLength, 0)
  if (blocks.byteOffset + total > files.blocks.byteLength) return null
  const bytes = await files.blocks.read(blocks.byteOffset, total)
  const leaves = new Map<number, Node>(change.nodes.map((node) => [node.nodeIndex, node]))
  const parts = split(bytes, blocks.byteLengths)
  for (let i = 0; i < parts.length; i++) {
    const made = leafNode((change.presence?.start ?? 0) + i, parts[i]!)
    const leaf =
      leaves.get(made.nodeIndex) ?? (await state.nodes.getNodes([made.nodeIndex]))[0] ?? null
    if (leaf === null || !equalBytes(leaf.hash, made.hash)) return null
  }
  return bytes
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
