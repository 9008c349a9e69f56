// What a bench asks of an engine: the same few verbs for Logwood and for the packages it is compared with.
import type { Socket } from 'node:net'

export interface BenchLog {
  readonly key: Uint8Array
  readonly length: number
  append(blocks: readonly Uint8Array[]): Promise<unknown>
  get(index: number): Promise<Uint8Array | null>
  /** Replicates over the socket, encrypted, until it ends. */
  replicate(isInitiator: boolean, socket: Socket): void
  /** Resolves when the log is at least that long. */
  atLength(length: number): Promise<void>
  download(range: { start: number; end: number } | { blocks: readonly number[] }): Promise<void>
  /** The proof of one block up to the root above it. */
  prove(index: number): Promise<unknown>
  /** Checks such a proof against the log's tree, storing nothing. */
  verify(proof: unknown): Promise<void>
  /** Checks such a proof and stores what it proves, as a reader does with an answer. */
  keep(proof: unknown): Promise<void>
  close(): Promise<void>
}

export interface OpenOptions {
  /** To read another's log. */
  readonly key?: Uint8Array
  /** Where the engine knows levels of durability. */
  readonly level?: 'power' | 'process'
}

export interface Engine {
  readonly name: string
  readonly version: string
  open(directory: string, options?: OpenOptions): Promise<BenchLog>
}

export type EngineName = 'logwood' | 'hypercore' | 'hypercore10'

export const ENGINE_NAMES: readonly EngineName[] = ['logwood', 'hypercore', 'hypercore10']
