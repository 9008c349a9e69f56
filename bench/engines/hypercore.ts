// npm hypercore 11 and 10, as they are, through their public calls; only the proof of a single block in
// version 10 and the check of one in both have no public call that stores nothing.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type { BenchLog, Engine, OpenOptions } from './engine.ts'

const require = createRequire(import.meta.url)

type Batch = unknown
type TreeProof = { settle(): Promise<Proof> }
type Proof = { block: { value: Uint8Array | null } | null; fork: number }
type ProofRequest = { block: { index: number; nodes: number } }

interface ReferenceCore {
  readonly key: Uint8Array
  readonly length: number
  readonly core: {
    readonly state?: unknown
    verify(proof: Proof & { upgrade: null }, from: null): Promise<boolean>
    readonly tree?: {
      proof(request: ProofRequest): TreeProof | Promise<Proof>
      verify(proof: Proof): Promise<Batch>
    }
  }
  ready(): Promise<void>
  append(blocks: readonly Uint8Array[]): Promise<unknown>
  get(index: number): Promise<Uint8Array | null>
  replicate(isInitiator: boolean): NodeJS.ReadWriteStream
  update(options: { wait: boolean }): Promise<boolean>
  download(range: unknown): { done(): Promise<void> }
  proof(request: ProofRequest): Promise<Proof>
  close(): Promise<void>
  once(event: string, listener: () => void): void
}

type Constructor = new (directory: string, key?: Uint8Array | null) => ReferenceCore

/** The engine behind an installed package name. */
export function hypercoreEngine(packageName: 'hypercore' | 'hypercore10'): Engine {
  const Hypercore = require(packageName) as Constructor
  const manifest = readFileSync(require.resolve(`${packageName}/package.json`), 'utf-8')
  const { version } = JSON.parse(manifest) as { version: string }
  return {
    name: packageName,
    version,
    async open(directory, { key }: OpenOptions = {}) {
      const core = new Hypercore(directory, key ?? null)
      await core.ready()
      return new HypercoreLog(core)
    }
  }
}

class HypercoreLog implements BenchLog {
  readonly #core: ReferenceCore

  constructor(core: ReferenceCore) {
    this.#core = core
  }

  get key(): Uint8Array {
    return this.#core.key
  }

  get length(): number {
    return this.#core.length
  }

  append(blocks: readonly Uint8Array[]): Promise<unknown> {
    return this.#core.append(blocks)
  }

  get(index: number): Promise<Uint8Array | null> {
    return this.#core.get(index)
  }

  replicate(isInitiator: boolean, socket: Socket): void {
    const stream = this.#core.replicate(isInitiator)
    stream.on('error', () => socket.destroy())
    socket.on('error', () => {})
    stream.pipe(socket).pipe(stream)
  }

  async atLength(length: number): Promise<void> {
    while (this.#core.length < length) {
      await new Promise<void>((resolve) => this.#core.once('append', resolve))
    }
  }

  async download(
    range: { start: number; end: number } | { blocks: readonly number[] }
  ): Promise<void> {
    await this.#core.download(range).done()
  }

  async prove(index: number): Promise<unknown> {
    const request: ProofRequest = { block: { index, nodes: levels(index, this.#core.length) } }
    const { tree } = this.#core.core
    if (tree === undefined) return this.#core.proof(request)
    const proof = tree.proof(request)
    const settled = await ('settle' in proof ? proof.settle() : proof)
    if (settled.block !== null) settled.block.value = await this.#core.get(index)
    return settled
  }

  async verify(proof: unknown): Promise<void> {
    const { tree, state } = this.#core.core
    if (tree !== undefined) await tree.verify(proof as Proof)
    else await merkleTree().verify(state, proof as Proof)
  }

  async keep(proof: unknown): Promise<void> {
    const kept = await this.#core.core.verify({ upgrade: null, ...(proof as Proof) }, null)
    if (kept === false) throw new Error('The proof was not taken')
  }

  close(): Promise<void> {
    return this.#core.close()
  }
}

interface MerkleTree {
  verify(state: unknown, proof: Proof): Promise<Batch>
}

function merkleTree(): MerkleTree {
  return (require('hypercore/lib/merkle-tree.js') as { MerkleTree: MerkleTree }).MerkleTree
}

/** Levels from a block's leaf to the full root above it. */
export function levels(index: number, length: number): number {
  let start = 0
  let rest = length
  for (;;) {
    const width = 2 ** Math.floor(Math.log2(rest))
    if (index < start + width) return Math.log2(width)
    start += width
    rest -= width
  }
}
