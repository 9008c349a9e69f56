// Committer: makes changes durable, in order, many per write and sync. The only writer of the data side.
//
//   gather → room → write → sync (the commit point at level `power`) → apply → answer → publish
//
// It knows three trees: the published one is synced, so peers may hear of it; `state.tree` is acknowledged,
// that is written, at level `process`; `tip` is what the next change builds on. If a write fails, the group and
// all behind it are rejected and the tip falls back to the state. A failed sync is final: the log is `failed`
// until it is opened again. Owner: Core. Design: reliability.md sections 2 and 5.
import { ArgumentError, StateError, StorageError } from '../errors.ts'
import type { Node } from '../merkle/node.ts'
import type { Tree } from '../merkle/tree.ts'
import type { Group } from '../storage/oplog.ts'
import { entrySpace } from '../storage/oplog-format.ts'
import { allDone } from '../util/all-done.ts'
import { background } from '../util/background.ts'
import { blockBytesOf, type Change } from './change.ts'
import { ChangeBody, headerBody } from './change-format.ts'
import { Checkpoint } from './checkpoint.ts'
import type { CommitterParts } from './committer-parts.ts'
import { OutsideRule } from './outside-rule.ts'
import { apply } from './state.ts'

/** When a change counts as stored (reliability.md section 2). */
export type Durability = 'power' | 'process' | 'memory'

interface Job {
  readonly change: Change
  readonly blockBytes: number
  readonly level: Durability
  resolve(): void
  reject(error: unknown): void
}

export class Committer {
  readonly #parts: CommitterParts
  readonly #checkpoint: Checkpoint
  readonly #outside: OutsideRule
  readonly #queue: Job[] = []
  readonly #unpublished: { seq: number; change: Change }[] = []
  readonly #pendingNodes: Map<number, Node> = new Map()
  #draining: Promise<void> | null = null
  #tip: Tree
  #generation = 0
  #failure: StorageError | null = null
  #closed = false
  /** Goes up to the seq of the last group with bytes outside; `blocks` must be synced along with it. */
  #outsideSeq = 0
  #outsideSyncedSeq = 0
  /** Last seq when the oplog held nothing but a header, synced: there is nothing to do in close. */
  #cleanSeq: number
  #syncTimer: Disposable | null = null
  #sealTimer: Disposable | null = null

