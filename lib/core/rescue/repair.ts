// repair: puts right what an audit found, from what is left. Nodes come from their children, leaves from blocks;
// presence comes from what is proven; blocks that are gone become absent, so that peers fill them. Nothing is made
// shorter, no key changed, no head signed. Changes go through the committer; a node that nothing vouches for is
// dropped with the next checkpoint. Cut short anywhere, it can be begun again. Design: reliability.md section 7.
import { StateError } from '../../errors.ts'
import { endOf, isLeaf, startOf } from '../../merkle/flat-tree.ts'
import { leafNode, type Node } from '../../merkle/node.ts'
import { PRESENCE_PAGE_BITS, PRESENCE_PAGE_BYTES } from '../../storage/constants.ts'
import type { File } from '../../storage/file.ts'
import type { LogFiles } from '../../storage/log-files.ts'
import { NodeFile } from '../../storage/node-file.ts'
import { rewriteIdentity } from '../../storage/oplog.ts'
import { PageCache } from '../../storage/page-cache.ts'
import { equalBytes } from '../../util/bytes.ts'
import { emptyChange } from '../change.ts'
import type { Committer } from '../committer.ts'
import type { Opened } from '../opening.ts'
import { dropBelow, storedChildren, walkTree } from '../tree-walk.ts'
import { type AuditOptions, audit } from './audit.ts'
import { type Finding, idOf } from './finding.ts'
import { rebuildChildren } from './rebuild.ts'

export interface RepairOptions {
  /** Those of an audit; without them, one is made, which hashes all blocks. */
  findings?: readonly Finding[]
  signal?: AbortSignal
}

export interface RepairReport {
  readonly repaired: Finding[]
  readonly left: Finding[]
  /** Ranges [start, end) of blocks that were held and are absent now. */
  readonly lost: { readonly start: number; readonly end: number }[]
  /** Names in the directory `damaged`. */
  readonly aside: string[]
}

export interface RepairParts {
  readonly opened: Opened
  readonly committer: Committer
  /** Brings what recovery replayed into the files. */
  readonly writer: { settle(): Promise<void> }
}

const AUDIT: AuditOptions = { deep: true }
/** Places that are no further apart are kept aside together. */
const ASIDE_GAP_BYTES = 4096
const KEPT_CACHE_BYTES = 4 * 1024 * 1024
/** Nodes of one change: far from what a half can hold. */
const NODES_PER_CHANGE = 256

export async function repair(
  parts: RepairParts,
  options: RepairOptions = {}
): Promise<RepairReport> {
  const { opened, committer } = parts
  if (opened.readOnly) throw new StateError('NOT_WRITABLE', 'The log is open read only')
  const { signal } = options
  const auditOptions = signal === undefined ? AUDIT : { ...AUDIT, signal }
  await parts.writer.settle()
  await committer.flush()
  const findings = options.findings ?? (await audit(opened, auditOptions)).findings
  const damages = findings.filter(({ severity, kind }) => severity === 'damage' || kind === 'seal')
  const kept = await opened.files.asideNodes()
  if (damages.length === 0 && kept === null) {
    return { repaired: [], left: [...findings], lost: [], aside: [] }
  }
  const aside = await keepAll(opened.files, damages)
  await repairSectors(opened, damages)
  const lost = await withNodes(kept, (nodes) => new TreeRepair(parts, damages, nodes, signal).run())
  await committer.settle(true)
  const left = (await audit(opened, auditOptions)).findings
  const ids = new Set(left.map(idOf))
  return { repaired: findings.filter((each) => !ids.has(idOf(each))), left, lost, aside }
}

/** With the nodes that a salvage moved aside: where the head proves them again, they are as good as before. */
async function withNodes<T>(
  file: File | null,
  work: (nodes: NodeFile | null) => Promise<T>
): Promise<T> {
  if (file === null) return work(null)
  try {
    return await work(new NodeFile(file, new PageCache(KEPT_CACHE_BYTES), () => {}))
  } finally {
    await file.close()
  }
}

/** Damaged places next to each other go into one file. */
async function keepAll(files: LogFiles, findings: readonly Finding[]): Promise<string[]> {
  const places = findings
    .filter(({ byteOffset, byteLength }) => byteLength > 0 && byteOffset >= 0)
    .map(({ file, byteOffset, byteLength }) => ({
      file,
      start: byteOffset,
      end: byteOffset + byteLength
    }))
    .sort((a, b) => (a.file === b.file ? a.start - b.start : a.file < b.file ? -1 : 1))
  const names: string[] = []
  for (let i = 0; i < places.length; ) {
    const { file, start } = places[i]!
    let { end } = places[i]!
    for (i++; places[i]?.file === file && places[i]!.start <= end + ASIDE_GAP_BYTES; i++) {
      end = Math.max(end, places[i]!.end)
    }
    const name = await files.keepAside(file, start, end - start)
    if (name !== null) names.push(name)
  }
  return names
}

async function repairSectors(
  { files, oplog }: Opened,
  findings: readonly Finding[]
): Promise<void> {
  if (findings.some(({ kind }) => kind === 'identity')) await rewriteIdentity(files.oplog)
  if (!findings.some(({ kind }) => kind === 'seal')) return
  await oplog.seal()
  await oplog.seal()
  await files.oplog.sync()
}

