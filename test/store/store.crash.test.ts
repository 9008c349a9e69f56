// T-CRASH of stores: three logs on one simulated disk with a tiny journal, appended to, cut, cleared, closed, purged; at
// every moment of the trace every disk that a kill or a power cut may leave is opened as a store. Each log then holds
// what it held after some whole operation of its own, not before the last promised one nor after the last called one;
// and goes on, also after a second crash. One seed again: LOGWOOD_SEED.
import { test } from 'brittle'
import type { Env } from '../../lib/env.ts'
import type { Log } from '../../lib/log/log.ts'
import { Store } from '../../lib/store/store.ts'
import { toHex } from '../../lib/util/bytes.ts'
import { type CrashState, crashStates, type Sizes, SOME } from '../helpers/crash-states.ts'
import { type DiskImage, fingerprint } from '../helpers/disk-image.ts'
import { seedList, seedsFor, tellFigures } from '../helpers/long.ts'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'
import { pick, seededEnv } from '../helpers/seeded-env.ts'
import { SimDisk } from '../helpers/sim-disk.ts'

const MINUTE_MS = 60_000
const NAMES = ['a', 'b', 'c']
const PRIMARY_KEY = new Uint8Array(32).fill(3)
/** Second crashes are tried for one in so many disks. */
const NESTED_EVERY = 100

interface Event {
  readonly operation: number
  readonly position: number
}

/** What one log went through: its states by number, when each was called, acknowledged, durable. */
interface History {
  readonly states: string[]
  readonly called: number[]
  readonly done: Event[]
  readonly durable: Event[]
}

interface Run {
  readonly disk: SimDisk
  readonly histories: Map<string, History>
}

interface Tally {
  states: number
  nested: number
  rested: number
}

/** The clock of every other seed runs faster, so that logs go to rest between the steps. */
const HASTE = 1_000

function hasty(env: Env): Env {
  return {
    ...env,
    now: () => env.now() * HASTE,
    setTimer: (delayMs, run) => env.setTimer(delayMs / HASTE, run)
  }
}

function open(
  disk: SimDisk,
  random: SeededRandom,
  journalBytes: number,
  isHasty = false
): Promise<Store> {
  const env = seededEnv(random)
  return Store.open(disk.factory, {
    primaryKey: PRIMARY_KEY,
    env: isHasty ? hasty(env) : env,
    limits: { journalBytes }
  })
}

/** Length, fork and blocks, in words. */
async function stateOf(log: Log): Promise<string> {
  const blocks: string[] = []
  for (let i = 0; i < log.length; i++) {
    const block = await log.read(i)
    blocks.push(block === null ? '-' : `${block.byteLength}:${toHex(block.subarray(0, 6))}`)
  }
  return `${log.fork}/${blocks.join(',')}`
}

