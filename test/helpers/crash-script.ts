// Scripts of operations as data, so that they can be made smaller, and their run on a simulated disk beside a model.
// Of the calls made at once, appends come first and at most one truncation or clear last, which is also the order
// in which the log takes them: so the model is a list of states.
import { Core } from '../../lib/core/core.ts'
import type { KeyPair } from '../../lib/crypto/key-pair.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { equalBytes, toHex } from '../../lib/util/bytes.ts'
import { type SeededRandom, seededRandom } from './random.ts'
import { pick, seededEnv } from './seeded-env.ts'
import { errno, SimDisk } from './sim-disk.ts'

export type Step =
  | { kind: 'append'; sizes: number[]; level: 'power' | 'process'; waits: boolean }
  /** Keeps so much of the log. */
  | { kind: 'truncate'; share: number }
  | { kind: 'clear'; share: number; count: number }
  /** User data of that many bytes; of none: removed. */
  | { kind: 'note'; byteLength: number }
  | { kind: 'flush' }
  | { kind: 'reopen' }
  /** The next sync fails; the log is opened again after it. */
  | { kind: 'failing-sync' }

export interface Script {
  readonly seed: number
  readonly limits: Readonly<Record<string, number>>
  readonly steps: readonly Step[]
}

export interface ModelState {
  readonly fork: number
  readonly blocks: readonly (Uint8Array | null)[]
  /** User data of that name, in hex; nothing: none. */
  readonly note?: string
}

/** Where in the trace something happened to operation number k, counted from 1 (0 is the empty log). */
export interface Run {
  readonly disk: SimDisk
  readonly created: number
  readonly states: readonly ModelState[]
  readonly called: readonly number[]
  /** Acknowledged, so a killed process keeps it. */
  readonly done: readonly { readonly operation: number; readonly position: number }[]
  /** Acknowledged at level `power`, flushed, or published: lost power keeps it. */
  readonly durable: readonly { readonly operation: number; readonly position: number }[]
}

const NOTE = 'note'

export const crashKeyPair: KeyPair = createKeyPair(new Uint8Array(32).fill(9))

/** What logs of odd seeds may leave in their oplog when they are closed, as those of stores do. */
const LEFT_BYTES = 4096

export function makeScript(seed: number, count: number): Script {
  const random = seededRandom(seed)
  const inlineLimitBytes = pick(random, [200, 600, 2000])
  const limits = {
    halfBytes: pick(random, [4096, 8192, 16_384]),
    inlineLimitBytes,
    syncAfterMs: 1,
    checkpointShare: pick(random, [0.2, 0.5, 0.9]),
    restBytes: seed % 2 === 0 ? 0 : LEFT_BYTES
  }
  const steps: Step[] = []
  while (steps.length < count) steps.push(makeStep(random, inlineLimitBytes))
  return { seed, limits, steps }
}

function makeStep(random: SeededRandom, inlineLimitBytes: number): Step {
  const dice = random.next()
  if (dice < 0.05) return { kind: 'reopen' }
  if (dice < 0.1) return { kind: 'flush' }
  if (dice < 0.2) return { kind: 'truncate', share: random.next() }
  if (dice < 0.29) return { kind: 'clear', share: random.next(), count: 1 + random.int(4) }
  if (dice < 0.31) return { kind: 'failing-sync' }
  if (dice < 0.38) return { kind: 'note', byteLength: random.int(2) * random.int(300) }
  return {
    kind: 'append',
    sizes: makeSizes(random, inlineLimitBytes),
    level: random.next() < 0.4 ? 'process' : 'power',
    waits: random.next() < 0.6
  }
}

function makeSizes(random: SeededRandom, inlineLimitBytes: number): number[] {
  const dice = random.next()
  // Around the border between inside the oplog and outside it.
  if (dice < 0.15) return [inlineLimitBytes + random.int(3) - 1]
  if (dice < 0.2) return Array.from({ length: 10 + random.int(30) }, () => random.int(40))
  if (dice < 0.25) return [random.int(20_000)]
  if (dice < 0.28) return []
  const most = random.next() < 0.3 ? 900 : 120
  return Array.from({ length: 1 + random.int(5) }, () => random.int(most))
}

export async function record(script: Script): Promise<Run> {
  const recorder = new Recorder(script)
  await recorder.open()
  recorder.created = recorder.disk.trace.length
  for (const step of script.steps) await recorder.step(step)
  await recorder.finish()
  return recorder
}

class Recorder implements Run {
  readonly disk: SimDisk = new SimDisk()
  readonly states: ModelState[] = [{ fork: 0, blocks: [] }]
  readonly called: number[] = []
  readonly done: { operation: number; position: number }[] = []
  readonly durable: { operation: number; position: number }[] = []
  created = 0
  readonly #script: Script
  readonly #random: SeededRandom
  #core: Core | null = null
  #inFlight: Promise<unknown>[] = []
  #published = 0

  constructor(script: Script) {
    this.#script = script
    this.#random = seededRandom(script.seed + 77)
  }

