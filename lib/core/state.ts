// CoreState: what a log is at one moment, and apply, which alone changes it: live, when a change was made
// durable, and at recovery, when it is replayed. Changed parts of the files are kept in memory by the three
// stores until a checkpoint. Design: architecture.md section 6, reliability.md sections 5 and 6.

import { Tree } from '../merkle/tree.ts'
import { BlockFile } from '../storage/block-file.ts'
import type { LogFiles } from '../storage/log-files.ts'
import { NodeFile } from '../storage/node-file.ts'
import { PresenceFile } from '../storage/presence-file.ts'
import { emptyBytes } from '../util/bytes.ts'
import type { Change, SignedTree } from './change.ts'
import { GOOD_STANDING, type Standing } from './histories/standing.ts'
import { NO_USER_DATA, type UserData, withChange } from './user-data.ts'

export interface Damage {
  readonly file: 'oplog' | 'blocks' | 'nodes' | 'presence'
  readonly byteOffset: number
  /** The block that cannot be read, where one is known. */
  readonly index: number | null
}

export class CoreState {
  tree: Tree = Tree.empty()
  signature: Uint8Array = emptyBytes
  /** Encoded; null: not known. */
  manifest: Uint8Array | null = null
  standing: Standing = GOOD_STANDING
  userData: UserData = NO_USER_DATA
  /** Blocks 0 up to here are all held. */
  contiguousLength = 0
  readonly nodes: NodeFile
  readonly blocks: BlockFile
  readonly presence: PresenceFile

  private constructor(nodes: NodeFile, blocks: BlockFile, presence: PresenceFile) {
    this.nodes = nodes
    this.blocks = blocks
    this.presence = presence
  }

  /** The state of an empty log over these files. */
  static async open(files: LogFiles, onDamage: (damage: Damage) => void): Promise<CoreState> {
    const { cache } = files
    const nodes = new NodeFile(files.nodes, cache, (byteOffset) =>
      onDamage({ file: 'nodes', byteOffset, index: null })
    )
    const presence = await PresenceFile.open(files.presence, cache, (byteOffset) =>
      onDamage({ file: 'presence', byteOffset, index: null })
    )
    return new CoreState(nodes, new BlockFile(files.blocks, cache), presence)
  }

  get head(): SignedTree {
    return { tree: this.tree, signature: this.signature }
  }

  /** The contiguous length vouches for itself, so that a damaged presence page costs no block below it. */
  holds(index: number): boolean {
    if (index < this.contiguousLength) return true
    return index < this.tree.length && this.presence.has(index)
  }

  /** Whether all blocks of [start, end) are held. */
  holdsAll(start: number, end: number): boolean {
    if (end > this.tree.length) return false
    const from = Math.max(start, this.contiguousLength)
    return this.presence.findBlock(from, end, false) === -1
  }

  /** 32 presence bits of a log of that length, from a multiple of 32 on, least significant first. */
  word(start: number, length: number): number {
    const rest = length - start
    if (rest <= 0) return 0
    const word = this.presence.word(start)
    return rest >= 32 ? word : (word & (2 ** rest - 1)) >>> 0
  }

  /** First block in [start, end) of a log of that length that is held (or missing), or -1. */
  findBlock(start: number, end: number, present: boolean, length: number): number {
    const contiguousLength = Math.min(this.contiguousLength, length)
    if (start >= end) return -1
    if (present && start < contiguousLength) return start
    const from = present ? start : Math.max(start, contiguousLength)
    const found = this.presence.findBlock(from, Math.min(end, length), present)
    if (found !== -1 || present) return found
    return end > length ? Math.max(start, length) : -1
  }

  get hasChanges(): boolean {
    return this.nodes.hasChanges || this.blocks.hasChanges || this.presence.hasChanges
  }

  /** What apply needs of the files is in memory, so that it cannot fail. @throws StorageError READ_FAILED */
  prepare(change: Change): void {
    const { presence, head, ancestor } = change
    if (presence !== null) this.presence.prepare(presence.start, presence.length)
    if (head !== null && ancestor < this.tree.length) this.presence.prepare(ancestor, 1)
  }

  /** What changed so far is to be written; later changes are kept apart from it. */
  freeze(): void {
    this.nodes.freeze()
    this.blocks.freeze()
    this.presence.freeze()
  }

  /** What was frozen is on the disk. */
  thaw(): void {
    this.nodes.thaw()
    this.blocks.thaw()
    this.presence.thaw()
  }

  /** What was frozen could not be written, and counts as changed again. */
  unfreeze(): void {
    this.nodes.unfreeze()
    this.blocks.unfreeze()
    this.presence.unfreeze()
  }

  close(): void {
    this.nodes.close()
    this.blocks.close()
    this.presence.close()
  }
}

/**
 * Makes the change part of the state. `inline` are the block bytes to be kept until they are written to their
 * place; null: there are none, or they are there already.
 */
export function apply(state: CoreState, change: Change, inline: Uint8Array | null): void {
  if (change.manifest !== null) state.manifest = change.manifest
  if (change.standing !== null) state.standing = change.standing
  if (change.userData !== null) state.userData = withChange(state.userData, change.userData)
  if (change.head !== null) applyHead(state, change, change.head)
  for (const node of change.nodes) state.nodes.put(node)
  if (inline !== null && change.blocks !== null) {
    state.blocks.put(change.blocks.byteOffset, inline)
  }
  if (change.presence !== null) applyPresence(state, change.presence)
}

function applyHead(state: CoreState, change: Change, head: SignedTree): void {
  if (change.ancestor < state.tree.length) {
    state.nodes.cut(change.ancestor)
    state.presence.cut(change.ancestor)
    state.contiguousLength = Math.min(state.contiguousLength, change.ancestor)
    // The cut dropped the nodes that reach beyond the ancestor; roots of the new head may be among them.
    for (const root of head.tree.roots) state.nodes.put(root)
  }
  state.tree = head.tree
  state.signature = head.signature
}

function applyPresence(
  state: CoreState,
  { start, length, present }: NonNullable<Change['presence']>
): void {
  state.presence.setRange(start, length, present)
  if (!present) {
    state.contiguousLength = Math.min(state.contiguousLength, start)
  } else if (start <= state.contiguousLength && start + length > state.contiguousLength) {
    state.contiguousLength = contiguousFrom(state, start + length)
  }
}

/** Too small a number is no fault: it grows with the next change. */
function contiguousFrom(state: CoreState, start: number): number {
  try {
    const missing = state.presence.findBlock(start, state.tree.length, false)
    return missing === -1 ? state.tree.length : missing
  } catch {
    return start
  }
}