class Recorder implements Run {
  readonly disk: SimDisk = new SimDisk()
  readonly histories: Map<string, History> = new Map()
  readonly #random: SeededRandom
  readonly #journalBytes: number
  readonly #texts: Map<string, string[]> = new Map()
  readonly #forks: Map<string, number> = new Map()
  readonly #isHasty: boolean
  /** Logs found at rest. */
  rested = 0
  readonly #sessions: Map<string, Log[]> = new Map()
  #store: Store | null = null
  #work: Promise<unknown>[] = []

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    this.#isHasty = seed % 2 === 0
    this.#journalBytes = pick(this.#random, [4096, 8192, 16_384, 65_536])
    for (const name of NAMES) {
      this.histories.set(name, { states: ['0/'], called: [], done: [], durable: [] })
      this.#texts.set(name, [])
      this.#forks.set(name, 0)
      this.#sessions.set(name, [])
    }
  }

  get journalBytes(): number {
    return this.#journalBytes
  }

  async run(steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) await this.#step()
    await this.#settled()
    await this.#store?.close()
    for (const name of NAMES) this.#isDurable(name, this.#last(name))
  }

  async #step(): Promise<void> {
    const random = this.#random
    this.#store ??= await open(this.disk, random, this.#journalBytes, this.#isHasty)
    if (this.#isHasty && random.next() < 0.3) {
      await this.#settled()
      // Long enough for the hasty clock.
      await new Promise((resolve) => setTimeout(resolve, 15))
      this.rested += this.#store.stats().restingLogs
    }
    const dice = random.next()
    if (dice < 0.06) {
      await this.#settled()
      await this.#store.close()
      this.#store = null
      for (const sessions of this.#sessions.values()) sessions.length = 0
      for (const name of NAMES) this.#isDurable(name, this.#last(name))
      return
    }
    const name = pick(random, NAMES)
    const log = await this.#store.get({ name })
    this.#sessions.get(name)!.push(log)
    if (dice < 0.14) await this.#change(name, log, 'truncate')
    else if (dice < 0.2) await this.#change(name, log, 'clear')
    else if (dice < 0.23) await this.#purge(name, log)
    else if (dice < 0.3) {
      await this.#settled()
      // With the last session the log closes.
      await Promise.all(
        this.#sessions
          .get(name)!
          .splice(0)
          .map((each) => each.close())
      )
      this.#isDurable(name, this.#last(name))
    } else this.#append(name, log, dice < 0.5 ? 'process' : 'power')
    if (random.next() < 0.5) await this.#settled()
  }

  #append(name: string, log: Log, level: 'process' | 'power'): void {
    const dice = this.#random.next()
    const most = dice < 0.1 ? 3000 : dice < 0.2 ? 400 : 60
    const blocks = Array.from({ length: 1 + this.#random.int(3) }, () =>
      this.#random.bytes(1 + this.#random.int(most))
    )
    const texts = this.#texts.get(name)!
    for (const b of blocks) texts.push(`${b.byteLength}:${toHex(b.subarray(0, 6))}`)
    this.#watch(name, log.append(blocks, { durability: level }), level === 'power')
  }

  async #change(name: string, log: Log, kind: 'truncate' | 'clear'): Promise<void> {
    await this.#settled()
    const texts = this.#texts.get(name)!
    if (texts.length === 0) return
    const at = this.#random.int(texts.length)
    if (kind === 'truncate') {
      texts.length = at
      this.#forks.set(name, this.#forks.get(name)! + 1)
      this.#watch(name, log.truncate(at), true)
    } else {
      texts[at] = '-'
      this.#watch(name, log.clear(at), true)
    }
    await this.#settled()
  }

  async #purge(name: string, log: Log): Promise<void> {
    await this.#settled()
    this.#texts.set(name, [])
    this.#forks.set(name, 0)
    this.#watch(name, log.purge(), true)
    await this.#settled()
  }

  #watch(name: string, work: Promise<unknown>, isPower: boolean): void {
    const { states, called, done } = this.histories.get(name)!
    states.push(`${this.#forks.get(name)}/${this.#texts.get(name)!.join(',')}`)
    called.push(this.disk.trace.length)
    const operation = states.length - 1
    this.#work.push(
      work.then(() => {
        done.push({ operation, position: this.disk.trace.length })
        if (isPower) this.#isDurable(name, operation)
      })
    )
  }

  #last(name: string): number {
    return this.histories.get(name)!.states.length - 1
  }

  #isDurable(name: string, operation: number): void {
    this.histories.get(name)!.durable.push({ operation, position: this.disk.trace.length })
  }

  async #settled(): Promise<void> {
    await Promise.all(this.#work.splice(0))
  }
}