  get #log(): Core {
    if (this.#core === null) throw new Error('The script has no open log')
    return this.#core
  }

  get #last(): ModelState {
    return this.states.at(-1)!
  }

  async open(): Promise<void> {
    const core = await Core.open(await LogFiles.open(this.disk.factory), {
      keyPair: crashKeyPair,
      env: seededEnv(this.#random),
      limits: this.#script.limits
    })
    this.#core = core
    core.onChange(() => this.#isDurable(++this.#published))
  }

  async step(step: Step): Promise<void> {
    if (step.kind === 'append') this.#append(step)
    else if (step.kind === 'truncate') this.#truncate(step.share)
    else if (step.kind === 'clear') this.#clear(step.share, step.count)
    else if (step.kind === 'note') this.#note(step.byteLength)
    if (step.kind === 'append' && !step.waits) return
    await this.#settled()
    if (step.kind === 'flush') {
      await this.#log.flush()
      this.#isDurable(this.states.length - 1)
    } else if (step.kind === 'reopen') {
      await this.finish()
      await this.open()
    } else if (step.kind === 'failing-sync') await this.#failSync()
  }

  async finish(): Promise<void> {
    await this.#settled()
    await this.#log.close()
    this.#published = this.states.length - 1
    this.#isDurable(this.#published)
  }

  #append({ sizes, level }: Step & { kind: 'append' }): void {
    const blocks = sizes.map((byteLength) => this.#random.bytes(byteLength))
    const call = this.#call({ ...this.#last, blocks: [...this.#last.blocks, ...blocks] })
    this.#watch(call, level, this.#log.append(blocks, { durability: level }))
  }

  #truncate(share: number): void {
    const { fork, blocks } = this.#last
    const length = Math.floor(share * (blocks.length + 1))
    const call = this.#call({ ...this.#last, fork: fork + 1, blocks: blocks.slice(0, length) })
    this.#watch(call, 'power', this.#log.truncate(length))
  }

  #clear(share: number, count: number): void {
    const { blocks } = this.#last
    if (blocks.length === 0) return
    const start = Math.floor(share * blocks.length)
    const cleared = blocks.map((block, i) => (i >= start && i < start + count ? null : block))
    const call = this.#call({ ...this.#last, blocks: cleared })
    this.#watch(call, 'power', this.#log.clear(start, start + count))
  }

  #note(byteLength: number): void {
    const bytes = byteLength === 0 ? null : this.#random.bytes(byteLength)
    const { fork, blocks } = this.#last
    const call = this.#call({ fork, blocks, ...noteOf(bytes) })
    this.#watch(call, 'power', this.#log.setUserData(NOTE, bytes))
  }

  #call(state: ModelState): number {
    this.states.push(state)
    this.called.push(this.disk.trace.length)
    return this.states.length - 1
  }

  #watch(operation: number, level: 'power' | 'process', work: Promise<unknown>): void {
    this.#inFlight.push(
      work.then(() => {
        this.done.push({ operation, position: this.disk.trace.length })
        if (level === 'power') this.#isDurable(operation)
      })
    )
  }

  #isDurable(operation: number): void {
    this.durable.push({ operation, position: this.disk.trace.length })
  }

  async #settled(): Promise<void> {
    await Promise.all(this.#inFlight.splice(0))
  }

  /** An append whose sync fails; what it says may or may not be there afterwards: the disk tells. */
  async #failSync(): Promise<void> {
    await this.#log.flush()
    this.#isDurable(this.states.length - 1)
    const block = this.#random.bytes(300)
    const operation = this.#call({ ...this.#last, blocks: [...this.#last.blocks, block] })
    this.disk.faults = (action) => (action === 'sync' ? { error: errno('EIO') } : null)
    let code = ''
    await this.#log.append([block]).catch((error: { code: string }) => {
      code = error.code
    })
    if (code !== 'WRITE_FAILED') throw new Error(`A failed sync gave "${code}"`)
    await this.#log.close().catch(() => {})
    this.disk.faults = () => null
    await this.open()
    const state = await stateOf(this.#log)
    if (!isSame(state, this.#last)) {
      this.states.push(state)
      this.called.push(this.disk.trace.length)
    }
    this.#published = this.states.length - 1
    this.#isDurable(this.#published)
    if (operation > this.#published) throw new Error('The model lost an operation')
  }
}

export async function stateOf(core: Core): Promise<ModelState> {
  const blocks: (Uint8Array | null)[] = []
  for (let index = 0; index < core.tree.length; index++) blocks.push(await core.read(index))
  return { fork: core.tree.fork, blocks, ...noteOf(core.userData(NOTE)) }
}

function noteOf(bytes: Uint8Array | null): { note?: string } {
  return bytes === null ? {} : { note: toHex(bytes) }
}

export function isSame(a: ModelState, b: ModelState): boolean {
  if (a.fork !== b.fork || a.blocks.length !== b.blocks.length || a.note !== b.note) return false
  return a.blocks.every((block, i) => {
    const other = b.blocks[i] ?? null
    return block === null || other === null ? block === other : equalBytes(block, other)
  })
}
