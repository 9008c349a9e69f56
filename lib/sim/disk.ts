// SimDisk: files that forget what was not synced when the power goes. Each unsynced page is then as it was at the last
// sync, or as it was written, or torn at a sector; the file's length likewise (reliability.md section 1).
// Writes and reads take virtual time; those that must not wait happen at once.
import type { Env } from '../env.ts'
import type { RandomAccess, StorageFactory } from '../storage/file.ts'
import type { SeededRandom } from './random.ts'

const PAGE_BYTES = 4096
const SECTOR_BYTES = 512

export interface DiskOptions {
  /** Longest time that an operation takes, in milliseconds; each is drawn. */
  readonly latencyMs?: number
  /** Syncs take so many times as long. */
  readonly syncFactor?: number
}

type Done = (error: Error | null) => void

interface SimFile {
  byteLength: number
  syncedByteLength: number
  readonly pages: Map<number, Uint8Array>
  /** Pages written since the last sync, as they were at it; null: they were not there. */
  readonly before: Map<number, Uint8Array | null>
}

export class SimDisk {
  readonly #env: Env
  readonly #random: SeededRandom
  readonly #options: DiskOptions
  readonly #files: Map<string, SimFile> = new Map()
  /** What was opened before the last crash does nothing any more. */
  #epoch = 0
  /** Fails what would be written, with this; null: it does not. */
  failure: Error | null = null

  constructor(env: Env, random: SeededRandom, options: DiskOptions = {}) {
    this.#env = env
    this.#random = random
    this.#options = options
  }

  /** For Log.open and Store.open: the same files each time. */
  readonly factory: StorageFactory = (name) => new SimStorage(this, name, this.#epoch)

  /** The process died: everything written is there, nobody who had files open can do anything with them. */
  kill(): void {
    this.#epoch++
  }

  /** The power went: of what was not synced each page may be there or not. */
  cutPower(): void {
    this.kill()
    for (const file of this.#files.values()) {
      for (const [number, before] of file.before) this.#tear(file, number, before)
      if (this.#random.next() < 0.5) file.byteLength = file.syncedByteLength
      for (const number of [...file.pages.keys()]) {
        if (number * PAGE_BYTES >= file.byteLength) file.pages.delete(number)
      }
      zeroBeyond(file)
      synced(file)
    }
  }

  fileOf(name: string): SimFile {
    let file = this.#files.get(name)
    if (file === undefined) {
      file = { byteLength: 0, syncedByteLength: 0, pages: new Map(), before: new Map() }
      this.#files.set(name, file)
    }
    return file
  }

  isCurrent(epoch: number): boolean {
    return epoch === this.#epoch
  }

  later(run: () => void, isSync: boolean): void {
    const { latencyMs = 0, syncFactor = 4 } = this.#options
    const most = isSync ? latencyMs * syncFactor : latencyMs
    this.#env.setTimer(this.#random.next() * most, run)
  }

  #tear(file: SimFile, number: number, before: Uint8Array | null): void {
    const dice = this.#random.next()
    if (dice < 0.4) return
    const old = before ?? new Uint8Array(PAGE_BYTES)
    if (dice < 0.8) {
      file.pages.set(number, old)
      return
    }
    const torn = (file.pages.get(number) ?? new Uint8Array(PAGE_BYTES)).slice()
    const border = SECTOR_BYTES * this.#random.int(PAGE_BYTES / SECTOR_BYTES)
    torn.set(old.subarray(border), border)
    file.pages.set(number, torn)
  }
}

class SimStorage implements RandomAccess {
  readonly #disk: SimDisk
  readonly #name: string
  readonly #epoch: number

  constructor(disk: SimDisk, name: string, epoch: number) {
    this.#disk = disk
    this.#name = name
    this.#epoch = epoch
  }

  open(callback: Done): void {
    this.#settle(() => {}, callback)
  }

  close(callback: Done): void {
    this.#settle(() => {}, callback)
  }

