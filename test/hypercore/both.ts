// The same script on npm hypercore 11 and on the façade: what each call comes to, each error's code and each event has
// to be the same. What differs on purpose is not in these scripts but in tests of its own.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { type Assertions, test } from 'brittle'
import Reference from 'hypercore'
import { Hypercore } from '../../lib/hypercore/hypercore.ts'
import type { HypercoreOptions } from '../../lib/hypercore/options.ts'

export type HypercoreClass = typeof Hypercore
/** A core of either implementation. */
export type Core = Hypercore<unknown>
type Key = Uint8Array | string | HypercoreOptions | null

export interface Pipe {
  readonly first: PipeEnd
  readonly second: PipeEnd
  /** Destroys both ends and waits until they are closed. */
  cut(): Promise<void>
}

interface PipeEnd {
  readonly destroyed: boolean
  write(chunk: Uint8Array): boolean
  end(): void
  destroy(): void
  once(event: string, listener: () => void): unknown
  on(event: string, listener: (chunk: Uint8Array) => void): unknown
}

/** What a script may use: makers of cores, and a protocol of what happened. */
export class Stage {
  readonly Hypercore: HypercoreClass
  readonly seen: unknown[] = []
  readonly #directories: string[] = []
  readonly #cores: Core[] = []
  readonly #pipes: Pipe[] = []

  constructor(implementation: HypercoreClass) {
    this.Hypercore = implementation
  }

  async directory(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'logwood-both-'))
    this.#directories.push(directory)
    return directory
  }

  /** A core in a directory of its own, open unless it fails to. */
  async open(key?: Key, options?: HypercoreOptions): Promise<Core> {
    return this.openIn(await this.directory(), key, options)
  }

  async openIn(directory: string, key?: Key, options?: HypercoreOptions): Promise<Core> {
    const core = this.make(directory, key, options)
    await core.ready()
    return core
  }

  make(directory: string, key?: Key, options?: HypercoreOptions): Core {
    const core: Core = new this.Hypercore<unknown>(directory, key, options)
    core.ready().catch(() => {})
    this.#cores.push(core)
    return core
  }

  replicate(a: Core, b: Core): Pipe {
    const first = a.replicate(true, { keepAlive: false }) as unknown as PipeEnd
    const second = b.replicate(false, { keepAlive: false }) as unknown as PipeEnd
    return this.join(first, second)
  }

  join(first: PipeEnd, second: PipeEnd): Pipe {
    const closed = [first, second].map(
      (end) => new Promise<void>((resolve) => end.once('close', resolve))
    )
    for (const end of [first, second]) end.on('error', () => {})
    carry(first, second)
    carry(second, first)
    const pipe: Pipe = {
      first,
      second,
      async cut() {
        first.destroy()
        second.destroy()
        await Promise.all(closed)
      }
    }
    this.#pipes.push(pipe)
    return pipe
  }

  /** Writes down what a call comes to. */
  async note(what: string, call: () => unknown): Promise<unknown> {
    try {
      const value = await call()
      this.seen.push([what, plain(value)])
      return value
    } catch (error) {
      const { code = String(error) } = error as { code?: string }
      this.seen.push([what, { fails: code }])
      return undefined
    }
  }

  /** Writes down something that is known at once. */
  tell(what: string, value: unknown): void {
    this.seen.push([what, plain(value)])
  }

  /** Writes down each event of these names; arguments that are peers only as such. */
  follow(who: string, core: Core, names: readonly string[]): void {
    for (const name of names) {
      core.on(name, (...args: unknown[]) => {
        this.seen.push([`${who}: ${name}`, args.map(plainArgument)])
      })
    }
  }

  async until(holds: () => boolean | Promise<boolean>): Promise<void> {
    for (let turns = 0; turns < 10_000; turns++) {
      if (await holds()) return
      // What waits for a sync or a timer is not made faster by turning.
      await (turns < 1000 ? turn() : sleep(1))
    }
    throw new Error('it did not come about')
  }

  async end(): Promise<void> {
    await Promise.all(this.#pipes.map((pipe) => pipe.cut()))
    for (const core of this.#cores) {
      for (const session of [...(core.sessions as Core[])]) await session.close().catch(() => {})
      await core.close().catch(() => {})
    }
    for (const directory of this.#directories) await rm(directory, { recursive: true, force: true })
  }
}

/**
 * A line: each chunk arrives a turn later. Two that answer each other for ever within one turn, as cores of different
 * forks may, would keep every timer from running.
 */
function carry(from: PipeEnd, to: PipeEnd): void {
  const later = (run: () => void): void => {
    setImmediate(() => {
      if (!to.destroyed) run()
    })
  }
  from.on('data', (chunk) => later(() => to.write(chunk)))
  from.on('end', () => later(() => to.end()))
  from.on('close', () => later(() => to.destroy()))
}

export type Script = (stage: Stage, core: HypercoreClass) => Promise<void>

/** Runs the script on both and compares the protocols. */
export function both(name: string, script: Script): void {
  test(`both: ${name}`, { timeout: 30_000 }, async (t) => {
    const keepAlive = setInterval(() => {}, 1000)
    try {
      const theirs = await play(t, Reference as unknown as HypercoreClass, script)
      const ours = await play(t, Hypercore, script)
      for (let i = 0; i < Math.max(theirs.length, ours.length); i++) {
        t.alike(ours[i], theirs[i], `${i}: ${JSON.stringify(theirs[i])}`.slice(0, 100))
      }
    } finally {
      clearInterval(keepAlive)
    }
  })
}

/** What a script wrote down; it is ended, and cleaned up. */
export async function play(
  t: Assertions,
  Class: HypercoreClass,
  script: Script
): Promise<unknown[]> {
  const stage = new Stage(Class)
  try {
    await script(stage, Class)
  } catch (error) {
    t.fail(`${Class === Hypercore ? 'façade' : 'reference'}: ${(error as Error).stack}`)
  }
  await stage.end()
  return stage.seen
}

/** Comparable: Buffers, and bytes that are none, told apart. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return `buffer ${value.toString('hex')}`
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]))
  }
  return value
}

function plainArgument(value: unknown): unknown {
  const isData = typeof value !== 'object' || value === null || value instanceof Uint8Array
  return isData ? plain(value) : typeof value
}
