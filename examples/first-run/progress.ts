// Progress of a piece of work: in place on a terminal, a plain line for each tenth elsewhere.

export class Progress {
  readonly #label: string
  readonly #total: number
  readonly #stream: NodeJS.WriteStream
  #tenth = 0

  constructor(process: string, verb: string, total: number, stream: NodeJS.WriteStream) {
    this.#label = `${process}  ${verb}`
    this.#total = total
    this.#stream = stream
  }

  show(count: number): void {
    const percent = Math.floor((count / this.#total) * 100)
    const line = `${this.#label}  ${count} of ${this.#total} (${percent} %)`
    if (this.#stream.isTTY) {
      this.#stream.write(`\r${line}\u001b[K`)
      return
    }
    const tenth = Math.floor(percent / 10)
    if (tenth === this.#tenth) return
    this.#tenth = tenth
    this.#stream.write(`${line}\n`)
  }

  done(result: string): void {
    const line = `${this.#label}  ${result}`
    this.#stream.write(this.#stream.isTTY ? `\r${line}\u001b[K\n` : `${line}\n`)
  }
}
