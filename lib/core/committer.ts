// Committer: makes changes durable, in order, many per write and sync. The only writer of the data side.
//
//   gather → room → write → sync (the commit point at level `power`) → apply → answer → publish
//
// It knows three trees: the published one is synced, so peers may hear of it; `state.tree` is acknowledged,
// that is written, at level `process`; `tip` is what the next change builds on. If a write fails, the group and
// all behind it are rejected and the tip falls back to the state. A failed sync is final: the log is `failed`
// until it is opened again. Owner: Core. Design: reliability.md sections 2 and 5.
import { StateError, StorageError } from '../errors.ts'
import type { Node } from '../merkle/node.ts'
import type { Tree } from '../merkle/tree.ts'
import type { File } from '../storage/file.ts'
import type { Group } from '../storage/oplog.ts'
import { allDone } from '../util/all-done.ts'
import { blockBytesOf, type Change } from './change.ts'
import { type ChangeBody, headerBody } from './change-format.ts'
import { Checkpoint } from './checkpoint.ts'
import type { CommitterParts } from './committer-parts.ts'
import type { Durability } from './durability.ts'
import { layOut, tooLarge, type Waiting } from './group-layout.ts'
import { LateSyncs } from './late-syncs.ts'
import { OutsideRule } from './outside-rule.ts'
import { PendingNodes } from './pending-nodes.ts'
import { apply } from './state.ts'
import { Unpublished } from './unpublished.ts'

interface Job extends Waiting {
  resolve(): void
  reject(error: unknown): void
}

export class Committer {
  readonly #parts: CommitterParts
  readonly #checkpoint: Checkpoint
  readonly #outside: OutsideRule
  readonly #queue: Job[] = []
  readonly #unpublished: Unpublished
  readonly #pendingNodes: PendingNodes = new PendingNodes()
  #draining: Promise<void> | null = null
  #tip: Tree
  #generation = 0
  #failure: StorageError | null = null
  #closed = false
  /** Goes up to the seq of the last group with bytes outside; `blocks` must be synced along with it. */
  #outsideSeq = 0
  #outsideSyncedSeq = 0
  /** Last seq when the oplog was as close leaves it. */
  #cleanSeq: number
  readonly #late: LateSyncs
  /** What has to run while nothing is written. */
  readonly #interludes: (() => Promise<void>)[] = []
  #isWrittenAnew = false

