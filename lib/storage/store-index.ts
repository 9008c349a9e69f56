// StoreIndex: which logs a store holds, and under which names they were opened. All of it is in memory; a name costs
// some 200 bytes. What it says of a log is written after the log is stored: so a log of the index whose files are empty
// was lost, and is no new one. Owner: StoreFiles.
//
// The file is a row of records, in the order of events:
//   byteLength of the record u16 | CRC u32 over its offset u64 and all behind it | kind u8 | discovery key 32
//   kind 1, held:     nothing more, or namespace 32 | name (UTF-8, up to the end)
//   kind 2, removed:  nothing more
// A record that does not pass ends the file, as a torn write leaves it.
import { fromUtf8, toHex, toUtf8, viewOf } from '../util/bytes.ts'
import { writeUint64 } from '../util/codec.ts'
import { checksum } from './checksum.ts'
import type { File } from './file.ts'

export interface LogName {
  /** 32 bytes. */
  readonly namespace: Uint8Array
  readonly name: string
}

export interface IndexedLog {
  /** 32 bytes. */
  readonly discoveryKey: Uint8Array
  readonly names: readonly LogName[]
}

/** In UTF-8. */
export const MAX_NAME_BYTES = 1024
const KIND_HELD = 1
const KIND_REMOVED = 2
const HEAD_BYTES = 39
const NAMESPACE_BYTES = 32

export class StoreIndex {
  readonly #file: File
  readonly #logs: Map<string, { discoveryKey: Uint8Array; names: LogName[] }> = new Map()
  readonly #removed: Set<string> = new Set()
  #tail = 0
  #isDamaged = false
  #writing: Promise<void> = Promise.resolve()

  private constructor(file: File) {
    this.#file = file
  }

  /** @throws StorageError READ_FAILED */
  static async open(file: File): Promise<StoreIndex> {
    const index = new StoreIndex(file)
    if (file.byteLength > 0) index.#load(await file.read(0, file.byteLength))
    return index
  }

  /** Records were lost: there may be logs that are not named here. */
  get isDamaged(): boolean {
    return this.#isDamaged
  }

  get size(): number {
    return this.#logs.size
  }

  get logs(): Iterable<IndexedLog> {
    return this.#logs.values()
  }

  /** Those whose last word is that they are gone; their files may still be there. */
  get removed(): Iterable<string> {
    return this.#removed
  }

  isRemoved(hex: string): boolean {
    return this.#removed.has(hex)
  }

  has(discoveryKey: Uint8Array): boolean {
    return this.#logs.has(toHex(discoveryKey))
  }

  get(discoveryKey: Uint8Array): IndexedLog | undefined {
    return this.#logs.get(toHex(discoveryKey))
  }

  /** Written, not synced. False: it is known already. @throws StorageError WRITE_FAILED */
  async add(discoveryKey: Uint8Array, name: LogName | null): Promise<boolean> {
    const known = this.#logs.get(toHex(discoveryKey))
    if (known !== undefined && (name === null || known.names.some((each) => isSame(each, name)))) {
      return false
    }
    const extra = name === null ? [] : [name.namespace, fromUtf8(name.name)]
    await this.#write(KIND_HELD, discoveryKey, extra)
    this.#hold(discoveryKey, name)
    return true
  }

  /** Durable when it resolves. @throws StorageError WRITE_FAILED */
  async remove(discoveryKey: Uint8Array): Promise<void> {
    await this.#write(KIND_REMOVED, discoveryKey, [])
    await this.#file.sync()
    this.#forget(toHex(discoveryKey))
  }

  /** The files of a removed log are gone, too. */
  cleaned(hex: string): void {
    this.#removed.delete(hex)
  }

  async close(): Promise<void> {
    await this.#writing.catch(() => {})
    await this.#file.close()
  }

  #load(bytes: Uint8Array): void {
    let at = 0
    while (at + HEAD_BYTES <= bytes.byteLength) {
      const byteLength = viewOf(bytes).getUint16(at, true)
      const record = bytes.subarray(at, at + byteLength)
      if (byteLength < HEAD_BYTES || record.byteLength < byteLength) break
      if (viewOf(record).getUint32(2, true) !== checksumOf(record, at)) break
      const discoveryKey = record.slice(7, HEAD_BYTES)
      if (record[6] === KIND_REMOVED) this.#forget(toHex(discoveryKey))
      else this.#hold(discoveryKey, nameIn(record))
      at += byteLength
    }
    this.#tail = at
    this.#isDamaged = bytes.subarray(at).some((byte) => byte !== 0)
  }

  #hold(discoveryKey: Uint8Array, name: LogName | null): void {
    const hex = toHex(discoveryKey)
    let log = this.#logs.get(hex)
    if (log === undefined) {
      log = { discoveryKey: discoveryKey.slice(), names: [] }
      this.#logs.set(hex, log)
    }
    if (name !== null) log.names.push({ ...name, namespace: name.namespace.slice() })
    this.#removed.delete(hex)
  }

  #forget(hex: string): void {
    this.#logs.delete(hex)
    this.#removed.add(hex)
  }

  #write(kind: number, discoveryKey: Uint8Array, extra: readonly Uint8Array[]): Promise<void> {
    this.#writing = this.#writing
      .catch(() => {})
      .then(async () => {
        const record = recordOf(kind, discoveryKey, extra, this.#tail)
        if (!this.#file.writeNow(this.#tail, record)) await this.#file.write(this.#tail, record)
        this.#tail += record.byteLength
      })
    return this.#writing
  }
}

function recordOf(
  kind: number,
  discoveryKey: Uint8Array,
  extra: readonly Uint8Array[],
  offset: number
): Uint8Array {
  const byteLength = extra.reduce((sum, part) => sum + part.byteLength, HEAD_BYTES)
  const record = new Uint8Array(byteLength)
  const view = viewOf(record)
  view.setUint16(0, byteLength, true)
  record[6] = kind
  record.set(discoveryKey, 7)
  let at = HEAD_BYTES
  for (const part of extra) {
    record.set(part, at)
    at += part.byteLength
  }
  view.setUint32(2, checksumOf(record, offset), true)
  return record
}

function checksumOf(record: Uint8Array, offset: number): number {
  const place = new Uint8Array(8)
  writeUint64(place, 0, offset)
  return checksum(record.subarray(6), checksum(record.subarray(0, 2), checksum(place)))
}

function nameIn(record: Uint8Array): LogName | null {
  if (record.byteLength < HEAD_BYTES + NAMESPACE_BYTES) return null
  return {
    namespace: record.slice(HEAD_BYTES, HEAD_BYTES + NAMESPACE_BYTES),
    name: toUtf8(record.subarray(HEAD_BYTES + NAMESPACE_BYTES))
  }
}

function isSame(a: LogName, b: LogName): boolean {
  return a.name === b.name && toHex(a.namespace) === toHex(b.namespace)
}
