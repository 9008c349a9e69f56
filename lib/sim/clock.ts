// SimClock: an Env whose time moves only from one due task to the next. Tasks that are due at the same moment run in an
// order that the seed decides. One thread, no real timers, no real I/O: the same seed gives the same run.
// Invariant: time never runs backwards; after each task everything that it set off has run before the next one.
import type { Env } from '../env.ts'
import { atNextTurn } from '../util/next-turn.ts'
import type { SeededRandom } from './random.ts'

/** Turns of the real event loop after each task: promises, and work that gives way to others once or twice. */
const TURNS_PER_TASK = 2
/** Turns after which nothing more is on its way when no task is left. */
const TURNS_WHEN_IDLE = 64

interface Task {
  readonly at: number
  /** Decides between tasks that are due at the same time. */
  readonly order: number
  run: (() => void) | null
}

export class SimClock implements Env {
  readonly #random: SeededRandom
  #now = 0
  /** A binary heap, the first one due at index 0. */
  readonly #heap: Task[] = []
  #ran = 0
  #trace = 0x811c9dc5

  constructor(random: SeededRandom) {
    this.#random = random
  }

  /** Milliseconds of virtual time since the begin. */
  now(): number {
    return this.#now
  }

  random(): number {
    return this.#random.next()
  }

  randomBytes(byteLength: number): Uint8Array {
    return this.#random.bytes(byteLength)
  }

  setTimer(delayMs: number, run: () => void): Disposable {
    const task: Task = { at: this.#now + Math.max(0, delayMs), order: this.#random.next(), run }
    this.#push(task)
    return {
      [Symbol.dispose]() {
        task.run = null
      }
    }
  }

  /** Tasks that were run so far. */
  get taskCount(): number {
    return this.#ran
  }

  /** Tasks that wait. */
  get waitingCount(): number {
    return this.#heap.reduce((count, { run }) => (run === null ? count : count + 1), 0)
  }

  /** Stands for all that happened, and when: two runs of one seed have the same. */
  get traceHash(): number {
    return this.#trace >>> 0
  }

  /** Adds something that happened to the trace. */
  note(value: number): void {
    this.#trace = Math.imul(this.#trace ^ (value & 0xffffffff), 0x01000193)
  }

  /**
   * Lets time pass until the condition holds, looked at after each task.
   * @returns whether it came to hold within the time
   */
  async until(condition: () => boolean, withinMs: number): Promise<boolean> {
    const end = this.#now + withinMs
    if (condition()) return true
    while (await this.#step(end)) if (condition()) return true
    this.#now = end
    return condition()
  }

  async run(forMs: number): Promise<void> {
    await this.until(() => false, forMs)
  }

  /** Waits for a promise while time passes. @throws what it rejects with; an Error if it takes longer than that */
  async settled<T>(promise: Promise<T>, withinMs: number): Promise<T> {
    let isDone = false
    const done = promise.then(
      (value) => {
        isDone = true
        return { value }
      },
      (error: unknown) => {
        isDone = true
        return { error }
      }
    )
    await turns(TURNS_PER_TASK)
    if (!(await this.until(() => isDone, withinMs))) {
      throw new Error(`Not done after ${withinMs} ms of virtual time`)
    }
    const result = await done
    if ('error' in result) throw result.error
    return result.value
  }

  /** Runs the next task that is due by then; false: there is none. */
  async #step(end: number): Promise<boolean> {
    let task = this.#pop(end)
    if (task === null) {
      await turns(TURNS_WHEN_IDLE)
      task = this.#pop(end)
      if (task === null) return false
    }
    this.#now = task.at
    this.#ran++
    this.note(Math.floor(task.at * 1000))
    const { run } = task
    task.run = null
    run?.()
    await turns(TURNS_PER_TASK)
    return true
  }

  #push(task: Task): void {
    const heap = this.#heap
    let at = heap.push(task) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (isBefore(heap[parent]!, task)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = task
  }

  /** The first task that was not disposed of and is due by then. */
  #pop(end: number): Task | null {
    const heap = this.#heap
    for (let first = heap[0]; first !== undefined; first = heap[0]) {
      if (first.run !== null && first.at > end) return null
      const last = heap.pop()
      if (heap.length > 0 && last !== undefined) this.#sink(last)
      if (first.run !== null) return first
    }
    return null
  }

  #sink(task: Task): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (isBefore(task, heap[child]!)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = task
  }
}

function isBefore(a: Task, b: Task): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => atNextTurn(resolve))
}