/** What is wrong with a disk; null: nothing. */
async function judge(run: Recorder, state: CrashState, cut: number): Promise<string | null> {
  const disk = new SimDisk(state.disk, { later: queueMicrotask })
  const store = await open(disk, seededRandom(9), run.journalBytes)
  const faults: string[] = []
  for (const name of NAMES) {
    const log = await store.get({ name })
    if (log.behind !== null) faults.push(`${name} is behind: ${log.behind}`)
    const found = await stateOf(log)
    const { states, called, done, durable } = run.histories.get(name)!
    const last = (list: readonly Event[]): number =>
      list.reduce((most, e) => (e.position <= cut ? Math.max(most, e.operation) : most), 0)
    const from = state.isKill ? Math.max(last(done), last(durable)) : last(durable)
    const to = called.filter((position) => position <= cut).length
    if (!states.some((each, k) => k >= from && k <= to && each === found)) {
      faults.push(`${name} holds ${found}, not one of ${from} to ${to}: ${states[from]}`)
    }
    if (faults.length === 0) await log.append(new Uint8Array([1, 2, 3]))
  }
  await store.close()
  if (faults.length > 0) return faults.join('; ')
  const again = await open(
    new SimDisk(disk.image, { later: queueMicrotask }),
    seededRandom(8),
    4096
  )
  for (const name of NAMES) {
    const log = await again.get({ name })
    const end = await log.read(log.length - 1)
    if (end === null || toHex(end) !== '010203') faults.push(`${name} lost what was appended`)
  }
  await again.close()
  return faults.length > 0 ? faults.join('; ') : null
}

/** The store crashes once more while it recovers. */
async function crashAgain(
  run: Recorder,
  state: CrashState,
  cut: number,
  tally: Tally
): Promise<string | null> {
  const disk = new SimDisk(state.disk, { later: queueMicrotask })
  await (await open(disk, seededRandom(7), run.journalBytes)).close()
  const random = seededRandom(cut)
  const trace = [...disk.trace]
  for (let k = 0; k < 3; k++) {
    const at = random.int(trace.length + 1)
    const options = { random, sizes: { random: 1, moments: 1, sectors: 0 }, namesUntil: -1 }
    for (const second of crashStates(state.disk, trace, at, options)) {
      if (random.next() > seedsFor(0.02, 0.2)) continue
      tally.nested++
      const isKill = state.isKill && second.isKill
      const fault = await judge(run, { ...second, isKill }, cut)
      if (fault !== null) return `second crash at ${at}, ${second.family} ${second.name}: ${fault}`
    }
  }
  return null
}

async function judgeRun(
  run: Recorder,
  seed: number,
  how: { sizes: Sizes; share: number },
  tally: Tally
): Promise<string | null> {
  const random = seededRandom(seed * 17 + 3)
  const seen = new Set<string>()
  const initial: DiskImage = new Map()
  const { trace } = run.disk
  for (let cut = 0; cut <= trace.length; cut++) {
    const options = { random, sizes: how.sizes, namesUntil: -1 }
    for (const state of crashStates(initial, trace, cut, options)) {
      if (random.next() >= how.share) continue
      const print = `${fingerprint(state.disk)} ${state.isKill} ${cut}`
      if (seen.has(print)) continue
      seen.add(print)
      const number = tally.states++
      const where = `cut ${cut} of ${trace.length}, ${state.family} ${state.name}`
      const told = (error: unknown): string => (error instanceof Error ? (error.stack ?? '') : '')
      const fault =
        (await judge(run, state, cut).catch(told)) ??
        (number % NESTED_EVERY === 0 ? await crashAgain(run, state, cut, tally).catch(told) : null)
      if (fault !== null) return `${where}: ${fault}`
    }
  }
  return null
}

test('disks after a crash of a store', { timeout: 600 * MINUTE_MS }, async (t) => {
  const tally: Tally = { states: 0, nested: 0, rested: 0 }
  for (const seed of seedList(6, 100)) {
    const run = new Recorder(seed)
    await run.run(30)
    tally.rested += run.rested
    const share = seedsFor(0.006, 0.3)
    const fault = await judgeRun(run, seed, { sizes: SOME, share }, tally)
    t.is(fault, null, `T-CRASH store, seed ${seed}`)
  }
  t.ok(tally.rested > 0, 'logs went to rest')
  tellFigures(t, 'T-CRASH store', { ...tally })
})
