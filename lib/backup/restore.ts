// Reading bundles: restoreBundle puts what a bundle holds into logs, verifyBundle only checks it. Every block goes through
// the log's own verification, so a bundle can bring nothing that the log's key did not sign; it fills what is missing,
// and never makes a log shorter or takes it to an older fork. A key pair is stored with a place that no file has: the
// log opens `behind`, for somebody may have appended since the bundle was made. Memory: a record, and the log's tree
// for verifyBundle.
import { isFairCost, openWithPassphrase } from '../crypto/passphrase.ts'
import { wipe } from '../crypto/wipe.ts'
import { ArgumentError, LogwoodError, ProofError, StorageError } from '../errors.ts'
import { Log } from '../log/log.ts'
import type { Location } from '../log/options.ts'
import type { Proof } from '../merkle/proof.ts'
import type { RandomAccess } from '../storage/file.ts'
import { LogFiles } from '../storage/log-files.ts'
import { memoryStorage } from '../storage/memory-storage.ts'
import { PLACE_RESTORED, writeSecret } from '../storage/secret-file.ts'
import { throwIfAborted } from '../util/abort.ts'
import { copyOf, fromUtf8 } from '../util/bytes.ts'
import { type Codec, decodeAt } from '../util/codec.ts'
import {
  type BlockRecord,
  blockRecord,
  type KeyPairRecord,
  keyPairRecord,
  type LogRecord,
  logRecord,
  missingRecord,
  TYPE_BLOCK,
  TYPE_KEY_PAIR,
  TYPE_LOG,
  TYPE_MISSING
} from './bundle-format.ts'
import { damaged, type RawRecord, readRecords } from './bundle-records.ts'

export interface RestoreOptions {
  /** Opens the key pairs; without it they are left out. */
  passphrase?: string
  signal?: AbortSignal
}

export interface RestoredLog {
  readonly key: Uint8Array
  readonly fork: number
  readonly length: number
  /** Blocks in the bundle; those that were not here before; those that do not fit what is here. */
  blocks: number
  stored: number
  skipped: number
  /** Ranges [start, end) that the bundle's maker did not have. */
  readonly missing: { readonly start: number; readonly end: number }[]
  /** What became of the key pair. */
  keyPair: 'none' | 'left out' | 'restored' | 'already here'
}

/**
 * @param place where the log of that key goes, the first of the bundle having number 0
 * @throws StorageError CORRUPT, FORMAT_TOO_NEW, WRONG_KEY, WRITE_FAILED; ProofError; ArgumentError for a passphrase
 *   that does not open a key pair; AbortError. Logs keep what was restored before.
 */
export async function restoreBundle(
  chunks: AsyncIterable<Uint8Array>,
  place: (key: Uint8Array, number: number) => Location,
  options: RestoreOptions = {}
): Promise<RestoredLog[]> {
  const restored: RestoredLog[] = []
  let target: Target | null = null
  try {
    for await (const record of readRecords(chunks)) {
      throwIfAborted(options.signal)
      if (record.type === TYPE_LOG) {
        await target?.finish()
        target = null
        const head = decoded(logRecord, record)
        target = await Target.open(head, place(head.key, restored.length), options)
        restored.push(target.result)
      } else if (target === null) {
        throw damaged(record.byteOffset, 'a record that belongs to no log')
      } else await target.take(record)
    }
    await target?.finish()
    target = null
    return restored
  } finally {
    await target?.close().catch(() => {})
  }
}

/** Checks all of it, and keeps nothing. @throws as restoreBundle */
export function verifyBundle(
  chunks: AsyncIterable<Uint8Array>,
  options: RestoreOptions = {}
): Promise<RestoredLog[]> {
  return restoreBundle(chunks, () => withoutBlocks(), options)
}

class Target {
  readonly result: RestoredLog
  readonly #log: Log
  readonly #head: LogRecord
  readonly #location: Location
  readonly #passphrase: string | undefined
  #secret: { publicKey: Uint8Array; secretKey: Uint8Array } | null = null

  private constructor(log: Log, head: LogRecord, location: Location, passphrase?: string) {
    this.#log = log
    this.#head = head
    this.#location = location
    this.#passphrase = passphrase
    const { key, fork, length } = head
    const counts = { blocks: 0, stored: 0, skipped: 0 }
    this.result = { key: copyOf(key), fork, length, ...counts, missing: [], keyPair: 'none' }
  }

  static async open(
    head: LogRecord,
    location: Location,
    { passphrase }: RestoreOptions
  ): Promise<Target> {
    const log = await Log.open(location, { key: copyOf(head.key) })
    const target = new Target(log, head, location, passphrase)
    try {
      if (head.length > 0) await log.accept(proofOf(head))
      return target
    } catch (error) {
      await log.close().catch(() => {})
      throw error
    }
  }