  /** isClean: the half holds nothing but its header, and it is synced. */
  constructor(parts: CommitterParts, isClean: boolean) {
    this.#parts = parts
    this.#tip = parts.state.tree
    this.#outside = new OutsideRule(parts.state.tree)
    this.#checkpoint = new Checkpoint(parts, {
      syncOplog: () => this.#sync(),
      onFailedSync: (error) => this.#fail(error)
    })
    this.#cleanSeq = isClean ? parts.oplog.lastSeq : -1
  }

  /** What the next change builds on. */
  get tip(): Tree {
    return this.#tip
  }

  /** Changes when something that was built on the tip may not be committed any more. */
  get generation(): number {
    return this.#generation
  }

  /** Why nothing can be written any more. */
  get failure(): StorageError | null {
    return this.#failure
  }

  /** A node of a change that is not yet applied. */
  pendingNode(nodeIndex: number): Node | null {
    return this.#pendingNodes.size === 0 ? null : (this.#pendingNodes.get(nodeIndex) ?? null)
  }

  /**
   * Resolves when the change is stored at that level. It must have been built on the tip as it is now.
   * The bytes of its blocks must not change until then.
   * @throws StorageError WRITE_FAILED; StateError CLOSED; ArgumentError LIMIT_EXCEEDED
   */
  commit(change: Change, level: Durability): Promise<void> {
    if (this.#closed) return Promise.reject(new StateError('CLOSED', 'The log is closed'))
    if (this.#failure !== null) return Promise.reject(this.#failure)
    if (change.head !== null) {
      if (change.ancestor < this.#tip.length) this.#generation++
      this.#tip = change.head.tree
    }
    if (!change.isAppend) {
      for (const node of change.nodes) this.#pendingNodes.set(node.nodeIndex, node)
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ change, blockBytes: blockBytesOf(change), level, resolve, reject })
      this.#startDraining()
    })
  }

  /** Nothing is waiting or being written. */
  async idle(): Promise<void> {
    while (this.#draining !== null) await this.#draining
  }

  /** Everything acknowledged so far is at level `power`. @throws StorageError WRITE_FAILED */
  async flush(): Promise<void> {
    await this.idle()
    if (this.#failure !== null) throw this.#failure
    await this.#sync()
  }

  /** Leaves nothing to replay: files, a fresh half with its header, a seal, all synced. `anew`: in any case. */
  async settle(anew = false): Promise<void> {
    if (!anew && this.#cleanSeq === this.#parts.oplog.lastSeq) return
    await this.#startHalf(true)
    await this.#parts.oplog.seal()
    await this.#parts.oplog.file.sync()
    this.#cleanSeq = this.#parts.oplog.lastSeq
  }

  /** Finishes what was asked, then settles. The first failure is thrown; nothing is running after that. */
  async close(): Promise<void> {
    this.#closed = true
    await this.idle()
    this.#syncTimer?.[Symbol.dispose]()
    this.#sealTimer?.[Symbol.dispose]()
    await this.#checkpoint.idle()
    try {
      if (this.#failure === null) await this.settle()
    } finally {
      this.#sealTimer?.[Symbol.dispose]()
    }
  }

  #startDraining(): void {
    if (this.#draining !== null) return
    // A turn later, so that all calls of this turn share a group.
    this.#draining = Promise.resolve().then(() => this.#drain())
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      try {
        await this.#commitGroup()
      } catch (error) {
        this.#rejectAll(error)
      }
    }
    // In the same breath as the look at the queue: a change that came in between would wait for ever.
    this.#draining = null
  }

  async #commitGroup(): Promise<void> {
    const { oplog, files, state } = this.#parts
    let bodies = this.#layOut()
    if (bodies.length === 0) {
      await this.#startHalf(false)
      bodies = this.#layOut()
    }
    if (bodies.length === 0) {
      const change = this.#queue[0]!.change
      throw new ArgumentError(
        'LIMIT_EXCEEDED',
        `A change of ${change.nodes.length} nodes does not fit into the oplog`
      )
    }
    const jobs = this.#queue.slice(0, bodies.length)
    for (const { change } of jobs) state.prepare(change)
    const firstSeq = oplog.lastSeq + 1
    const written = this.#write(oplog.prepare(bodies, null), bodies)
    if (written !== null) await written
    if (files.canSync && jobs.some((job) => job.level === 'power')) await this.#sync()
    this.#queue.splice(0, jobs.length)
    for (let i = 0; i < jobs.length; i++) this.#apply(jobs[i]!, bodies[i]!, firstSeq + i)
    this.#afterGroup()
  }

  /** Bodies for the first changes of the queue, as many as go into one group and into the half. */
  #layOut(): ChangeBody[] {
    const { limits, oplog } = this.#parts
    const count = this.#groupCount()
    let blockBytes = 0
    for (let i = 0; i < count; i++) blockBytes += this.#queue[i]!.blockBytes
    const bodies: ChangeBody[] = []
    let space = 0
    for (let i = 0; i < count; i++) {
      const job = this.#queue[i]!
      const large = blockBytes > limits.inlineLimitBytes || this.#isCheapOutside(job)
      const outside = large && this.#outside.allows(job.change)
      if (!outside && job.blockBytes > limits.inlineLimitBytes) break
      const body = new ChangeBody(job.change, job.blockBytes, outside)
      space += entrySpace(body.byteLength)
      if (!oplog.hasRoom(space)) break
      bodies.push(body)
      this.#outside.note(job.change)
    }
    return bodies
  }

  /**
   * A fetched block that waits for no sync is written once only. If it should be lost with the power while its
   * entry is not, recovery counts it as absent and it is fetched again; an append must not be lost in part.
   */
  #isCheapOutside({ change, level, blockBytes }: Job): boolean {
    if (change.isAppend || change.head !== null || level === 'power') return false
    return blockBytes >= this.#parts.limits.fetchedInlineBytes
  }

  #groupCount(): number {
    const { limits } = this.#parts
    const most = Math.min(this.#queue.length, limits.groupChanges)
    let blockBytes = 0
    for (let i = 0; i < most; i++) {
      blockBytes += this.#queue[i]!.blockBytes
      if (i > 0 && blockBytes > limits.groupBytes) return i
    }
    return most
  }

  /** Null if it is done already. */
  #write(group: Group, bodies: readonly ChangeBody[]): Promise<void> | null {
    const { oplog, state } = this.#parts
    const outside = bodies.some((body) => body.isOutside)
    if (!outside && oplog.writeNow(group)) {
      oplog.advance(group)
      return null
    }
    const writes = [oplog.write(group)]
    for (const { isOutside, blocks } of bodies) {
      if (isOutside && blocks !== null) {
        writes.push(state.blocks.writeOutside(blocks.byteOffset, blocks.parts))
      }
    }
    return allDone(writes).then(() => {
      oplog.advance(group)
      if (outside) this.#outsideSeq = oplog.lastSeq
    })
  }

  /** Makes everything written so far survive a power cut, and publishes it. */
  async #sync(): Promise<void> {
    const { oplog, files } = this.#parts
    const target = oplog.lastSeq
    if (target <= oplog.syncedSeq) return
    const syncs = [oplog.file.sync()]
    if (this.#outsideSeq > this.#outsideSyncedSeq) syncs.push(files.blocks.sync())
    try {
      await allDone(syncs)
    } catch (error) {
      throw this.#fail(error)
    }
    this.#outsideSyncedSeq = Math.max(this.#outsideSyncedSeq, target)
    oplog.synced(target)
    this.#publish()
    this.#seal()
  }

  /**
   * Brings everything into the files and starts the other half with a header, written at once. It is synced if
   * asked for, or if ranges were freed: their bytes may be written over only when nothing refers to them.
   */
  async #startHalf(synced: boolean): Promise<void> {
    const { oplog, state } = this.#parts
    await this.#checkpoint.runAll()
    const header = headerBody(state.head, state.manifest, state.contiguousLength)
    const written = this.#write(oplog.prepare([], header), [])
    if (written !== null) await written
    this.#checkpoint.halfStarted()
    if (!synced && !this.#outside.hasFreed) return
    await this.#sync()
    if (this.#outside.hasFreed) await state.blocks.trim(state.tree.byteLength)
    this.#outside.reset(state.tree)
  }

  #apply(job: Job, body: ChangeBody, seq: number): void {
    const { state, onApplied } = this.#parts
    apply(state, job.change, body.inlineBytes)
    for (const node of this.#pendingNodes.size === 0 ? [] : job.change.nodes) {
      if (this.#pendingNodes.get(node.nodeIndex) === node) this.#pendingNodes.delete(node.nodeIndex)
    }
    this.#unpublished.push({ seq, change: job.change })
    onApplied(job.change)
    job.resolve()
  }

  #afterGroup(): void {
    const { oplog, files, env, limits } = this.#parts
    if (!files.canSync) oplog.synced(oplog.lastSeq)
    this.#publish()
    if (oplog.lastSeq > oplog.syncedSeq) {
      this.#syncTimer ??= env.setTimer(limits.syncAfterMs, () => {
        this.#syncTimer = null
        background(this.#sync(), () => {})
      })
    }
    this.#checkpoint.consider()
  }

  #publish(): void {
    const { oplog, onPublished } = this.#parts
    const { syncedSeq } = oplog
    let count = 0
    for (const { seq, change } of this.#unpublished) {
      if (seq > syncedSeq) break
      count++
      onPublished(change)
    }
    if (count > 0) this.#unpublished.splice(0, count)
  }

  /** A witness that may get lost: a failure to write it is no failure of the log. */
  #seal(): void {
    const { oplog, env, limits } = this.#parts
    background(oplog.seal(), () => {})
    if (this.#closed) return
    this.#sealTimer?.[Symbol.dispose]()
    this.#sealTimer = env.setTimer(limits.sealAfterMs, () => {
      this.#sealTimer = null
      background(oplog.file.sync(), (error) => this.#fail(error))
    })
  }

  #rejectAll(error: unknown): void {
    this.#generation++
    this.#tip = this.#parts.state.tree
    this.#pendingNodes.clear()
    for (const job of this.#queue.splice(0)) job.reject(error)
  }

  #fail(error: unknown): StorageError {
    this.#failure ??= new StorageError(
      'WRITE_FAILED',
      'A sync failed: the log can be read, and written again after reopening it',
      error
    )
    return this.#failure
  }
}
