// T-IO: the k-th operation of a kind on the disk fails, for every k, once or from then on, while a log is opened, grown,
// cut, cleared or filled by proofs. The call that it hits rejects with the right class, code and cause; nothing hangs; the
// state is that before the call; the same call again succeeds, unless a sync failed: then nothing is written until the log
// is opened again. After reopening, and after the power went, all that was promised is there.
import { test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import { type LogwoodError, StorageError } from '../../lib/errors.ts'
import { emptyRequest, type Proof } from '../../lib/merkle/proof.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { memoryStorage } from '../../lib/storage/memory-storage.ts'
import { crashKeyPair, isSame, type ModelState, stateOf } from '../helpers/crash-script.ts'
import { barestDisk } from '../helpers/crash-states.ts'
import type { DiskImage } from '../helpers/disk-image.ts'
import { seedList, seedsFor, tellFigures } from '../helpers/long.ts'
import { ManualEnv } from '../helpers/manual-env.ts'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'
import { type DiskAction, errno, SimDisk } from '../helpers/sim-disk.ts'

/** Turns of the event loop, each a millisecond of the log's clock, after which a call counts as hanging. */
const MAX_TURNS = 3_000

interface Kind {
  readonly name: string
  readonly action: DiskAction
  readonly code: string
  /** Bytes that are done of so many. */
  readonly bytes?: (byteLength: number) => number
}

const KINDS: readonly Kind[] = [
  { name: 'read EIO', action: 'read', code: 'EIO' },
  { name: 'read short', action: 'read', code: '', bytes: (all) => all >> 1 },
  { name: 'write EIO', action: 'write', code: 'EIO' },
  { name: 'write ENOSPC', action: 'write', code: 'ENOSPC' },
  { name: 'write half, then ENOSPC', action: 'write', code: 'ENOSPC', bytes: (all) => all >> 1 },
  { name: 'write all, then EIO', action: 'write', code: 'EIO', bytes: (all) => all },
  { name: 'sync EIO', action: 'sync', code: 'EIO' },
  { name: 'truncate EIO', action: 'truncate', code: 'EIO' },
  { name: 'open EMFILE', action: 'open', code: 'EMFILE' },
  { name: 'open EACCES', action: 'open', code: 'EACCES' },
  { name: 'stat EIO', action: 'stat', code: 'EIO' }
]

interface Operation {
  readonly name: string
  run(core: Core): Promise<unknown>
  after(state: ModelState): ModelState
  /** What it promises outlasts lost power. */
  readonly isPower: boolean
}

interface Scenario {
  readonly name: string
  readonly initial: DiskImage
  readonly state: ModelState
  readonly operations: readonly Operation[]
  open(disk: SimDisk, env: ManualEnv): Promise<Core>
}

class SeededManualEnv extends ManualEnv {
  readonly #random: SeededRandom = seededRandom(3)

  override randomBytes(byteLength: number): Uint8Array {
    return this.#random.bytes(byteLength)
  }
}

const LIMITS = { halfBytes: 4096, inlineLimitBytes: 600, syncAfterMs: 2, sealAfterMs: 5 }
const empty: ModelState = { fork: 0, blocks: [] }

function openWriter(disk: SimDisk, env: ManualEnv): Promise<Core> {
  return LogFiles.open(disk.factory).then((files) =>
    Core.open(files, { keyPair: crashKeyPair, env, limits: LIMITS })
  )
}

function append(random: SeededRandom, sizes: number[], level: 'power' | 'process'): Operation {
  const blocks = sizes.map((size) => random.bytes(size))
  return {
    name: `append ${sizes.join(' ')} (${level})`,
    run: (core) => core.append(blocks, { durability: level }),
    after: (state) => ({ ...state, blocks: [...state.blocks, ...blocks] }),
    isPower: level === 'power'
  }
}

function truncate(length: number): Operation {
  return {
    name: `truncate ${length}`,
    run: (core) => core.truncate(length),
    after: (state) => ({ fork: state.fork + 1, blocks: state.blocks.slice(0, length) }),
    isPower: true
  }
}

function clear(start: number, end: number): Operation {
  return {
    name: `clear ${start} ${end}`,
    run: (core) => core.clear(start, end),
    after: (state) => ({
      ...state,
      blocks: state.blocks.map((block, i) => (i >= start && i < end ? null : block))
    }),
    isPower: true
  }
}

const flush: Operation = {
  name: 'flush',
  run: (core) => core.flush(),
  after: (state) => state,
  isPower: true
}

function appends(seed: number): Scenario {
  const random = seededRandom(seed)
  const operations = Array.from({ length: 16 }, (_, i) =>
    append(random, [random.int(500), i % 5 === 3 ? 700 : 20], i % 3 === 1 ? 'process' : 'power')
  )
  return { name: 'appends', initial: new Map(), state: empty, operations, open: openWriter }
}

/** On a log whose process was killed, so that opening it recovers. */
async function mixed(seed: number): Promise<Scenario> {
  const random = seededRandom(seed + 1000)
  const disk = new SimDisk()
  const core = await openWriter(disk, new SeededManualEnv())
  let state = empty
  const before = [
    append(random, [300, 40, 700], 'power'),
    truncate(2),
    append(random, [650], 'process'),
    append(random, [50, 60], 'process')
  ]
  for (const operation of before) {
    await operation.run(core)
    state = operation.after(state)
  }
  const initial = disk.image
  await core.close()
  const operations = [
    append(random, [500, 900], 'power'),
    clear(1, 3),
    append(random, [700, 10], 'process'),
    truncate(4),
    append(random, [1200], 'power'),
    flush,
    append(random, [500, 90], 'process'),
    append(random, [590], 'power'),
    append(random, [590, 100], 'power'),
    clear(4, 5),
    append(random, [2000], 'power')
  ]
  return { name: 'mixed, after a kill', initial, state, operations, open: openWriter }
}

async function reading(seed: number): Promise<Scenario> {
  const random = seededRandom(seed + 2000)
  const blocks = Array.from({ length: 12 }, (_, i) => random.bytes(i % 4 === 2 ? 800 : 100))
  const writer = await Core.open(await LogFiles.open(memoryStorage()), { keyPair: crashKeyPair })
  const { key } = writer
  await writer.append(blocks)
  const proofOf = async (part: Partial<typeof emptyRequest>): Promise<Proof> => {
    const proof = await writer.prove({ ...emptyRequest, ...part })
    if (proof === null) throw new Error('The writer cannot prove its own log')
    return proof
  }
  const upgrade = await proofOf({ manifest: true, upgrade: { start: 0, length: 12 } })
  const operations: Operation[] = [
    {
      name: 'accept the head',
      run: (core) => core.accept(upgrade),
      after: () => ({ fork: 0, blocks: blocks.map(() => null) }),
      isPower: true
    }
  ]
  for (const index of [2, 0, 11, 5, 6, 1, 10, 7]) {
    const proof = await proofOf({ block: { index, nodes: index < 8 ? 3 : 2 } })
    operations.push({
      name: `accept block ${index}`,
      // Without a head there is nothing that a block could be proven by.
      run: async (core) => (core.tree.length === 0 ? null : core.accept(proof)),
      after: (state) =>
        state.blocks.length === 0
          ? state
          : { ...state, blocks: state.blocks.with(index, blocks[index]!) },
      isPower: false
    })
    if (index === 5) operations.push(clear(0, 3), flush)
  }
  await writer.close()
  const limits = { ...LIMITS, fetchedInlineBytes: 500 }
  const open = async (disk: SimDisk, env: ManualEnv): Promise<Core> =>
    Core.open(await LogFiles.open(disk.factory), { key, env, limits })
  return { name: 'a reader', initial: new Map(), state: empty, operations, open }
}

class Attempt {
  readonly disk: SimDisk
  readonly #scenario: Scenario
  readonly #kind: Kind
  readonly #forever: boolean
  readonly #env: ManualEnv = new SeededManualEnv()
  readonly #error: NodeJS.ErrnoException
  #core: Core | null = null
  #hasFired = false
  /** While this log was open. */
  #hasFailed = false
  /** All states that were acknowledged; how many of them lost power keeps; what may be there besides the last. */
  readonly #states: ModelState[]
  #durable = 0
  #possible: ModelState[] = []

  constructor(scenario: Scenario, kind: Kind, k: number, forever: boolean) {
    this.#scenario = scenario
    this.#kind = kind
    this.#forever = forever
    this.#states = [scenario.state]
    this.#error = errno(kind.code)
    this.disk = new SimDisk(scenario.initial)
    let seen = 0
    this.disk.faults = (action, _file, byteLength) => {
      if (action !== kind.action) return null
      seen++
      if (seen <= k || (!forever && seen > k + 1)) return null
      this.#hasFired = true
      this.#hasFailed = true
      const error = this.#error
      return kind.bytes === undefined ? { error } : { error, bytes: kind.bytes(byteLength) }
    }
  }

  get hasFired(): boolean {
    return this.#hasFired
  }

  get #last(): ModelState {
    return this.#states.at(-1)!
  }

  async run(): Promise<void> {
    if (await this.#opens()) {
      for (const operation of this.#scenario.operations) await this.#operate(operation)
      await this.#closes()
    }
    this.disk.faults = () => null
    await this.#holds('reopened', this.disk.image, this.#states.length - 1)
    await this.#holds(
      'without power',
      barestDisk(this.disk.initial, this.disk.trace),
      this.#durable
    )
  }

  async #closes(): Promise<void> {
    try {
      await this.#within('close', this.#core?.close() ?? Promise.resolve())
      // A log whose sync failed is closed without another one.
      if (this.#kind.action !== 'sync') this.#possible = []
    } catch (error) {
      this.#assertTyped('close', error)
    }
  }

  async #opens(): Promise<boolean> {
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        const core = await this.#within('open', this.#scenario.open(this.disk, this.#env))
        this.#core = core
        this.#hasFailed = false
        core.onChange(() => this.#published(core))
        this.#published(core)
        return true
      } catch (error) {
        this.#assertTyped('open', error)
      }
      if (this.#forever) return false
    }
    throw new Error('does not open though it failed only once')
  }

  async #operate(operation: Operation): Promise<void> {
    const core = this.#core
    if (core === null) return
    const fails = async (): Promise<unknown> =>
      this.#within(operation.name, operation.run(core)).then(
        () => null,
        (error: unknown) => error
      )
    const next = operation.after(this.#last)
    const changes = !isSame(next, this.#last)
    const isFinal = this.#hasFailed && this.#kind.action === 'sync'
    let error = await fails()
    if (error !== null) {
      this.#assertTyped(operation.name, error)
      this.#possible.push(next)
      await this.#reads(core, operation.name)
      const final = this.#kind.action === 'sync'
      if (!this.#forever && !final) error = await fails()
      if (error !== null && !this.#forever && !final) {
        throw new Error(`${operation.name} fails again, though the fault came once: ${error}`)
      }
    } else if (isFinal && changes) {
      throw new Error(`${operation.name} was written after a sync had failed`)
    }
    if (error !== null) return
    this.#states.push(next)
    // The place of what was rejected is used again by the next change, and wiped before anything is synced.
    if (changes || operation === flush) this.#possible = []
    if (operation.isPower) this.#durable = this.#states.length - 1
    if (this.#hasFired) await this.#reads(core, operation.name)
  }

  #published(core: Core): void {
    const { fork, length } = core
    const bare = barestDisk(this.disk.initial, this.disk.trace)
    this.#checks.push(() => this.#includes(bare, fork, length))
  }

  readonly #checks: (() => Promise<void>)[] = []

  /** What was published was on the disk at that moment. */
  async #includes(bare: DiskImage, fork: number, length: number): Promise<void> {
    const disk = new SimDisk(bare, { later: queueMicrotask })
    const core = await this.#scenario.open(disk, new SeededManualEnv())
    const is = core.tree
    await core.close()
    if (is.fork < fork || (is.fork === fork && is.length < length)) {
      throw new Error(`published ${fork}/${length}, but the disk held ${is.fork}/${is.length}`)
    }
  }

  async publishedIsDurable(): Promise<void> {
    for (const check of this.#checks) await check()
  }

  /** Everything that was promised can be read at once. */
  async #reads(core: Core, after: string): Promise<void> {
    if (this.#kind.action === 'read' && this.#forever) return
    let state: ModelState | null = null
    for (let attempt = 0; attempt < 2 && state === null; attempt++) {
      state = await this.#within('reading', stateOf(core)).catch((error) => {
        if (this.#kind.action !== 'read') throw error
        this.#assertTyped('read', error)
        return null
      })
    }
    if (state === null || !isSame(state, this.#last)) throw new Error(`wrong state after ${after}`)
    if (core.damages.length > 0) throw new Error(`damage is reported after ${after}`)
  }

  async #holds(how: string, image: DiskImage, from: number): Promise<void> {
    const disk = new SimDisk(image)
    const core = await this.#within(`opening ${how}`, this.#scenario.open(disk, this.#env))
    if (core.behind !== null) throw new Error(`${how}: opens as ${core.behind}`)
    const state = await stateOf(core)
    const allowed = [...this.#states.slice(from), ...this.#possible]
    // A call that was never made for want of an open log leaves the state before it, or nothing yet.
    if (!allowed.some((each) => isSame(each, state))) {
      throw new Error(
        `${how}: length ${state.blocks.length} of fork ${state.fork} was not promised`
      )
    }
    if (core.damages.length > 0) throw new Error(`${how}: ${JSON.stringify(core.damages)}`)
    if (core.writable) await this.#within('append', core.append([new Uint8Array(9)]))
    await core.close()
  }

  #assertTyped(what: string, error: unknown): void {
    const { code, cause } = error as LogwoodError
    if (!(error instanceof StorageError)) throw new Error(`${what} throws ${error}`)
    const isRead = ['read', 'open', 'stat'].includes(this.#kind.action)
    const expected = isRead ? 'READ_FAILED' : 'WRITE_FAILED'
    if (code !== expected) throw new Error(`${what} throws ${code}: ${error.message}`)
    let origin = cause
    while (origin instanceof StorageError) origin = origin.cause
    if (this.#kind.code !== '' && origin !== this.#error)
      throw new Error(`${what}: cause ${origin}`)
  }

  async #within<T>(what: string, work: Promise<T>): Promise<T> {
    let isOver = false
    const over = (): void => {
      isOver = true
    }
    work.then(over, over)
    for (let turn = 0; turn < MAX_TURNS && !isOver; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      this.#env.advance(1)
    }
    if (!isOver) throw new Error(`${what} hangs`)
    return work
  }
}

async function attemptAll(
  scenario: Scenario,
  kind: Kind,
  forever: boolean
): Promise<{
  attempts: number
  faults: string[]
}> {
  const faults: string[] = []
  for (let k = 0; ; k++) {
    const attempt = new Attempt(scenario, kind, k, forever)
    try {
      await attempt.run()
      // Opening every published state again is dear, so it is done for some.
      if (k % 4 === 0) await attempt.publishedIsDurable()
    } catch (error) {
      faults.push(`${kind.name} ${k}${forever ? ' and on' : ''}: ${(error as Error).stack}`)
    }
    if (!attempt.hasFired || faults.length > 2) return { attempts: k, faults }
  }
}

test('what was rejected does not come back behind what is written in its place', async (t) => {
  const disk = new SimDisk()
  const core = await openWriter(disk, new SeededManualEnv())
  await core.append([0, 1, 2, 3].map((value) => new Uint8Array(50).fill(value)))
  let isOver = false
  disk.faults = (action, _file, bytes) => {
    if (action !== 'write' || isOver) return null
    isOver = true
    return { error: errno('EIO'), bytes }
  }
  const both = await Promise.allSettled([core.clear(0, 1), core.clear(1, 2)])
  t.alike(
    both.map((each) => each.status),
    ['rejected', 'rejected']
  )
  await core.clear(2, 3)
  const again = await openWriter(new SimDisk(disk.image), new SeededManualEnv())
  t.alike(
    [0, 1, 2, 3].map((index) => again.holds(index)),
    [true, true, false, true]
  )
  await again.close()
  await core.close()
})

/** The next write to the oplog is done as a whole, and called a failure. */
function failOneWrite(disk: SimDisk): void {
  let isOver = false
  disk.faults = (action, file, bytes) => {
    if (action !== 'write' || file !== 'oplog' || isOver) return null
    isOver = true
    return { error: errno('EIO'), bytes }
  }
}

async function reopened(image: DiskImage): Promise<ModelState> {
  const core = await openWriter(new SimDisk(image), new SeededManualEnv())
  const state = await stateOf(core)
  await core.close()
  return state
}

test('what was rejected is not made to last by a flush, a timer or the end', async (t) => {
  const ends: Record<string, (core: Core, env: ManualEnv) => Promise<unknown>> = {
    flush: (core) => core.flush(),
    close: (core) => core.close(),
    'a timer': async (_core, env) => {
      for (let turn = 0; turn < 20; turn++) {
        env.advance(1)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }
  for (const [name, end] of Object.entries(ends)) {
    const disk = new SimDisk()
    const env = new SeededManualEnv()
    const core = await openWriter(disk, env)
    await core.append([new Uint8Array(50)], { durability: 'process' })
    const state = await stateOf(core)
    failOneWrite(disk)
    await t.exception(core.append([new Uint8Array(60)]))
    t.absent(isSame(await reopened(disk.image), state), 'its bytes are there')
    await end(core, env)
    t.ok(isSame(await reopened(disk.image), state), `not after ${name}`)
    t.ok(isSame(await reopened(barestDisk(disk.initial, disk.trace)), state), 'without power')
    await core.close()
  }
})

test('a half whose start failed does not hide what is written behind it', async (t) => {
  for (const durability of ['power', 'process'] as const) {
    const disk = new SimDisk()
    const core = await openWriter(disk, new SeededManualEnv())
    for (let i = 0; i < 5; i++) await core.append([new Uint8Array(550).fill(i)])
    failOneWrite(disk)
    const big = core.append([new Uint8Array(550)])
    await t.exception(big, 'there is no room for it, and another half cannot be started')
    await core.append([new Uint8Array(9)], { durability })
    t.is(core.tree.length, 6)
    t.ok(isSame(await reopened(disk.image), await stateOf(core)), durability)
    await core.close()
  }
})

for (const [name, make] of Object.entries({
  appends: async (seed: number) => appends(seed),
  mixed,
  reading
})) {
  test(`an error at the k-th operation: ${name}`, { timeout: 36_000_000 }, async (t) => {
    const figures: Record<string, number> = { attempts: 0 }
    for (const seed of seedList(1, 20)) {
      const scenario = await make(seed)
      for (const kind of KINDS) {
        for (const forever of [false, true]) {
          const { attempts, faults } = await attemptAll(scenario, kind, forever)
          figures['attempts'] = (figures['attempts'] ?? 0) + attempts
          figures[kind.name] = (figures[kind.name] ?? 0) + attempts
          const how = `seed ${seed}, ${kind.name}, ${forever ? 'from then on' : 'once'}`
          t.alike(faults, [], how)
        }
      }
    }
    tellFigures(t, `T-IO ${name}`, { seeds: seedsFor(1, 20), ...figures })
  })
}