class TreeRepair {
  readonly #parts: RepairParts
  readonly #signal: AbortSignal | undefined
  /** Numbers of the presence pages that say nothing reliable. */
  readonly #pages: ReadonlySet<number>
  /** What a salvage kept. */
  readonly #kept: NodeFile | null
  /** Leaves that came from there, and are looked at next. */
  readonly #adopted: Set<number> = new Set()
  #nodes: Node[] = []
  /** Blocks that are proven and held, or not, and are said otherwise. */
  #present: { start: number; length: number; present: boolean } | null = null
  readonly #lost: { start: number; end: number }[] = []

  constructor(
    parts: RepairParts,
    findings: readonly Finding[],
    kept: NodeFile | null,
    signal: AbortSignal | undefined
  ) {
    this.#parts = parts
    this.#kept = kept
    const pages = findings.filter(({ file }) => file === 'presence')
    this.#pages = new Set(pages.map((each) => Math.floor(each.byteOffset / PRESENCE_PAGE_BYTES)))
    this.#signal = signal
  }

  async run(): Promise<{ start: number; end: number }[]> {
    const { committer, opened } = this.#parts
    const { state } = opened
    await committer.idle()
    state.nodes.reload()
    state.blocks.reload()
    state.presence.reload()
    for (const page of this.#pages) state.presence.prepare(page * PRESENCE_PAGE_BITS, 1)
    state.presence.cut(state.tree.length)
    const { tree } = state
    for (const root of tree.roots) state.nodes.put(root)
    await walkTree(tree, state.nodes, {
      signal: this.#signal,
      leaf: (leaf, byteOffset) => this.#leaf(leaf, byteOffset),
      rebuild: async (node, byteOffset) => {
        const made = (await this.#adopt(node)) ?? (await rebuildChildren(state, node, byteOffset))
        if (made !== null) this.#nodes.push(...made)
        if (this.#nodes.length >= NODES_PER_CHANGE) await this.#commitNodes()
        return made
      },
      unknown: (node) => this.#unknown(node)
    })
    await this.#commitPresence()
    await this.#commitNodes()
    return this.#lost
  }

  async #adopt(node: Node): Promise<readonly [Node, Node] | null> {
    const children = this.#kept === null ? null : await storedChildren(node, this.#kept)
    for (const { nodeIndex } of children ?? []) if (isLeaf(nodeIndex)) this.#adopted.add(nodeIndex)
    return children
  }

  async #leaf(leaf: Node, byteOffset: number): Promise<void> {
    const { opened } = this.#parts
    const { state } = opened
    const index = startOf(leaf.nodeIndex)
    const isHeld = state.holds(index)
    // What was cleared stays cleared, though its bytes may still be there.
    const isAdopted = this.#adopted.delete(leaf.nodeIndex)
    const mayBeHeld = isHeld || isAdopted || this.#pages.has(Math.floor(index / PRESENCE_PAGE_BITS))
    const present = mayBeHeld && (await isSound(opened, leaf, byteOffset))
    if (isHeld && !present) this.#noteLost(index, index + 1)
    if (isHeld !== present || state.presence.has(index) !== present)
      await this.#note(index, present)
  }

  async #note(index: number, present: boolean): Promise<void> {
    const run = this.#present
    if (run !== null && run.present === present && run.start + run.length === index) {
      run.length++
      return
    }
    await this.#commitPresence()
    this.#present = { start: index, length: 1, present }
  }

  async #unknown(node: Node): Promise<void> {
    const { state } = this.#parts.opened
    const start = startOf(node.nodeIndex)
    const end = endOf(node.nodeIndex)
    await this.#commitPresence()
    let held = findHeld(this.#parts.opened, start, end)
    if (held !== -1) {
      for (; held !== -1; held = findHeld(this.#parts.opened, held + 1, end)) {
        this.#noteLost(held, held + 1)
      }
      this.#present = { start, length: end - start, present: false }
      await this.#commitPresence()
    }
    await dropBelow(state, node)
  }

  async #commitPresence(): Promise<void> {
    const presence = this.#present
    this.#present = null
    if (presence === null) return
    const { committer } = this.#parts
    await committer.commit({ ...emptyChange(committer.tip.length), presence }, 'process')
  }

  async #commitNodes(): Promise<void> {
    const nodes = this.#nodes.splice(0)
    const { committer } = this.#parts
    if (nodes.length === 0) return
    await committer.commit({ ...emptyChange(committer.tip.length), nodes }, 'process')
  }

  #noteLost(start: number, end: number): void {
    const last = this.#lost.at(-1)
    if (last !== undefined && last.end === start) last.end = end
    else this.#lost.push({ start, end })
  }
}

function findHeld({ state }: Opened, start: number, end: number): number {
  if (start >= end) return -1
  if (start < state.contiguousLength) return start
  return state.presence.findBlock(start, Math.min(end, state.tree.length), true)
}

async function isSound({ state }: Opened, leaf: Node, byteOffset: number): Promise<boolean> {
  const { blocks } = state
  if (blocks.isBeyond(byteOffset + leaf.byteLength)) return false
  const bytes = await blocks.read(byteOffset, leaf.byteLength)
  const isSame = equalBytes(leafNode(0, bytes).hash, leaf.hash)
  blocks.release(bytes)
  return isSame
}
