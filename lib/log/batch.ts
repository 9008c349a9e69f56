// Batch: values that are gathered, and read back, before they are appended as one unit. It builds on the log as it was
// when the batch was begun: if the log has moved on by the time of the flush, nothing is appended.
import { ArgumentError, StateError } from '../errors.ts'
import { checkInteger } from '../util/options.ts'
import { Resource } from '../util/resource.ts'
import type { AppendOptions, GetOptions } from './session.ts'

/** What a batch needs of its log. */
export interface BatchBase<T> {
  readonly length: number
  readonly fork: number
  get(index: number, options?: GetOptions): Promise<T>
  append(
    values: readonly T[],
    options: AppendOptions
  ): Promise<{ length: number; byteLength: number }>
}

export class LogBatch<T> extends Resource {
  readonly #log: BatchBase<T>
  readonly #base: number
  readonly #fork: number
  #values: T[] = []
  #isFlushed = false

  constructor(log: BatchBase<T>) {
    super()
    this.#log = log
    this.#base = log.length
    this.#fork = log.fork
  }

  /** Of the log with what was gathered. */
  get length(): number {
    return this.#base + this.#values.length
  }

  /** Gathers one value, or all of an array; returns the length with them. @throws StateError CLOSED */
  append(values: T | readonly T[]): number {
    this.#assertGathering()
    this.#values.push(...((Array.isArray(values) ? values : [values]) as readonly T[]))
    return this.length
  }

  /** A gathered value, or one of the log's. @throws as Log.get; ArgumentError INVALID_ARGUMENT past the end */
  async get(index: number, options?: GetOptions): Promise<T> {
    checkInteger(index, 0, 'get: index')
    this.assertOpen('batch')
    if (index < this.#base) return await this.#log.get(index, options)
    const value = this.#values[index - this.#base]
    if (index >= this.length) {
      throw new ArgumentError('INVALID_ARGUMENT', `Block ${index} is past the batch's end`)
    }
    return value as T
  }

  /** Drops the gathered values from that length on; those of the log stay. @throws ArgumentError */
  truncate(length: number): void {
    checkInteger(length, this.#base, 'truncate: length')
    this.#assertGathering()
    this.#values = this.#values.slice(0, length - this.#base)
  }

  /**
   * Appends all that was gathered as one unit; the batch is used up.
   * @throws StateError OUTDATED if the log is not as it was when the batch was begun, and nothing was appended; else as
   *   Log.append
   */
  async flush(options: AppendOptions = {}): Promise<{ length: number; byteLength: number }> {
    this.#assertGathering()
    if (this.#log.fork !== this.#fork) {
      throw new StateError('OUTDATED', `The log is under fork ${this.#log.fork} by now`)
    }
    const result = await this.#log.append(this.#values, { ...options, ifLength: this.#base })
    this.#isFlushed = true
    await this.close()
    return result
  }

  /** What was gathered and not flushed is forgotten. */
  protected override onClose(): Promise<void> {
    this.#values = []
    return Promise.resolve()
  }

  #assertGathering(): void {
    if (this.#isFlushed) throw new StateError('CLOSED', 'The batch was flushed')
    this.assertOpen('batch')
  }
}
