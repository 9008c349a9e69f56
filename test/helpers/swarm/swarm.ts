// Runs a plan in a simulated world: the storm, in which only safety is looked at; the calm, in which all that should
// happen has to; the end, after which nothing may be left. See design: storm, calm, liveness, teardown.
import { createKeyPair } from '../../../lib/crypto/key-pair.ts'
import { AbortError, LogwoodError } from '../../../lib/errors.ts'
import type { Log } from '../../../lib/log/log.ts'
import type { SimLink } from '../../../lib/sim/link.ts'
import { SimWorld } from '../../../lib/sim/world.ts'
import { History } from './history.ts'
import { type Counts, Member } from './member.ts'
import type { Action, Plan } from './plan.ts'

/** Virtual time within which all have all once nothing breaks any more. */
const CALM_MS = 15 * 60_000
const DIAL_EVERY_MS = 500
const START_MS = 60_000
const CLOSE_MS = 60_000
/** What may wait on a connection whose other end does not read: marks at which writers stop, and one message of each. */
const MAX_BUFFERED_BYTES = 2 * 1024 * 1024
/** Tasks between two looks at everything. */
const LOOK_EVERY_TASKS = 400

export interface Outcome extends Counts {
  readonly traceHash: number
  readonly virtualMs: number
  readonly tasks: number
  /** From the end of the storm until everybody had everything. */
  readonly convergedMs: number
  /** What must not happen, and did. */
  readonly violations: readonly string[]
}

export async function runPlan(plan: Plan): Promise<Outcome> {
  return await new Swarm(plan).run()
}

/** What a reader does. */
type Reading = Extract<Action, { kind: 'get' | 'seek' | 'download' | 'follow' | 'clear' }>

