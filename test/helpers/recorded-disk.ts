// A disk in memory that syncs, counts, fails on demand, and remembers every operation, so that the disk as it
// was, or may have been, after a power cut at any moment can be made of it.
import type { RandomAccess, StorageFactory } from '../../lib/storage/file.ts'

export type DiskOperation =
  | {
      readonly kind: 'write'
      readonly file: string
      readonly offset: number
      readonly bytes: Uint8Array
    }
  | { readonly kind: 'truncate'; readonly file: string; readonly byteLength: number }
  /** Covers the operations before `from`. */
  | { readonly kind: 'sync'; readonly file: string; readonly from: number }

export type Images = Map<string, Uint8Array>
type Fault = (kind: 'read' | 'write' | 'truncate' | 'sync', file: string) => Error | null

export class RecordedDisk {
  readonly trace: DiskOperation[] = []
  readonly initial: Images
  readonly #images: Images
  /** Asked before each operation. */
  fault: Fault = () => null

  constructor(images: Images = new Map()) {
    this.initial = new Map([...images].map(([name, bytes]) => [name, bytes.slice()]))
    this.#images = new Map(images)
  }

  get images(): Images {
    return this.#images
  }

  count(kind: DiskOperation['kind'], file?: string): number {
    return this.trace.filter((op) => op.kind === kind && (file === undefined || op.file === file))
      .length
  }

  readonly factory: StorageFactory = (name): RandomAccess => {
    const image = (): Uint8Array => this.#images.get(name) ?? new Uint8Array(0)
    const check = (kind: 'read' | 'write' | 'truncate' | 'sync'): void => {
      const error = this.fault(kind, name)
      if (error !== null) throw error
    }
    const record = (op: DiskOperation): void => {
      this.trace.push(op)
      this.#images.set(name, applied(image(), op))
    }
    const readNow = (offset: number, target: Uint8Array): void => {
      check('read')
      if (offset + target.byteLength > image().byteLength) throw new Error('The file ends before')
      target.set(image().subarray(offset, offset + target.byteLength))
    }
    const writeNow = (offset: number, bytes: Uint8Array): void => {
      check('write')
      record({ kind: 'write', file: name, offset, bytes: bytes.slice() })
    }
    return {
      open: (callback) => queueMicrotask(() => callback(null)),
      close: (callback) => queueMicrotask(() => callback(null)),
      stat: (callback) => queueMicrotask(() => callback(null, { size: image().byteLength })),
      read(offset, byteLength, callback) {
        const bytes = new Uint8Array(byteLength)
        later(
          () => readNow(offset, bytes),
          (error) => callback(error, bytes)
        )
      },
      write: (offset, bytes, callback) => later(() => writeNow(offset, bytes), callback),
      truncate: (byteLength, callback) =>
        later(() => {
          check('truncate')
          record({ kind: 'truncate', file: name, byteLength })
        }, callback),
      sync: (callback) => {
        const from = this.trace.length
        later(() => {
          check('sync')
          this.trace.push({ kind: 'sync', file: name, from })
        }, callback)
      },
      readNow,
      writeNow
    }
  }

  /** What is certain at the cut, and the operations after it, file by file, of which anything may be true. */
  #split(cut: number): { certain: Images; open: Map<string, DiskOperation[]> } {
    const syncedTo = new Map<string, number>()
    for (const op of this.trace.slice(0, cut)) {
      if (op.kind === 'sync') {
        syncedTo.set(op.file, Math.max(op.from, syncedTo.get(op.file) ?? 0))
      }
    }
    const certain: Images = new Map(this.initial)
    const open = new Map<string, DiskOperation[]>()
    this.trace.slice(0, cut).forEach((op, at) => {
      if (op.kind === 'sync') return
      if (at < (syncedTo.get(op.file) ?? 0)) {
        certain.set(op.file, applied(certain.get(op.file) ?? new Uint8Array(0), op))
      } else {
        const list = open.get(op.file) ?? []
        list.push(op)
        open.set(op.file, list)
      }
    })
    return { certain, open }
  }

  /** The disk if the process was killed before operation `cut`, which may have begun: so many bytes of it. */
  killedAt(cut: number, tornBytes = 0): Images {
    const images: Images = new Map(this.initial)
    for (const op of this.trace.slice(0, cut)) apply(images, op)
    const next = this.trace[cut]
    if (tornBytes > 0 && next?.kind === 'write') {
      apply(images, { ...next, bytes: next.bytes.subarray(0, tornBytes) })
    }
    return images
  }

  /** A disk after a power cut: of the open operations those pieces of at most a page that `keep` names are there. */
  powerCutAt(cut: number, keep: (piece: number, count: number) => boolean): Images {
    const { certain, open } = this.#split(cut)
    const images: Images = new Map([...certain].map(([name, bytes]) => [name, bytes.slice()]))
    const pieces = [...open.values()].flatMap((ops) => ops.flatMap(inPages))
    pieces.forEach((piece, i) => {
      if (keep(i, pieces.length)) apply(images, piece)
    })
    return images
  }
}

const PAGE_BYTES = 4096

function inPages(op: DiskOperation): DiskOperation[] {
  if (op.kind !== 'write') return [op]
  const pieces: DiskOperation[] = []
  let at = 0
  while (at < op.bytes.byteLength) {
    const offset = op.offset + at
    const count = Math.min(op.bytes.byteLength - at, PAGE_BYTES - (offset % PAGE_BYTES))
    pieces.push({ ...op, offset, bytes: op.bytes.subarray(at, at + count) })
    at += count
  }
  return pieces
}

function apply(images: Images, op: DiskOperation): void {
  images.set(op.file, applied(images.get(op.file) ?? new Uint8Array(0), op))
}

function applied(image: Uint8Array, op: DiskOperation): Uint8Array {
  if (op.kind === 'sync') return image
  const end = op.kind === 'write' ? op.offset + op.bytes.byteLength : op.byteLength
  const byteLength = op.kind === 'truncate' ? end : Math.max(image.byteLength, end)
  const next = new Uint8Array(byteLength)
  next.set(image.subarray(0, byteLength))
  if (op.kind === 'write') next.set(op.bytes, op.offset)
  return next
}

function later(run: () => void, callback: (error: Error | null) => void): void {
  setImmediate(() => {
    let failure: Error | null = null
    try {
      run()
    } catch (error) {
      failure = error as Error
    }
    callback(failure)
  })
}
