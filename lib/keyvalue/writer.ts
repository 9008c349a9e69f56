// Writer: the one that appends to the log of a store. Operations that come while a group is being written are written
// together as the next one; a batch is a group of its own. Nothing is visible before its append resolves
// (spec hamt.md sections 7.4, 7.8 and 7.9).
import { StateError } from '../errors.ts'
import type { Blocks } from './blocks.ts'
import { Change, conditionFailed, type Operation, type Outcome } from './change.ts'
import { MAX_APPENDED_BLOCKS, MAX_JOINED_OPERATIONS } from './constants.ts'
import { type CheckpointFields, type Fragment, fragmentAt } from './fragment.ts'
import { EMPTY_LENGTH, floorVersion } from './head.ts'
import { Group, packGroup } from './pack.ts'
import type { Paths } from './path.ts'
import { writeValue } from './value.ts'

export interface WriterPolicy {
  /** Bytes that a page aims at. */
  readonly pageBytes: number
  /** Longer values get blocks of their own. */
  readonly inlineBytes: number
}

/** What the writer needs to know of its store. */
export interface WriterStore {
  readonly blocks: Blocks
  readonly policy: WriterPolicy
  /** The path function, and the header if the log does not have it yet. */
  paths(): Promise<{ readonly paths: Paths; readonly header: Uint8Array | null }>
  /** A group was appended: how many operations. */
  wrote(operations: number): void
  /** What may be due between two groups. */
  readonly checkpoints: { readonly mayBeDue: boolean; ifDue(): Promise<void> }
}

interface Job {
  readonly operations: readonly Operation[]
  /** All or nothing, in a group of its own. */
  readonly isBatch: boolean
  resolve(result: Written): void
  reject(error: unknown): void
}

export interface Written {
  readonly outcomes: readonly Outcome[]
  /** Of the store, with all of it. */
  readonly version: number
}

/** What a group builds on. */
export interface Base {
  /** Its length is where the group begins. */
  readonly version: number
  readonly head: Fragment | null
  readonly paths: Paths
  /** To be appended first. */
  readonly header: Uint8Array | null
}