class Swarm {
  readonly #plan: Plan
  readonly #world: SimWorld
  readonly #history: History
  readonly #members: Member[]
  readonly #links: (SimLink | null)[]
  readonly #violations: Set<string> = new Set()
  readonly #counts: Counts = {
    fetched: 0,
    served: 0,
    vain: 0,
    crossed: 0,
    unknownHashes: 0,
    crashes: 0,
    gets: 0
  }
  /** Calls that have to be answered if their peer stays up, each with what it waits for. */
  readonly #waiting: Set<{ readonly member: Member; readonly log: Log; readonly what: string }> =
    new Set()
  #writing: Promise<void> = Promise.resolve()
  #dialing: Disposable | null = null
  #isOver = false

  constructor(plan: Plan) {
    this.#plan = plan
    this.#world = new SimWorld(plan.seed, { disk: { latencyMs: plan.diskLatencyMs } })
    this.#history = new History(plan.maxBlockBytes)
    const keyPair = createKeyPair(this.#world.random.bytes(32))
    const duties = {
      history: this.#history,
      counts: this.#counts,
      violated: (what: string): void => this.#violated(what)
    }
    this.#members = Array.from({ length: plan.peers }, (_, index) => {
      return new Member(index, this.#world.host(`peer-${index}`), keyPair, duties)
    })
    this.#links = plan.edges.map(() => null)
  }

  async run(): Promise<Outcome> {
    const { clock } = this.#world
    await clock.settled(Promise.all(this.#members.map((each) => each.start())), START_MS)
    this.#dial()
    await this.#storm()
    const calmAt = clock.now()
    await this.#calm()
    const convergedMs = clock.now() - calmAt
    await this.#end()
    return {
      ...this.#counts,
      traceHash: clock.traceHash,
      virtualMs: clock.now(),
      tasks: clock.taskCount,
      convergedMs,
      violations: [...this.#violations]
    }
  }

  async #storm(): Promise<void> {
    const { clock } = this.#world
    const begin = clock.now()
    for (const action of this.#plan.actions) {
      await this.#pass(begin + action.at - clock.now())
      this.#do(action)
    }
    await this.#pass(begin + this.#plan.stormMs - clock.now())
  }

  async #calm(): Promise<void> {
    const { clock, network } = this.#world
    network.heal()
    await this.#pass(1)
    const up = (): boolean => this.#members.every(({ log }) => log !== null)
    if (!(await clock.until(up, CALM_MS))) {
      this.#violated('a peer does not start again')
      return
    }
    // A cut to nothing is not told of before there is something to prove again.
    this.#do({ kind: 'append', at: 0, count: 1 })
    await this.#settled(this.#writing, 'the writer does not get done')
    const readers = this.#members.slice(1).map(({ log }) => log as Log)
    for (const log of readers) log.download({ start: 0, end: -1 })
    const isDone = (): boolean => readers.every((log) => this.#hasAll(log))
    if (!(await clock.until(isDone, CALM_MS))) {
      this.#violated(`not all of them catch up: ${this.#whatLacks()}`)
      return
    }
    await this.#settled(Promise.all(readers.map((log) => log.synced())), 'not all know that')
    await this.#checkAll()
    const { length } = this.#history.head
    for (const { member, log, what } of this.#waiting) {
      const index = Number(/^block (\d+)/.exec(what)?.[1] ?? Number.POSITIVE_INFINITY)
      if (member.log === log && index < length) {
        this.#violated(`peer ${member.index} still waits for ${what}`)
      }
    }
  }

  async #end(): Promise<void> {
    const { clock, network } = this.#world
    this.#isOver = true
    this.#dialing?.[Symbol.dispose]()
    await this.#settled(Promise.all(this.#members.map((each) => each.stop())), 'some do not close')
    await clock.run(CLOSE_MS)
    if (clock.waitingCount > 0) this.#violated(`${clock.waitingCount} timers are left`)
    if (network.count > 0) this.#violated(`${network.count} connections are left`)
  }

  /** Lets time pass, and looks at everything now and then. */
  async #pass(forMs: number): Promise<void> {
    if (forMs <= 0) return
    const { clock } = this.#world
    let next = clock.taskCount + LOOK_EVERY_TASKS
    await clock.until(() => {
      if (clock.taskCount >= next) {
        next = clock.taskCount + LOOK_EVERY_TASKS
        this.#look()
      }
      return false
    }, forMs)
    this.#look()
  }

  async #settled(promise: Promise<unknown>, otherwise: string): Promise<void> {
    try {
      await this.#world.clock.settled(promise, CALM_MS)
    } catch (error) {
      this.#violated(`${otherwise}: ${(error as Error).message}; ${this.#whatLacks()}`)
    }
  }

  #do(action: Action): void {
    switch (action.kind) {
      case 'append':
      case 'truncate':
        this.#writing = this.#writing.then(() => this.#write(action))
        return
      case 'partition':
        this.#part(action.sides)
        return
      case 'heal':
        this.#world.network.heal()
        return
      case 'reset':
        this.#links[action.edge]?.cut()
        return
      case 'crash':
        this.#crash(action)
        return
      default:
        this.#read(action, this.#members[action.peer]!)
    }
  }

  /** Skipped if the writer is down, or goes down meanwhile: then nobody waits for it any more. */
  async #write(action: Extract<Action, { kind: 'append' | 'truncate' }>): Promise<void> {
    const writer = this.#members[0]!
    const { log } = writer
    if (log === null) return
    const done =
      action.kind === 'append'
        ? log.append(this.#history.append(action.count), {})
        : log.truncate(this.#history.truncate(action.share))
    const gone = this.#whenGone(writer, log)
    try {
      await Promise.race([done, gone.promise])
    } catch (error) {
      this.#violated(`the writer's ${action.kind} fails: ${(error as Error).message}`)
    } finally {
      gone.dispose()
    }
  }

  #read(action: Reading, member: Member): void {
    const { log } = member
    if (log === null) return
    switch (action.kind) {
      case 'get': {
        this.#counts.gets++
        const { index } = action
        const block = log.get(index).then((bytes) => {
          if (!this.#history.wasBlock(index, bytes)) this.#violated(`block ${index} is false`)
        })
        this.#answered(member, log, `block ${index}`, block)
        return
      }
      case 'seek': {
        const { offset } = action
        const place = log.seek(offset).then((found) => {
          if (found !== null && !this.#history.wasPlace(offset, found)) {
            this.#violated(`byte ${offset} is not at ${found.index}+${found.byteOffset}`)
          }
        })
        this.#answered(member, log, `byte ${offset}`, place)
        return
      }
      case 'download':
        log.download({ start: action.start, end: action.end })
        return
      case 'follow':
        log.download({ start: 0, end: -1 })
        return
      case 'clear': {
        const end = Math.min(action.end, log.length)
        if (action.start < end) {
          this.#answered(
            member,
            log,
            'clearing',
            log.clear(action.start, end).then(() => {})
          )
        }
        return
      }
      default:
    }
  }

  #answered(member: Member, log: Log, what: string, done: Promise<void>): void {
    const call = { member, log, what }
    this.#waiting.add(call)
    done.then(
      () => this.#waiting.delete(call),
      (error: unknown) => {
        this.#waiting.delete(call)
        const isClosed = error instanceof LogwoodError && error.code === 'CLOSED'
        if (member.log !== log && isClosed) return
        if (error instanceof AbortError) return
        this.#violated(`peer ${member.index}: ${what} fails: ${(error as Error).message}`)
      }
    )
  }

  #crash({ peer, what, downMs }: Extract<Action, { kind: 'crash' }>): void {
    const member = this.#members[peer]!
    if (member.log === null) return
    this.#counts.crashes++
    member.crash(what)
    this.#world.clock.setTimer(downMs, () => {
      member.start().catch((error: unknown) => {
        this.#violated(`peer ${peer} does not start again: ${(error as Error).message}`)
      })
    })
  }

  #part(sides: readonly boolean[]): void {
    const group = (side: boolean): string[] =>
      this.#members.filter((_, i) => sides[i] === side).map(({ host }) => host.name)
    this.#world.network.partition([group(true), group(false)])
  }

  /** Whoever is up is connected again before long. */
  #dial(): void {
    if (this.#isOver) return
    for (const [i, { from, to, line }] of this.#plan.edges.entries()) {
      const link = this.#links[i]
      const [a, b] = [this.#members[from]!, this.#members[to]!]
      if (a.opened === null || b.opened === null) continue
      if (link !== null && link !== undefined) {
        if (link.isClosed) this.#links[i] = null
        continue
      }
      const made = this.#world.network.connect(a.host.name, b.host.name, line)
      this.#links[i] = made
      a.opened.connections.encrypt(made.first, { isInitiator: true })
      b.opened.connections.encrypt(made.second, { isInitiator: false })
    }
    this.#dialing = this.#world.clock.setTimer(DIAL_EVERY_MS, () => this.#dial())
  }

  /** Resolves when this run of a peer is over. */
  #whenGone(member: Member, log: Log): { promise: Promise<void>; dispose: () => void } {
    let timer: Disposable | null = null
    const promise = new Promise<void>((resolve) => {
      const look = (): void => {
        if (member.log !== log) resolve()
        else timer = this.#world.clock.setTimer(DIAL_EVERY_MS, look)
      }
      look()
    })
    return { promise, dispose: () => timer?.[Symbol.dispose]() }
  }

  /** What derives from something else agrees with it; what a peer holds is what was written; nothing piles up. */
  #look(): void {
    for (const link of this.#links) {
      const waiting = Math.max(link?.first.bufferedBytes ?? 0, link?.second.bufferedBytes ?? 0)
      if (waiting > MAX_BUFFERED_BYTES) this.#violated(`${waiting} bytes wait on one connection`)
    }
    for (const { index, opened } of this.#members) {
      if (opened === null) continue
      try {
        opened.replicator.assertInvariants()
      } catch (error) {
        this.#violated(`peer ${index}: ${(error as Error).message}`)
      }
      const { fork, length } = opened.core.tree
      const at = length === 0 ? 0 : this.#world.random.int(length)
      const bytes = length === 0 ? null : opened.core.readNow(at)
      const block = bytes === null ? null : this.#history.block(fork, at)
      if (block !== null && bytes !== null && Buffer.compare(block, bytes) !== 0) {
        this.#violated(`peer ${index} holds something else at ${at}`)
      }
    }
  }

  #hasAll({ fork, length, contiguousLength }: Log): boolean {
    const { head } = this.#history
    return fork === head.fork && length === head.length && contiguousLength === length
  }

  async #checkAll(): Promise<void> {
    const { fork, length } = this.#history.head
    for (const { index, log } of this.#members) {
      if (log === null || log.length !== length || log.fork !== fork) {
        this.#violated(`peer ${index} is at ${log?.fork}:${log?.length}, not ${fork}:${length}`)
        continue
      }
      for (let i = 0; i < length; i++) {
        const bytes = await this.#world.clock.settled(log.get(i, { wait: false }), START_MS)
        if (bytes === null || Buffer.compare(bytes, this.#history.block(fork, i)!) !== 0) {
          this.#violated(`peer ${index} has ${bytes === null ? 'no' : 'a false'} block ${i}`)
          break
        }
      }
    }
  }

  #whatLacks(): string {
    const { fork, length } = this.#history.head
    const lacking = this.#members
      .slice(1)
      .filter(({ log }) => log === null || !this.#hasAll(log))
      .slice(0, 5)
      .map(({ index, log }) => {
        const why = log === null ? 'down' : JSON.stringify(log.explain(log.contiguousLength))
        return `peer ${index} at ${log?.fork}:${log?.contiguousLength}/${log?.length} ${why}`
      })
    return `of ${fork}:${length} lack ${lacking.join('; ')}`
  }

  #violated(what: string): void {
    this.#violations.add(`${what} (at ${Math.round(this.#world.clock.now())} ms)`)
  }
}
