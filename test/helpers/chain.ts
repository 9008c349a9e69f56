// Chains of three parties for the interop matrix: a writer, a seeder in the middle, and a reader that is connected to
// the seeder only; each of them Logwood or a stock package. What the matrix asks of a party, in one shape for all.
import type { Assertions } from 'brittle'
import type Hypercore from 'hypercore'
import type { Manifest } from '../../lib/core/manifest.ts'
import { Log } from '../../lib/log/log.ts'
import { type AnyLog, join, openLog, openReference, sameBytes } from './replication.ts'

export const ENGINES = ['logwood', 'hypercore 11', 'hypercore 10'] as const
export type Engine = (typeof ENGINES)[number]
export type Roles = readonly [writer: Engine, seeder: Engine, reader: Engine]

/** What a party is opened with. */
export interface PartyOptions {
  readonly key?: Uint8Array
  readonly encryptionKey?: Uint8Array
  readonly manifest?: Manifest
  /** For stock packages: the log's key is its signer's public key. */
  readonly compat?: boolean
}

interface Appending {
  append(values: readonly Uint8Array[], options?: { signature?: Uint8Array }): Promise<unknown>
}

export class Party {
  readonly engine: Engine
  readonly log: AnyLog

  private constructor(engine: Engine, log: AnyLog) {
    this.engine = engine
    this.log = log
  }

  /** Logwood in memory, the others in a directory of their own; closed at the end of the test. */
  static async open(t: Assertions, engine: Engine, options: PartyOptions = {}): Promise<Party> {
    const { key, encryptionKey, manifest, compat = false } = options
    const common = { ...(manifest === undefined ? {} : { manifest }) }
    if (engine === 'logwood') {
      const secret = encryptionKey === undefined ? {} : { encryption: { key: encryptionKey } }
      const log = await openLog(t, { ...common, ...secret, ...(key === undefined ? {} : { key }) })
      return new Party(engine, log)
    }
    // Both name the same key; version 10 as an option of its own.
    const secret =
      encryptionKey === undefined ? {} : { encryptionKey, encryption: { key: encryptionKey } }
    const version = engine === 'hypercore 11' ? '11' : '10'
    const theirs = { ...common, ...secret, ...(compat ? { compat } : {}) }
    return new Party(engine, await openReference(t, version, key ?? null, theirs))
  }

  async append(values: readonly Uint8Array[], signature?: Uint8Array): Promise<void> {
    await (this.log as Appending).append(values, signature === undefined ? {} : { signature })
  }

  async truncate(length: number): Promise<void> {
    await this.log.truncate(length)
  }

  async get(index: number): Promise<Uint8Array> {
    const block = await (this.log instanceof Log ? this.log.get(index) : this.log.get(index))
    return block as Uint8Array
  }

  /** The block, and the offset in it; null past the end. */
  async seek(byteOffset: number): Promise<[number, number] | null> {
    const found = await this.log.seek(byteOffset)
    if (found === null || Array.isArray(found)) return found as [number, number] | null
    const { index, byteOffset: rest } = found as { index: number; byteOffset: number }
    return [index, rest]
  }

  /** From now on, all that there is and comes. */
  follow(t: Assertions): void {
    const download = this.log.download({ start: 0, end: -1 })
    t.teardown(() => download.destroy())
  }

  /** Resolves once it holds all blocks up to that length of that fork. */
  holds(length: number, fork = 0): Promise<void> {
    const { log } = this
    return this.#until(() => {
      return log.fork === fork && log.length === length && log.contiguousLength === length
    })
  }

  /** Resolves once it knows that head. */
  knows(length: number, fork = 0): Promise<void> {
    return this.#until(() => this.log.fork === fork && this.log.length === length)
  }

  async countHeld(): Promise<number> {
    let count = 0
    for (let i = 0; i < this.log.length; i++) if (await this.log.has(i)) count++
    return count
  }

  async #until(isTrue: () => boolean): Promise<void> {
    if (isTrue()) return
    await new Promise<void>((resolve) => {
      // Stock packages tell of a block before it counts; nothing tells of the moment when it does.
      const timer = setInterval(look, 20)
      const offs = (['append', 'truncate', 'download'] as const).map((event) =>
        listen(this.log, event, look)
      )
      function look(): void {
        if (!isTrue()) return
        clearInterval(timer)
        for (const off of offs) off()
        resolve()
      }
    })
  }
}

export interface Chain {
  readonly writer: Party
  readonly seeder: Party
  readonly reader: Party
}

/** The writer is there; the seeder copies it, and the reader the seeder. */
export async function connectChain(
  t: Assertions,
  roles: Roles,
  writer: Party,
  readerOptions: PartyOptions = {}
): Promise<Chain> {
  const { key } = writer.log
  const seeder = await Party.open(t, roles[1], { key })
  const reader = await Party.open(t, roles[2], { ...readerOptions, key })
  await join(t, writer.log, seeder.log, { isInitiator: roles[0] <= roles[1] })
  await join(t, seeder.log, reader.log, { isInitiator: roles[1] > roles[2] })
  seeder.follow(t)
  return { writer, seeder, reader }
}

/** The first of these blocks that the party gives wrongly, or -1; fetches what is not here. */
export async function firstWrong(party: Party, blocks: readonly Uint8Array[]): Promise<number> {
  const got = await Promise.all(blocks.map((_, i) => party.get(i)))
  return got.findIndex((block, i) => !sameBytes(block, blocks[i] as Uint8Array))
}

/** All 27, in a fixed order. */
export function allRoles(): Roles[] {
  return ENGINES.flatMap((writer) =>
    ENGINES.flatMap((seeder) => ENGINES.map((reader): Roles => [writer, seeder, reader]))
  )
}

function listen(
  log: AnyLog,
  event: 'append' | 'truncate' | 'download',
  listener: () => void
): () => void {
  if (log instanceof Log) return log.on(event, listener)
  const core: Hypercore = log
  core.on(event, listener)
  return () => core.off(event, listener)
}