export class Writer {
  readonly #store: WriterStore
  #waiting: Job[] = []
  #isRunning = false
  /** Work that needs the log to itself: checkpoints. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(store: WriterStore) {
    this.#store = store
  }

  /** @throws StateError CONDITION_FAILED (batches), COLLISION; FormatError; as Log.append */
  write(operations: readonly Operation[], isBatch: boolean): Promise<Written> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operations, isBatch, resolve, reject })
      if (!this.#isRunning) void this.#run()
    })
  }

  /** Runs work while nothing else is written. */
  exclusively<R>(work: () => Promise<R>): Promise<R> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }

  /** Resolves when all that was asked for so far is settled. */
  async idle(): Promise<void> {
    while (this.#isRunning) await this.exclusively(() => Promise.resolve())
    await this.#turn
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    while (this.#waiting.length > 0) {
      // A turn later, so that calls made one after the other are written together.
      await this.exclusively(() => this.#writeGroup(this.#nextJobs()))
      if (this.#store.checkpoints.mayBeDue) {
        await this.exclusively(() => this.#store.checkpoints.ifDue())
      }
    }
    this.#isRunning = false
  }

  /** A batch, or the single operations before the next batch. */
  #nextJobs(): Job[] {
    const [first] = this.#waiting
    if (first === undefined) return []
    let count = 1
    if (!first.isBatch) {
      while (count < Math.min(this.#waiting.length, MAX_JOINED_OPERATIONS)) {
        if (this.#waiting[count]!.isBatch) break
        count++
      }
    }
    return this.#waiting.splice(0, count)
  }

  /** What comes twice for one key waits for the next group: each write keeps its own version. */
  async #writeGroup(jobs: readonly Job[]): Promise<void> {
    try {
      const base = await this.base()
      const change = new Change(headOf(base), base.paths)
      const done: { job: Job; outcomes: Outcome[] }[] = []
      for (const [i, job] of jobs.entries()) {
        if (!job.isBatch && change.touches(job.operations[0]!.key)) {
          this.#waiting = [...jobs.slice(i), ...this.#waiting]
          break
        }
        const outcomes = await this.#applyAll(change, job)
        if (outcomes !== null) done.push({ job, outcomes })
      }
      const version = change.isEmpty ? base.version : await this.#append(base, change)
      for (const { job, outcomes } of done) job.resolve({ outcomes, version })
    } catch (error) {
      for (const job of jobs) if (!this.#waiting.includes(job)) job.reject(error)
    }
  }

  /** Null: the job was rejected, and left nothing in the change. */
  async #applyAll(change: Change, job: Job): Promise<Outcome[] | null> {
    const { blocks } = this.#store
    const outcomes: Outcome[] = []
    try {
      for (const operation of job.operations) {
        const step = blocks.run(change.apply(operation), {})
        const outcome = step instanceof Promise ? await step : step
        if (job.isBatch && outcome.isRefused) throw conditionFailed()
        outcomes.push(outcome)
      }
      return outcomes
    } catch (error) {
      if (job.isBatch) throw error
      job.reject(error)
      return null
    }
  }

  /** The newest version, and what the next group builds on. An unfinished group at the end is cut off. */
  async base(): Promise<Base> {
    const { blocks } = this.#store
    const { log } = blocks
    const { paths, header } = await this.#store.paths()
    const version = await blocks.run(floorVersion(log.length), {})
    if (version < log.length) await log.truncate(version)
    const head = version > EMPTY_LENGTH ? await blocks.run(fragmentAt(version - 1), {}) : null
    return { version, head, paths, header }
  }

  /**
   * Appends blocks that build on a base; the answer: the new version. Groups that are too large for one append take
   * several: readers see them when their commit is there; what a failure leaves of one is cut off.
   * @throws StateError OUTDATED if the log is longer by now; as Log.append
   */
  async append({ version, header }: Base, group: Group): Promise<number> {
    const { blocks } = this.#store
    const all = header === null ? group.blocks : [header, ...group.blocks]
    let length = version
    try {
      for (let start = 0; start < all.length; start += MAX_APPENDED_BLOCKS) {
        const part = all.slice(start, start + MAX_APPENDED_BLOCKS)
        length = (await blocks.log.append(part, { ifLength: length })).length
        blocks.written(version + start, part)
      }
    } catch (error) {
      if (length > version) await blocks.log.truncate(version)
      throw error
    }
    return length
  }

  async #append(base: Base, change: Change): Promise<number> {
    const { pageBytes, inlineBytes } = this.#store.policy
    const group = groupOn(base)
    for (const leaf of change.leaves()) {
      if ('inline' in leaf.value && leaf.value.inline.byteLength > inlineBytes) {
        leaf.value = writeValue(group, leaf.value.inline)
      }
    }
    const { slot } = change.root
    const root = typeof slot === 'number' ? null : slot
    const count = (base.head?.count ?? 0) + change.countDelta
    const deletions = change.deletions()
    packGroup(group, { root, deletions, count, checkpoint: nextFields(base.head) }, pageBytes)
    const version = await this.append(base, group)
    this.#store.wrote(change.operations)
    return version
  }
}

/** A group that begins where the base ends. */
export function groupOn({ version, header }: Base): Group {
  return new Group(version, header === null ? 0 : 1)
}

function headOf({ version, head }: Base): number | null {
  return head === null || head.root < 0 ? null : version - 1
}

/** Every commit repeats the list of the newest checkpoint. */
function nextFields(head: Fragment | null): CheckpointFields | null {
  if (head?.checkpoint == null) return null
  const { newest, spans } = head.checkpoint
  return { newest, spans, floor: null }
}

/** @throws StateError NOT_WRITABLE */
export function assertWritable(isWritable: boolean): void {
  if (isWritable) return
  throw new StateError('NOT_WRITABLE', 'The store cannot be written to here')
}
