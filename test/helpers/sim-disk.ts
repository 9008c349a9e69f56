// A disk in memory that syncs, fails on demand and remembers every operation, so that each disk that a crash may
// leave can be made of its trace (crash-states.ts). After a sync that fails, what was written since the last good one
// can still be read, and is lost with the power all the same, whatever later syncs say, unless it is written again.
import type { RandomAccess, StorageFactory } from '../../lib/storage/file.ts'
import {
  type Alteration,
  altered,
  type DiskImage,
  emptyFile,
  type FileImage,
  readInto
} from './disk-image.ts'

export type SyncMark = {
  readonly kind: 'sync' | 'failed-sync'
  readonly file: string
  /** Covers the operations before it in the trace. */
  readonly from: number
}
export type TraceEntry = Alteration | SyncMark

export type DiskAction = 'open' | 'stat' | 'read' | 'write' | 'truncate' | 'sync' | 'close'

/** What goes wrong with one operation. */
export interface Fault {
  readonly error: NodeJS.ErrnoException
  /** Of a write: so many of its bytes get there; of a read: so many come back, and no error. */
  readonly bytes?: number
}

export type Faults = (action: DiskAction, file: string, byteLength: number) => Fault | null

export function errno(code: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`${code}: made to fail`)
  error.code = code
  return error
}

export interface SimDiskOptions {
  /** Default: a turn of the event loop, so that calls in flight overlap. */
  readonly later?: (run: () => void) => void
  readonly faults?: Faults
}

export class SimDisk {
  readonly initial: DiskImage
  readonly trace: TraceEntry[] = []
  faults: Faults
  /** Bytes given to readers so far. */
  bytesRead = 0
  readonly #files: Map<string, FileImage>
  readonly #later: (run: () => void) => void

  constructor(initial: DiskImage = new Map(), options: SimDiskOptions = {}) {
    this.initial = initial
    this.#files = new Map(initial)
    this.#later = options.later ?? ((run) => setImmediate(run))
    this.faults = options.faults ?? (() => null)
  }

  /** As those see it who read it now. */
  get image(): DiskImage {
    return new Map(this.#files)
  }

  readonly factory: StorageFactory = (name): RandomAccess => ({
    open: (callback) => this.#settle(() => this.#check('open', name), callback),
    close: (callback) => this.#settle(() => this.#check('close', name), callback),
    stat: (callback) =>
      this.#settle(
        () => this.#check('stat', name),
        (error) => callback(error, { size: this.#file(name).byteLength })
      ),
    read: (offset, byteLength, callback) => {
      let bytes = new Uint8Array(byteLength)
      this.#settle(
        () => {
          bytes = bytes.subarray(0, this.#read(name, offset, bytes))
        },
        (error) => callback(error, bytes)
      )
    },
    write: (offset, bytes, callback) =>
      this.#settle(() => this.#write(name, offset, bytes), callback),
    truncate: (byteLength, callback) =>
      this.#settle(() => {
        this.#check('truncate', name)
        this.#record({ kind: 'truncate', file: name, byteLength })
      }, callback),
    // A hole is zeros that are not on the disk before the next sync, like any other write.
    del: (offset, byteLength, callback) =>
      this.#settle(() => this.#write(name, offset, new Uint8Array(byteLength)), callback),
    sync: (callback) => {
      const from = this.trace.length
      this.#settle(() => this.#sync(name, from), callback)
    },
    readNow: (offset, target) => {
      if (this.#read(name, offset, target) < target.byteLength) throw new Error('Short read')
    },
    writeNow: (offset, bytes) => this.#write(name, offset, bytes)
  })

  #file(name: string): FileImage {
    return this.#files.get(name) ?? emptyFile
  }

  #check(action: DiskAction, name: string): void {
    const fault = this.faults(action, name, 0)
    if (fault !== null) throw fault.error
  }

  #read(name: string, offset: number, target: Uint8Array): number {
    const fault = this.faults('read', name, target.byteLength)
    if (fault !== null && fault.bytes === undefined) throw fault.error
    const file = this.#file(name)
    if (offset + target.byteLength > file.byteLength) throw new Error('The file ends before')
    const count = fault?.bytes ?? target.byteLength
    readInto(file, offset, target.subarray(0, count))
    this.bytesRead += count
    return count
  }

  #write(name: string, offset: number, bytes: Uint8Array): void {
    const fault = this.faults('write', name, bytes.byteLength)
    const count = fault === null ? bytes.byteLength : (fault.bytes ?? 0)
    if (count > 0) {
      this.#record({ kind: 'write', file: name, offset, bytes: bytes.slice(0, count) })
    }
    if (fault !== null) throw fault.error
  }

  #sync(name: string, from: number): void {
    const fault = this.faults('sync', name, 0)
    this.trace.push({ kind: fault === null ? 'sync' : 'failed-sync', file: name, from })
    if (fault !== null) throw fault.error
  }

  #record(op: Alteration): void {
    this.trace.push(op)
    this.#files.set(op.file, altered(this.#file(op.file), op))
  }

  #settle(run: () => void, callback: (error: Error | null) => void): void {
    this.#later(() => {
      let failure: Error | null = null
      try {
        run()
      } catch (error) {
        failure = error as Error
      }
      callback(failure)
    })
  }
}
