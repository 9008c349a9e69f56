// Checkpoints: when one is due, and of which kind (spec hamt.md sections 7.6 to 7.8). Runs while nothing else is written.
import type { Blocks } from './blocks.ts'
import { writeCheckpoint } from './checkpoint.ts'
import {
  CHECKPOINT_FRACTION,
  MAX_AUTOMATIC_KEYS,
  MAX_INLINE_SPANS,
  MIN_CHECKPOINT_OPERATIONS,
  TIER_FACTOR,
  TIER_OPERATIONS
} from './constants.ts'
import { type Fragment, fragmentAt } from './fragment.ts'
import { type Inflated, inflate, rewritten, trieOf } from './inflate.ts'
import { Iteration } from './iterate.ts'
import { Layout } from './layout.ts'
import { SLOTS } from './node.ts'
import type { CheckpointPolicy } from './options.ts'
import type { Group } from './pack.ts'
import type { Paths } from './path.ts'
import { headRef, type Ref, resolve } from './place.ts'
import { AliasNode, type Slot, TrieBranch, type TrieLeaf } from './trie.ts'
import { readValue, writeValue } from './value.ts'
import type { Walk } from './walk.ts'
import { type Base, groupOn, type Writer } from './writer.ts'

export interface CheckpointOptions {
  /** `index` by default: the branches alone; `full`: the entries, too, so that older blocks are no longer needed. */
  kind?: 'index' | 'full'
  /** With `full`: also values that have blocks of their own. */
  moveValues?: boolean
  /** In sixteen commits, between which others may write. */
  split?: boolean
  signal?: AbortSignal
}

export interface CheckpointsParts {
  readonly blocks: Blocks
  readonly writer: Writer
  readonly pageBytes: number
  readonly policy: CheckpointPolicy
  /** Between two that are written by themselves, at least. */
  readonly operations: number | undefined
}

export class Checkpoints {
  readonly #blocks: Blocks
  readonly #writer: Writer
  readonly #pageBytes: number
  readonly #policy: CheckpointPolicy
  readonly #minOperations: number
  /** Since the newest checkpoint; null: not counted, since it was written before the store was opened. */
  #operations: number | null = null
  /** Operations at which to look again. */
  #dueAt = 0
  /** Checkpoint → operations that it covers, of those written here. */
  readonly #covered: Map<number, number> = new Map()
  /** Why the last automatic one failed; null: it did not. */
  failure: unknown = null

  constructor(parts: CheckpointsParts) {
    this.#blocks = parts.blocks
    this.#writer = parts.writer
    this.#pageBytes = parts.pageBytes
    this.#policy = parts.policy
    this.#minOperations =
      parts.operations ??
      (parts.policy === 'low-latency' ? TIER_OPERATIONS : MIN_CHECKPOINT_OPERATIONS)
  }

  wrote(operations: number): void {
    if (this.#operations !== null) this.#operations += operations
  }

  /** Whether to look if one is due: at once, from memory. */
  get mayBeDue(): boolean {
    return this.#policy !== 'none' && (this.#operations === null || this.#operations >= this.#dueAt)
  }

  /** Writes one if it is due. Never throws: the entries are safe without. */
  async ifDue(): Promise<void> {
    try {
      const base = await this.#writer.base()
      const { head } = base
      if (head === null || head.count > MAX_AUTOMATIC_KEYS) return
      this.#operations ??= head.seq - (head.checkpoint?.newest ?? 0)
      this.#dueAt = this.#due(head)
      if (this.#operations < this.#dueAt) return
      await this.#write(base, { keep: this.#policy === 'low-latency' ? this.#tier(head) : 0 })
      this.failure = null
    } catch (error) {
      this.failure = error
      this.#operations = 0
    }
  }

  /** The new version. @throws as Log.append */
  async write({
    kind = 'index',
    moveValues = false,
    split = false
  }: CheckpointOptions): Promise<number> {
    if (split) return await this.#split(kind, moveValues)
    return await this.#writer.exclusively(async () => {
      const base = await this.#writer.base()
      if (base.head === null || base.head.root < 0) return base.version
      return await this.#write(base, { kind, moveValues })
    })
  }

  #due(head: Fragment): number {
    if (this.#policy === 'low-latency') return this.#minOperations
    return Math.max(this.#minOperations, head.count * CHECKPOINT_FRACTION)
  }

  /** The checkpoint to stack on; 0: none. Those that cover too little are merged into the new one. */
  #tier(head: Fragment): number {
    const spans = head.checkpoint?.spans ?? []
    let total = this.#operations ?? 0
    for (const [i, { checkpoint }] of spans.entries()) {
      const before = spans[i + 1]?.checkpoint ?? 0
      const covered = this.#covered.get(checkpoint) ?? checkpoint - before
      const isRoom = spans.length - i < MAX_INLINE_SPANS
      if (covered >= TIER_FACTOR * total && isRoom && checkpoint !== head.seq) return checkpoint
      total += covered
    }
    return 0
  }