  async take(record: RawRecord): Promise<void> {
    if (record.type === TYPE_BLOCK) await this.#takeBlock(decoded(blockRecord, record))
    else if (record.type === TYPE_MISSING) {
      this.result.missing.push(decoded(missingRecord, record))
    } else if (record.type === TYPE_KEY_PAIR) {
      this.#takeKeyPair(decoded(keyPairRecord, record))
    } else throw damaged(record.byteOffset, `a record of unknown type ${record.type}`)
  }

  async finish(): Promise<void> {
    await this.#log.flush()
    const { writable } = this.#log
    await this.close()
    const secret = this.#secret
    if (secret === null) return
    this.result.keyPair = writable ? 'already here' : 'restored'
    if (!writable && typeof this.#location === 'string') await store(this.#location, secret)
    wipe(secret.secretKey)
  }

  async close(): Promise<void> {
    await this.#log.close()
  }

  async #takeBlock(block: BlockRecord): Promise<void> {
    this.result.blocks++
    const { index } = block
    const log = this.#log
    if (index >= this.#head.length) throw damaged(0, `block ${index} is past the end of its log`)
    const isCut = log.fork !== this.#head.fork || index >= log.length
    if (isCut) this.result.skipped++
    if (isCut || log.has(index)) return
    try {
      await log.accept(blockProofOf(this.#head, { ...block, value: copyOf(block.value) }))
    } catch (error) {
      // In a longer log whose tree is known in parts only, the way up may lead nowhere.
      const isOther = log.length !== this.#head.length
      if (!isOther || !(error instanceof ProofError) || error.code !== 'BAD_MESSAGE') throw error
    }
    if (log.has(index)) this.result.stored++
    else this.result.skipped++
  }

  #takeKeyPair({ salt, nonce, opsLimit, memLimitBytes, box }: KeyPairRecord): void {
    this.result.keyPair = 'left out'
    if (this.#passphrase === undefined) return
    const cost = { opsLimit, memLimitBytes }
    if (!isFairCost(cost)) {
      throw new StorageError('CORRUPT', 'The key pair of the bundle asks for absurd costs')
    }
    const use = { salt, nonce, cost }
    const opened = openWithPassphrase(fromUtf8(this.#passphrase), box, this.#head.key, use)
    if (opened === null || opened.byteLength !== 96) {
      throw new ArgumentError('INVALID_ARGUMENT', 'The passphrase does not open the key pair')
    }
    this.#secret = {
      publicKey: copyOf(opened.subarray(0, 32)),
      secretKey: copyOf(opened.subarray(32))
    }
    wipe(opened)
  }
}

function decoded<T>(codec: Codec<T>, { body, byteOffset }: RawRecord): T {
  try {
    const state = { start: 0, end: body.byteLength, buffer: body }
    const value = decodeAt(codec, state)
    if (state.start !== body.byteLength) throw damaged(byteOffset, 'a record with a rest')
    return value
  } catch (error) {
    if (error instanceof StorageError || !(error instanceof LogwoodError)) throw error
    throw damaged(byteOffset, error.message, error)
  }
}

/** A log that opens as nothing but restored: appendable only when it is known that nobody holds more. */
async function store(
  directory: string,
  secret: { publicKey: Uint8Array; secretKey: Uint8Array }
): Promise<void> {
  const files = await LogFiles.open(directory, { createIfMissing: false })
  try {
    await writeSecret(files.secret, { ...secret, place: PLACE_RESTORED })
    await files.syncDirectory()
  } finally {
    await files.close()
  }
}

const NOTHING = { block: null, hash: null, seek: null, upgrade: null, manifest: null }

function proofOf({ fork, length, nodes, signature, manifest }: LogRecord): Proof {
  const upgrade = { start: 0, length, nodes, additionalNodes: [], signature }
  return { ...NOTHING, fork, upgrade, manifest }
}

function blockProofOf({ fork }: LogRecord, block: BlockRecord): Proof {
  return { ...NOTHING, fork, block }
}

/** Files in memory, but for block bytes, which go nowhere. */
function withoutBlocks(): (name: string) => RandomAccess {
  const memory = memoryStorage()
  return (name) => (name === 'blocks' ? nowhere() : (memory(name) as RandomAccess))
}

function nowhere(): RandomAccess {
  let byteLength = 0
  const grow = (end: number): void => {
    byteLength = Math.max(byteLength, end)
  }
  return {
    open: (callback) => queueMicrotask(() => callback(null)),
    close: (callback) => queueMicrotask(() => callback(null)),
    stat: (callback) => queueMicrotask(() => callback(null, { size: byteLength })),
    read: (_offset, count, callback) => queueMicrotask(() => callback(null, new Uint8Array(count))),
    write(offset, bytes, callback) {
      grow(offset + bytes.byteLength)
      queueMicrotask(() => callback(null))
    },
    truncate(length, callback) {
      byteLength = length
      queueMicrotask(() => callback(null))
    }
  }
}
