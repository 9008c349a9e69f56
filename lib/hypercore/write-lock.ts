// WriteLock: who may change a log at one time. Plain appends may overlap, the log orders them. Whoever has to know the
// length beforehand (to encrypt for an index, to cut, to commit) is alone.

export class WriteLock {
  #sharing = 0
  #exclusive = false
  readonly #queue: { readonly exclusive: boolean; run(): void }[] = []

  shared<T>(work: () => Promise<T>): Promise<T> {
    return this.#enter(false, work)
  }

  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#enter(true, work)
  }

  async #enter<T>(exclusive: boolean, work: () => Promise<T>): Promise<T> {
    if (!this.#mayEnter(exclusive) || this.#queue.length > 0) {
      await new Promise<void>((resolve) => this.#queue.push({ exclusive, run: resolve }))
    } else {
      this.#take(exclusive)
    }
    try {
      return await work()
    } finally {
      if (exclusive) this.#exclusive = false
      else this.#sharing--
      this.#next()
    }
  }

  #mayEnter(exclusive: boolean): boolean {
    return !this.#exclusive && (!exclusive || this.#sharing === 0)
  }

  #take(exclusive: boolean): void {
    if (exclusive) this.#exclusive = true
    else this.#sharing++
  }

  #next(): void {
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      if (!this.#mayEnter(first.exclusive)) return
      this.#queue.shift()
      this.#take(first.exclusive)
      first.run()
    }
  }
}