  async #write(
    base: Base,
    {
      kind = 'index',
      keep = 0,
      moveValues = false
    }: { kind?: 'index' | 'full'; keep?: number; moveValues?: boolean }
  ): Promise<number> {
    const head = base.head!
    const group = groupOn(base)
    const from = headRef(base.version)
    const contents = { group, paths: base.paths, keep, moveValues }
    const root = await this.#run(
      kind === 'full' ? fullRoot(from, contents) : indexRoot(from, contents)
    )
    if (root === null) return base.version
    const floor = kind === 'full' ? root.floor : await this.#floorOf(head)
    const { paths } = base
    await this.#run(
      writeCheckpoint({
        group,
        root: root.node,
        head,
        keep,
        floor,
        pageBytes: this.#pageBytes,
        paths
      })
    )
    const version = await this.#writer.append(base, group)
    this.#wrote(version - 1, head, keep)
    return version
  }

  #wrote(checkpoint: number, head: Fragment, keep: number): void {
    let covered = this.#operations ?? head.seq - (head.checkpoint?.newest ?? 0)
    for (const span of head.checkpoint?.spans ?? []) {
      if (span.checkpoint > keep) covered += this.#covered.get(span.checkpoint) ?? 0
    }
    this.#covered.set(checkpoint, covered)
    this.#operations = 0
  }

  /** One slot of the root at a time; each commit is a version of its own. */
  async #split(kind: 'index' | 'full', moveValues: boolean): Promise<number> {
    const base = await this.#writer.exclusively(() => this.#writer.base())
    const slots = base.head === null ? [] : await this.#run(usedSlots(base.version))
    if (slots.length === 0) return await this.write({ kind, moveValues })
    let { version } = base
    let needed = Number.POSITIVE_INFINITY
    for (const slot of slots) {
      version = await this.#writer.exclusively(async () => {
        const part = await this.#writeSlot(slot, {
          kind,
          moveValues,
          isLast: slot === slots.at(-1),
          needed
        })
        needed = part.needed
        return part.version
      })
    }
    return version
  }

  async #writeSlot(
    slot: number,
    how: { kind: 'index' | 'full'; moveValues: boolean; isLast: boolean; needed: number }
  ): Promise<{ version: number; needed: number }> {
    const base = await this.#writer.base()
    const { version, head, paths } = base
    if (head === null) return { version, needed: how.needed }
    const group = groupOn(base)
    const contents = { group, paths, keep: 0, moveValues: how.moveValues }
    const pageBytes = this.#pageBytes
    const part = await this.#run(
      slotRoot(version, slot, { ...contents, kind: how.kind, pageBytes })
    )
    if (part === null) return { version, needed: how.needed }
    const needed = Math.min(how.needed, part.floor)
    const floor = how.isLast && how.kind === 'full' ? needed : await this.#floorOf(head)
    const checkpoint = { newest: group.nextSeq, floor, spans: [] }
    group.addCommit({ root: part.node, count: head.count, checkpoint })
    this.#operations = 0
    return { version: await this.#writer.append(base, group), needed }
  }

  async #floorOf(head: Fragment): Promise<number> {
    const newest = head.checkpoint?.newest
    if (newest === undefined) return 1
    const fragment = newest === head.seq ? head : await this.#run(fragmentAt(newest))
    return fragment.checkpoint?.floor ?? 1
  }

  async #run<R>(walk: Walk<R>): Promise<R> {
    return await this.#blocks.run(walk, {})
  }
}

interface Contents {
  readonly group: Group
  readonly paths: Paths
  readonly keep: number
  readonly moveValues: boolean
}

/** What is laid out anew, and the lowest block that it needs. */
interface Root {
  readonly node: Inflated
  readonly floor: number
}

function* indexRoot(from: Ref, { keep }: Contents): Walk<Root | null> {
  const node = yield* inflate(from, keep)
  return node === null ? null : { node, floor: Number.POSITIVE_INFINITY }
}

function* fullRoot(from: Ref, { group, paths, moveValues }: Contents): Walk<Root | null> {
  const leaves: TrieLeaf[] = []
  let floor = group.nextSeq
  const production = new Iteration(from, paths).leaves()
  let step = production.next()
  while (step.done !== true) {
    const found = step.value
    if (typeof found === 'number') {
      step = production.next(yield found)
      continue
    }
    const leaf = rewritten(found, paths)
    if ('first' in leaf.value) {
      if (moveValues) {
        leaf.value = writeValue(
          group,
          yield* readValue({ value: leaf.value, seq: found.fragment.seq })
        )
      } else floor = Math.min(floor, leaf.value.first)
    }
    leaves.push(leaf)
    step = production.next(NO_BLOCK)
  }
  return leaves.length === 0 ? null : { node: trieOf(leaves), floor }
}

const NO_BLOCK = new Uint8Array(0)

/** Of the root, if that is a branch. */
function* usedSlots(version: number): Walk<number[]> {
  const place = yield* resolve(headRef(version))
  if (place?.kind !== 'branch') return []
  return SLOTS.filter((slot) => ((place.map >>> slot) & 1) === 1)
}

/** The root branch with one slot laid out anew; null: nothing is there. */
function* slotRoot(
  version: number,
  slot: number,
  parts: Contents & { readonly kind: 'index' | 'full'; readonly pageBytes: number }
): Walk<{ readonly node: TrieBranch; readonly floor: number } | null> {
  const place = yield* resolve(headRef(version))
  if (place?.kind !== 'branch' || ((place.map >>> slot) & 1) === 0) return null
  const below = place.ref(slot)
  const root =
    parts.kind === 'full' ? yield* fullRoot(below, parts) : yield* indexRoot(below, parts)
  if (root === null) return null
  const slots: Slot[] = SLOTS.map((each) =>
    ((place.map >>> each) & 1) === 1 ? place.ref(each).seq : null
  )
  const placed = yield* new Layout(parts).place(root.node, below.known)
  slots[slot] = placed instanceof AliasNode ? placed.target : placed
  return { node: new TrieBranch(place.level, slots), floor: root.floor }
}
