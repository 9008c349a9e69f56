// Atom: changes to one or more cores, gathered in memory by sessions that were made with it, and carried out together
// when it is flushed. Each core's changes are a unit of their own there: a crash amid a flush may leave some of the cores
// changed and others not.

export class Atom {
  readonly #before: (() => unknown)[] = []
  readonly #cores: (() => Promise<void>)[] = []
  readonly #after: (() => unknown)[] = []
  #flushing: Promise<void> | null = null

  get flushing(): boolean {
    return this.#flushing !== null
  }

  /** Called before each flush. */
  preflush(hook: () => unknown): void {
    this.#before.push(hook)
  }

  /** Called after each flush. */
  onflush(hook: () => unknown): void {
    this.#after.push(hook)
  }

  /** For cores: how their changes are carried out. */
  join(commit: () => Promise<void>): void {
    this.#cores.push(commit)
  }

  /** @throws HypercoreError INVALID_OPERATION if a core was cut below where its changes begin; as append */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = null
    })
    return this.#flushing
  }

  /** Resolves when no flush is under way. */
  async flushed(): Promise<void> {
    await this.#flushing
  }

  async #flush(): Promise<void> {
    for (const hook of this.#before) await hook()
    for (const commit of this.#cores) await commit()
    for (const hook of this.#after) await hook()
  }
}

/** What packages find behind `session.state.storage`. */
export interface ViewStorage {
  createAtom(): Atom
}

export const viewStorage: ViewStorage = { createAtom: () => new Atom() }
