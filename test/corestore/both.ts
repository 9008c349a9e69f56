// The same script on npm corestore 7 and on the façade: what it comes to has to be the same.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Assertions, test } from 'brittle'
import Reference from 'corestore'
import { Corestore, type CorestoreOptions } from '../../lib/corestore/corestore.ts'

export type CorestoreClass = typeof Corestore
export type Store = Corestore

export const STOCK: CorestoreClass = Reference as unknown as CorestoreClass
export const OURS: CorestoreClass = Corestore

/** Makes stores, and cleans up after them. */
export class Stage {
  readonly Corestore: CorestoreClass
  readonly #directories: string[] = []
  readonly #stores: Store[] = []
  readonly #streams: { destroy(): void }[] = []

  constructor(implementation: CorestoreClass) {
    this.Corestore = implementation
  }

  async directory(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'logwood-store-'))
    this.#directories.push(directory)
    return directory
  }

  async open(options?: CorestoreOptions): Promise<Store> {
    return this.openIn(await this.directory(), options)
  }

  async openIn(directory: string, options?: CorestoreOptions): Promise<Store> {
    const store = this.make(this.Corestore, directory, options)
    await store.ready()
    return store
  }

  make(Class: CorestoreClass, directory: string, options?: CorestoreOptions): Store {
    const store = new Class(directory, options)
    store.ready().catch(() => {})
    this.#stores.push(store)
    return store
  }

  replicate(a: Store, b: Store): void {
    const streams = [a.replicate(true), b.replicate(false)] as const
    for (const stream of streams) {
      stream.on('error', () => {})
      this.#streams.push(stream as unknown as { destroy(): void })
    }
    streams[0].pipe(streams[1]).pipe(streams[0])
  }

  async end(): Promise<void> {
    for (const stream of this.#streams) stream.destroy()
    for (const store of this.#stores) await store.close().catch(() => {})
    for (const directory of this.#directories) await rm(directory, { recursive: true, force: true })
  }
}

/** Runs the script on both and compares what it returns. */
export function both(name: string, script: (stage: Stage) => Promise<unknown>): void {
  test(`both: ${name}`, { timeout: 30_000 }, async (t) => {
    const keepAlive = setInterval(() => {}, 1000)
    try {
      t.alike(await play(OURS, script), await play(STOCK, script))
    } finally {
      clearInterval(keepAlive)
    }
  })
}

async function play(
  implementation: CorestoreClass,
  script: (stage: Stage) => Promise<unknown>
): Promise<unknown> {
  const stage = new Stage(implementation)
  try {
    return await script(stage)
  } finally {
    await stage.end()
  }
}

/** A store of ours and a stock one that replicate, in both roles: the first is where things are written. */
export function mixed(
  name: string,
  script: (t: Assertions, writer: Store, reader: Store) => Promise<void>
): void {
  for (const [how, Writer, Reader] of [
    ['ours to stock', OURS, STOCK],
    ['stock to ours', STOCK, OURS]
  ] as const) {
    test(`mixed: ${name}, ${how}`, { timeout: 30_000 }, async (t) => {
      const keepAlive = setInterval(() => {}, 1000)
      const stage = new Stage(Writer)
      try {
        const writer = stage.make(Writer, await stage.directory())
        const reader = stage.make(Reader, await stage.directory())
        stage.replicate(writer, reader)
        await script(t, writer, reader)
      } finally {
        await stage.end()
        clearInterval(keepAlive)
      }
    })
  }
}

export const hex = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString('hex')

export async function codeOf(call: () => unknown): Promise<string> {
  try {
    await call()
    return 'none'
  } catch (error) {
    return (error as { code?: string }).code ?? 'an error'
  }
}

/** The same, where only that it fails is compared. */
export async function fails(call: () => unknown): Promise<boolean> {
  return (await codeOf(call)) !== 'none'
}
