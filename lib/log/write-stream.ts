// WriteStream: appends what is written to it. What waits while an append is under way goes into the next one.
import { Writable } from 'streamx'
import type { AppendOptions } from './session.ts'

/** What a write stream needs of a log. */
export interface WriteTarget<T> {
  append(values: readonly T[], options: AppendOptions): Promise<unknown>
}

/** A stream of streamx; each value that is written becomes a block. */
export type WriteStream<T> = Omit<Writable, 'write' | 'end'> & {
  /** False: wait for drain. */
  write(value: T): boolean
  end(value?: T): unknown
}

/** Values that wait before write says false. */
const MAX_WAITING_VALUES = 256

export function createWriteStream<T>(log: WriteTarget<T>, options: AppendOptions): WriteStream<T> {
  return new Writable({
    highWaterMark: MAX_WAITING_VALUES,
    byteLength: () => 1,
    writev(values, done): void {
      log.append(values as readonly T[], options).then(() => done(null), done)
    }
  }) as unknown as WriteStream<T>
}