  /** isClean: the half holds nothing but its header, or what closing may leave there. */
  constructor(parts: CommitterParts, isClean: boolean) {
    this.#parts = parts
    this.#tip = parts.state.tree
    this.#unpublished = new Unpublished(parts.replayed.changes, parts.onPublished)
    this.#outside = new OutsideRule(parts.state.tree)
    this.#checkpoint = new Checkpoint(parts, {
      syncOplog: () => this.#sync(),
      onFailedSync: (error) => this.#fail(error)
    })
    this.#cleanSeq = isClean ? parts.oplog.lastSeq : -1
    this.#late = new LateSyncs({
      ...parts,
      sync: () => this.#sync(),
      syncSeal: () => this.#syncFile(parts.oplog.file),
      isFailed: () => this.#failure !== null
    })
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
    return this.#pendingNodes.get(nodeIndex)
  }

  /** Nothing is to be written or synced, and nothing failed: closing would lose nothing. */
  get isAtRest(): boolean {
    const { oplog } = this.#parts
    if (this.#closed || this.#failure !== null || this.#draining !== null) return false
    return oplog.lastSeq <= oplog.syncedSeq && !oplog.hasRejected
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
    this.#pendingNodes.add(change)
    return new Promise((resolve, reject) => {
      this.#queue.push({ change, blockBytes: blockBytesOf(change), level, resolve, reject })
      this.#startDraining()
    })
  }

  /** Runs work while nothing is written to the files: after the group under way and before the next one. */
  quietly<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new StateError('CLOSED', 'The log is closed'))
    return new Promise((resolve, reject) => {
      this.#interludes.push(() => work().then(resolve, reject))
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
    await this.#writeAnew()
    await this.#sync()
  }

  /**
   * Leaves nothing to replay: files, a fresh half with its header, a seal, all synced. A log that is read only, of
   * which nothing can be written, only learns what is synced. `anew`: also if there is nothing to replay.
   */
  async settle(anew = false): Promise<void> {
    const { oplog, readOnly } = this.#parts
    if (this.#failure !== null) throw this.#failure
    if (!anew && this.#cleanSeq === oplog.lastSeq && !oplog.hasRejected) return
    if (readOnly) return this.#sync()
    await this.#writeAnew()
    await this.#startHalf(true)
    await this.#seal()
    this.#isWrittenAnew = true
  }

  /**
   * Finishes what was asked, then settles, or leaves a little to be replayed (`restBytes`). The first failure is
   * thrown; nothing is running after that.
   */
  async close(): Promise<void> {
    this.#closed = true
    await this.idle()
    this.#late.stop()
    await this.#checkpoint.idle()
    await this.#late.done()
    if (this.#failure !== null) return
    if (!this.#mayStay) return this.settle()
    if (this.#cleanSeq === this.#parts.oplog.lastSeq) return
    await this.#writeAnew()
    await this.#sync()
    await this.#seal()
  }

  /** Few bytes, which say nothing of ranges that may be written over, need not be brought into the files. */
  get #mayStay(): boolean {
    const { oplog, limits, readOnly } = this.#parts
    if (readOnly || oplog.hasRejected || this.#outside.hasFreed) return false
    return oplog.usedBytes <= limits.restBytes
  }

  /** Says on the disk that all of the oplog is synced: there is nothing to look for when the log is opened again. */
  async #seal(): Promise<void> {
    const { oplog } = this.#parts
    await oplog.seal()
    await this.#syncFile(oplog.file)
    this.#cleanSeq = oplog.lastSeq
  }

  #startDraining(): void {
    if (this.#draining !== null) return
    // A turn later, so that all calls of this turn share a group.
    this.#draining = Promise.resolve().then(() => this.#drain())
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0 || this.#interludes.length > 0) {
      try {
        const interlude = this.#interludes.shift()
        if (interlude === undefined) await this.#commitGroup()
        else {
          await this.#checkpoint.idle()
          await interlude()
        }
      } catch (error) {
        this.#rejectAll(error)
      }
    }
    // In the same breath as the look at the queue: a change that came in between would wait for ever.
    this.#draining = null
  }

  async #commitGroup(): Promise<void> {
    if (this.#failure !== null) throw this.#failure
    const { oplog, files, state } = this.#parts
    let bodies = layOut(this.#queue, this.#parts, this.#outside)
    if (bodies.length === 0) {
      await this.#startHalf(false)
      bodies = layOut(this.#queue, this.#parts, this.#outside)
    }
    if (bodies.length === 0) throw tooLarge(this.#queue[0]!.change)
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
    const written = (): void => {
      oplog.advance(group)
      if (outside) this.#outsideSeq = oplog.lastSeq
    }
    return allDone(writes).then(written, (error: unknown) => {
      oplog.reject(group)
      throw error
    })
  }

  /** Makes everything written so far survive a power cut, and publishes it. */
  async #sync(): Promise<void> {
    const { oplog, files } = this.#parts
    const target = oplog.lastSeq
    if (target <= oplog.syncedSeq && !oplog.hasRejected) return
    const syncs = [this.#syncFile(oplog.file)]
    if (this.#outsideSeq > this.#outsideSyncedSeq) syncs.push(this.#syncFile(files.blocks))
    await allDone(syncs)
    this.#outsideSyncedSeq = Math.max(this.#outsideSyncedSeq, target)
    oplog.synced(target)
    this.#unpublished.publish(oplog.syncedSeq)
    if (!this.#parts.readOnly) this.#late.seal()
  }

  /**
   * What was replayed and is not known to be synced may be readable without being on the disk, whatever a further
   * sync says: it is written again, in its place, before anything is built on it.
   */
  async #writeAnew(): Promise<void> {
    const { oplog, state, replayed } = this.#parts
    if (oplog.lastSeq <= oplog.syncedSeq || this.#isWrittenAnew) return
    await allDone([
      ...replayed.oplog.map(({ byteOffset, bytes }) => oplog.file.write(byteOffset, bytes)),
      ...replayed.outside.map(({ byteOffset, bytes }) =>
        state.blocks.writeOutside(byteOffset, [bytes])
      )
    ])
    if (replayed.outside.length > 0) this.#outsideSeq = oplog.lastSeq
    this.#isWrittenAnew = true
    await this.#sync()
  }

  /**
   * Brings everything into the files and starts the other half with a header, written at once. It is synced if
   * asked for, or if ranges were freed: their bytes may be written over only when nothing refers to them.
   */
  async #startHalf(synced: boolean): Promise<void> {
    const { oplog, state } = this.#parts
    await this.#checkpoint.runAll()
    const header = headerBody(state)
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
    this.#pendingNodes.remove(job.change)
    this.#unpublished.add(seq, job.change)
    onApplied(job.change)
    job.resolve()
  }

  #afterGroup(): void {
    const { oplog, files } = this.#parts
    if (!files.canSync) oplog.synced(oplog.lastSeq)
    this.#unpublished.publish(oplog.syncedSeq)
    if (oplog.lastSeq > oplog.syncedSeq) this.#late.soon()
    this.#checkpoint.consider()
  }

  /** A failed sync is final, also for those that were under way beside it: what they covered may be lost as well. */
  async #syncFile(file: File): Promise<void> {
    if (this.#failure !== null) throw this.#failure
    if (file === this.#parts.oplog.file) await this.#parts.oplog.wipe()
    try {
      await file.sync()
    } catch (error) {
      throw this.#fail(error)
    }
    if (this.#failure !== null) throw this.#failure
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