  stat(callback: (error: Error | null, stat?: { size: number }) => void): void {
    this.#settle(
      () => {},
      (error) => callback(error, { size: this.#file().byteLength })
    )
  }

  read(
    offset: number,
    byteLength: number,
    callback: (error: Error | null, bytes?: Uint8Array) => void
  ): void {
    const bytes = new Uint8Array(byteLength)
    this.#settle(
      () => this.readNow(offset, bytes),
      (error) => callback(error, bytes)
    )
  }

  write(offset: number, bytes: Uint8Array, callback: Done): void {
    this.#settle(() => this.writeNow(offset, bytes), callback)
  }

  del(offset: number, byteLength: number, callback: Done): void {
    this.write(offset, new Uint8Array(byteLength), callback)
  }

  truncate(byteLength: number, callback: Done): void {
    this.#settle(() => {
      const file = this.#writable()
      for (const [number, page] of [...file.pages]) {
        if ((number + 1) * PAGE_BYTES <= byteLength) continue
        remember(file, number)
        file.pages.set(number, page.slice())
      }
      file.byteLength = byteLength
      zeroBeyond(file)
    }, callback)
  }

  sync(callback: Done): void {
    this.#disk.later(() => {
      if (!this.#disk.isCurrent(this.#epoch)) return
      const { failure } = this.#disk
      if (failure === null) synced(this.#file())
      callback(failure)
    }, true)
  }

  readNow(offset: number, target: Uint8Array): void {
    const file = this.#file()
    if (offset + target.byteLength > file.byteLength) throw new Error('The file ends before')
    eachPiece(offset, target.byteLength, (number, from, at, count) => {
      const page = file.pages.get(number)
      if (page === undefined) target.fill(0, at, at + count)
      else target.set(page.subarray(from, from + count), at)
    })
  }

  writeNow(offset: number, bytes: Uint8Array): void {
    const file = this.#writable()
    eachPiece(offset, bytes.byteLength, (number, from, at, count) => {
      remember(file, number)
      const page = file.pages.get(number)?.slice() ?? new Uint8Array(PAGE_BYTES)
      page.set(bytes.subarray(at, at + count), from)
      file.pages.set(number, page)
    })
    file.byteLength = Math.max(file.byteLength, offset + bytes.byteLength)
  }

  #file(): SimFile {
    return this.#disk.fileOf(this.#name)
  }

  #writable(): SimFile {
    if (!this.#disk.isCurrent(this.#epoch)) throw new Error('The machine went down')
    if (this.#disk.failure !== null) throw this.#disk.failure
    return this.#file()
  }

  /** Nobody is left to hear of it after a crash. */
  #settle(run: () => void, callback: Done): void {
    this.#disk.later(() => {
      if (!this.#disk.isCurrent(this.#epoch)) return
      let failure: Error | null = null
      try {
        run()
      } catch (error) {
        failure = error as Error
      }
      callback(failure)
    }, false)
  }
}

/** The page as it is now is what the last sync left, unless that is known already. */
function remember(file: SimFile, number: number): void {
  if (!file.before.has(number)) file.before.set(number, file.pages.get(number) ?? null)
}

function synced(file: SimFile): void {
  file.before.clear()
  file.syncedByteLength = file.byteLength
}

function zeroBeyond(file: SimFile): void {
  const last = Math.floor(file.byteLength / PAGE_BYTES)
  for (const number of [...file.pages.keys()]) {
    if (number > last) file.pages.delete(number)
  }
  const page = file.pages.get(last)?.slice()
  if (page === undefined) return
  page.fill(0, file.byteLength - last * PAGE_BYTES)
  file.pages.set(last, page)
}

function eachPiece(
  offset: number,
  byteLength: number,
  run: (number: number, from: number, at: number, count: number) => void
): void {
  let at = 0
  while (at < byteLength) {
    const number = Math.floor((offset + at) / PAGE_BYTES)
    const from = offset + at - number * PAGE_BYTES
    const count = Math.min(PAGE_BYTES - from, byteLength - at)
    run(number, from, at, count)
    at += count
  }
}
