// A typed event emitter for the public objects. Internal parts call each other directly.

export type Unsubscribe = () => void
export type EventMap = { [name: string]: readonly unknown[] }

type AnyListener = (...args: readonly unknown[]) => void

export class Emitter<Events extends EventMap> {
  #listeners: Map<keyof Events, Set<AnyListener>> = new Map()

  /** Calls the listener at each event of that name, in order of subscription, until unsubscribed. */
  on<Name extends keyof Events>(
    name: Name,
    listener: (...args: Events[Name]) => void
  ): Unsubscribe {
    let listeners = this.#listeners.get(name)
    if (listeners === undefined) {
      listeners = new Set()
      this.#listeners.set(name, listeners)
    }
    const entry: AnyListener = (...args) => listener(...(args as unknown as Events[Name]))
    listeners.add(entry)
    return () => {
      listeners.delete(entry)
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
    const listeners = this.#listeners.get(name)
    if (listeners === undefined) return
    for (const listener of [...listeners]) listener(...args)
  }

  listenerCount(name: keyof Events): number {
    return this.#listeners.get(name)?.size ?? 0
  }
}
