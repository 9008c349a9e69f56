// What a bench asks of a store of many logs: the same few verbs for Logwood's and for npm corestore 7.
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import { Store } from '../../lib/index.ts'

export interface StoredLog {
  readonly key: Uint8Array
  readonly length: number
  append(blocks: readonly Uint8Array[]): Promise<unknown>
  /** Fetches all of that many blocks. */
  fetch(length: number): Promise<void>
  /** Resolves when somebody else has the log open over a connection, too. */
  met(): Promise<void>
  close(): Promise<void>
}

export interface BenchStore {
  /** A log of our own by its name, or one of somebody else by its key. */
  get(which: { name: string } | { key: Uint8Array }): Promise<StoredLog>
  replicate(isInitiator: boolean, socket: Socket): void
  close(): Promise<void>
}

/** Opens the store in a directory, with the package's own defaults. */
export function openStore(engine: string, directory: string): Promise<BenchStore> {
  return engine === 'logwood' ? openLogwood(directory) : openCorestore(directory)
}

async function openLogwood(directory: string): Promise<BenchStore> {
  const store = await Store.open(directory, { durability: 'process' })
  return {
    async get(which) {
      const log = await store.get(which)
      return {
        key: log.key,
        get length() {
          return log.length
        },
        append: (blocks) => log.append(blocks),
        fetch: (length) => log.download({ start: 0, end: length }).done(),
        met: async () => {
          if (log.peers.length > 0) return
          await new Promise<void>((resolve) => {
            const off = log.on('peer-add', () => {
              off()
              resolve()
            })
          })
        },
        close: () => log.close()
      }
    },
    replicate: (isInitiator, socket) => {
      store.replicateOver(socket, { isInitiator })
    },
    close: () => store.close()
  }
}

interface ReferenceCore {
  readonly key: Uint8Array
  readonly length: number
  readonly peers: readonly unknown[]
  ready(): Promise<void>
  append(blocks: readonly Uint8Array[]): Promise<unknown>
  download(range: { start: number; end: number }): { done(): Promise<void> }
  once(event: 'peer-add', listener: () => void): void
  close(): Promise<void>
}

interface ReferenceStore {
  ready(): Promise<void>
  get(which: object): ReferenceCore
  replicate(isInitiator: boolean): NodeJS.ReadWriteStream
  close(): Promise<void>
}

async function openCorestore(directory: string): Promise<BenchStore> {
  const Corestore = createRequire(import.meta.url)('corestore') as new (
    directory: string
  ) => ReferenceStore
  const store = new Corestore(directory)
  await store.ready()
  return {
    async get(which) {
      const core = store.get(which)
      await core.ready()
      return {
        key: core.key,
        get length() {
          return core.length
        },
        append: (blocks) => core.append(blocks),
        fetch: (length) => core.download({ start: 0, end: length }).done(),
        met: async () => {
          if (core.peers.length > 0) return
          await new Promise<void>((resolve) => core.once('peer-add', resolve))
        },
        close: () => core.close()
      }
    },
    replicate: (isInitiator, socket) => {
      const stream = store.replicate(isInitiator)
      stream.on('error', () => socket.destroy())
      socket.on('error', () => {})
      stream.pipe(socket).pipe(stream)
    },
    close: () => store.close()
  }
}
