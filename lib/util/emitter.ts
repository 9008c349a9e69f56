// A typed event emitter for the public objects. Internal parts call each other directly.

export type Unsubscribe = () => void
export type EventMap = { [name: string]: readonly unknown[] }

interface Listener<Events> {
  readonly name: keyof Events
  call(...args: readonly unknown[]): void
}

export class Emitter<Events extends EventMap> {
  /** In order of subscription. A list: there are many emitters, each with few listeners. Never changed, but replaced. */
  #listeners: readonly Listener<Events>[] = NOBODY

  /** Calls the listener at each event of that name, in order of subscription, until unsubscribed. */
  on<Name extends keyof Events>(
    name: Name,
    listener: (...args: Events[Name]) => void
  ): Unsubscribe {
    const call = (...args: readonly unknown[]): void =>
      listener(...(args as unknown as Events[Name]))
    const entry: Listener<Events> = { name, call }
    this.#listeners = [...this.#listeners, entry]
    return () => {
      this.#listeners = this.#listeners.filter((each) => each !== entry)
    }
  }

  /** Resolves with the arguments of the next event of that name. */
  once<Name extends keyof Events>(name: Name): Promise<Events[Name]> {
    return new Promise((resolve) => {
      const off = this.on(name, (...args) => {
        off()
        resolve(args)
      })
    })
  }

  emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): void {
    for (const listener of this.#listeners) if (listener.name === name) listener.call(...args)
  }

  listenerCount(name: keyof Events): number {
    let count = 0
    for (const listener of this.#listeners) if (listener.name === name) count++
    return count
  }
}

const NOBODY: readonly never[] = []
