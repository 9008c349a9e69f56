// Audit of nodes, presence and blocks against each other and against the head: each parent is the hash of its
// children and as long as both; no node is missing between others; blocks that are held have their leaf. Deep: they
// are what the leaf says. Goes through the tree in the order of the file, so it needs few pages at a time.
import {
  endOf,
  isLeaf,
  leafOf,
  leftChildOf,
  rightChildOf,
  startOf
} from '../../merkle/flat-tree.ts'
import { NODE_BYTES, PRESENCE_PAGE_BITS, PRESENCE_PAGE_BYTES } from '../../storage/constants.ts'
import type { LogFiles } from '../../storage/log-files.ts'
import { throwIfAborted } from '../../util/abort.ts'
import { BlockReader } from '../block-reader.ts'
import { Offsets, UNKNOWN } from '../offsets.ts'
import type { CoreState } from '../state.ts'
import { areChildren } from '../tree-walk.ts'
import type { AuditOptions, Checked } from './audit.ts'
import { guarded } from './audit-guard.ts'
import { type Findings, REMEDY } from './finding.ts'

/** Parents looked at between two looks at the signal. */
const PARENTS_PER_TURN = 1024

export async function auditTree(
  files: LogFiles,
  state: CoreState,
  options: AuditOptions,
  findings: Findings,
  checked: Checked
): Promise<void> {
  const { signal } = options
  await guarded(findings, 'nodes', () => auditNodes(state, signal, findings, checked))
  await guarded(findings, 'presence', () => auditPresence(files, state, findings, checked))
  await guarded(findings, 'blocks', () => auditBlocks(state, options, findings, checked))
}

async function auditNodes(
  state: CoreState,
  signal: AbortSignal | undefined,
  findings: Findings,
  checked: Checked
): Promise<void> {
  const { length } = state.tree
  for (let parent = 1; parent < 2 * length; parent += 2) {
    if (parent % (2 * PARENTS_PER_TURN) === 1) throwIfAborted(signal)
    if (endOf(parent) > length) continue
    await auditFamily(state, parent, findings)
    checked.nodes += 2
  }
}

async function auditFamily(state: CoreState, parent: number, findings: Findings): Promise<void> {
  const leftIndex = leftChildOf(parent)
  const rightIndex = rightChildOf(parent)
  const family = await state.nodes.getNodes([parent, leftIndex, rightIndex])
  const [top = null, left = null, right = null] = family
  if (left === null && right === null) return
  if (top === null || left === null || right === null) {
    const missing = top === null ? parent : left === null ? leftIndex : rightIndex
    if (findings.hasDamagedNode(missing * NODE_BYTES)) return
    findings.add('node-missing', placeOf(missing), `Node ${missing} is missing`, REMEDY.repair)
  } else if (!areChildren(top, left, right)) {
    const what = `Node ${parent} is not the hash of its children`
    findings.add('parent-hash', placeOf(parent), what, REMEDY.repair)
  }
}

async function auditPresence(
  { presence: file }: LogFiles,
  state: CoreState,
  findings: Findings,
  checked: Checked
): Promise<void> {
  const { tree, presence, contiguousLength } = state
  checked.pages = Math.ceil(file.byteLength / PRESENCE_PAGE_BYTES)
  const missing = presence.findBlock(0, contiguousLength, false)
  if (missing !== -1) {
    const what = `presence lacks block ${missing}, which is held`
    findings.add('presence', pageOf(missing), what, REMEDY.repair)
  }
  const end = Math.max(tree.length, checked.pages * PRESENCE_PAGE_BITS)
  const beyond = presence.findBlock(tree.length, end, true)
  if (beyond !== -1) {
    const what = `presence names block ${beyond}, which is past the end`
    findings.add('presence', pageOf(beyond), what, REMEDY.repair)
  }
}

async function auditBlocks(
  state: CoreState,
  { deep = false, signal }: AuditOptions,
  findings: Findings,
  checked: Checked
): Promise<void> {
  const offsets = new Offsets(state.nodes)
  const reader = new BlockReader(state, offsets)
  const last = state.tree.length - 1
  for (let index = 0; index <= last; index++) {
    throwIfAborted(signal)
    if (!state.holds(index)) continue
    checked.blocks++
    const place = await placeOfBlock(state, offsets, index)
    if (place === null) {
      const what = `Block ${index} is held, but not the nodes that prove it`
      findings.add('node-missing', { ...placeOf(leafOf(index)), index }, what, REMEDY.peers)
      continue
    }
    if (!deep && index !== last) continue
    const bytes = await guarded(findings, 'blocks', () => reader.read(index))
    if (bytes === 'damaged') {
      findings.add('block', place, `Block ${index} is not what was written`, REMEDY.peers)
    } else if (bytes !== null) state.blocks.release(bytes)
  }
}

interface Place {
  readonly file: string
  readonly byteOffset: number
  readonly byteLength: number
  readonly index: number | null
}

/** Null: not all nodes on the way to it are stored. */
async function placeOfBlock(
  state: CoreState,
  offsets: Offsets,
  index: number
): Promise<Place | null> {
  const [leaf] = await state.nodes.getNodes([leafOf(index)])
  const byteOffset = leaf == null ? UNKNOWN : await offsets.find(state.tree, index)
  if (leaf == null || byteOffset === UNKNOWN) return null
  return { file: 'blocks', byteOffset, byteLength: leaf.byteLength, index }
}

function placeOf(nodeIndex: number): Place {
  const index = isLeaf(nodeIndex) ? startOf(nodeIndex) : null
  return { file: 'nodes', byteOffset: nodeIndex * NODE_BYTES, byteLength: NODE_BYTES, index }
}

function pageOf(index: number): { file: string; byteOffset: number; byteLength: number } {
  const byteOffset = Math.floor(index / PRESENCE_PAGE_BITS) * PRESENCE_PAGE_BYTES
  return { file: 'presence', byteOffset, byteLength: PRESENCE_PAGE_BYTES }
}
