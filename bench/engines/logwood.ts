// Logwood under the bench's verbs, through its public calls.
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { Log, type Proof } from '../../lib/index.ts'
import type { BenchLog, Engine, OpenOptions } from './engine.ts'
import { levels } from './hypercore.ts'

const manifest = readFileSync(new URL('../../../package.json', import.meta.url), 'utf-8')

export const logwoodEngine: Engine = {
  name: 'logwood',
  version: (JSON.parse(manifest) as { version: string }).version,
  async open(directory, { key, level = 'power' }: OpenOptions = {}) {
    const log = await Log.open(directory, { durability: level, ...(key && { key }) })
    return new LogwoodLog(log)
  }
}

class LogwoodLog implements BenchLog {
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  get key(): Uint8Array {
    return this.#log.key
  }

  get length(): number {
    return this.#log.length
  }

  append(blocks: readonly Uint8Array[]): Promise<unknown> {
    return this.#log.append(blocks)
  }

  get(index: number): Promise<Uint8Array> {
    return this.#log.get(index)
  }

  replicate(isInitiator: boolean, socket: Socket): void {
    this.#log.replicateOver(socket, { isInitiator })
  }

  async atLength(length: number): Promise<void> {
    while (this.#log.length < length) {
      await new Promise<void>((resolve) => {
        const off = this.#log.on('append', () => {
          off()
          resolve()
        })
      })
    }
  }

  download(range: { start: number; end: number } | { blocks: readonly number[] }): Promise<void> {
    return this.#log.download(range).done()
  }

  prove(index: number): Promise<unknown> {
    return this.#log.prove({
      fork: this.#log.fork,
      manifest: false,
      block: { index, nodes: levels(index, this.#log.length) },
      hash: null,
      seek: null,
      upgrade: null
    })
  }

  verify(proof: unknown): Promise<void> {
    return this.#log.verify(proof as Proof)
  }

  keep(proof: unknown): Promise<void> {
    return this.#log.accept(proof as Proof)
  }

  close(): Promise<void> {
    return this.#log.close()
  }
}
