// RestRoster: which cores are awake, and when they go to rest: when nobody used them for a while, which is a short one
// where more than so many are awake. What is at work is never sent to rest, lest it be opened again and again. The timer
// runs only while somebody is awake.
// Owner: OpenedStore.
import type { Env } from '../env.ts'
import { background } from '../util/background.ts'

/** What can rest. */
export interface Sleeper {
  /** Resolves to whether it did, with `remove` called: not while it is in use, or may not. */
  rest(): Promise<boolean>
}

export interface RosterLimits {
  /** With more of them awake, those rest that were not used for `crowdedRestAfterMs`. */
  readonly maxAwake: number
  readonly restAfterMs: number
  readonly crowdedRestAfterMs: number
}

export class RestRoster {
  readonly #env: Env
  readonly #limits: RosterLimits
  /** With the time of the last use. */
  readonly #awake: Map<Sleeper, number> = new Map()
  #timer: Disposable | null = null

  constructor(env: Env, limits: RosterLimits) {
    this.#env = env
    this.#limits = limits
  }

  get awakeCount(): number {
    return this.#awake.size
  }

  /** It woke up. */
  add(sleeper: Sleeper): void {
    this.#awake.set(sleeper, this.#env.now())
    this.#lookLater()
  }

  /** It was used. */
  touch(sleeper: Sleeper): void {
    if (this.#awake.has(sleeper)) this.#awake.set(sleeper, this.#env.now())
  }

  remove(sleeper: Sleeper): void {
    this.#awake.delete(sleeper)
    if (this.#awake.size === 0) this.close()
  }

  close(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = null
  }

  #lookLater(): void {
    this.#timer ??= this.#env.setTimer(this.#limits.crowdedRestAfterMs, () => {
      this.#timer = null
      this.#look()
      if (this.#awake.size > 0) this.#lookLater()
    })
  }

  #look(): void {
    const { maxAwake, restAfterMs, crowdedRestAfterMs } = this.#limits
    const unusedFor = this.#awake.size > maxAwake ? crowdedRestAfterMs : restAfterMs
    const before = this.#env.now() - unusedFor
    for (const [sleeper, usedAt] of [...this.#awake]) if (usedAt <= before) this.#toRest(sleeper)
  }

  /** Those that may not rest now are asked again later. */
  #toRest(sleeper: Sleeper): void {
    // Whoever needs the log next meets what is wrong with its files.
    background(sleeper.rest(), () => {})
  }
}
