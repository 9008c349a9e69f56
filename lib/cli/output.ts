// Output: the only place that prints. Results go to stdout, as text or as one JSON object per line; progress,
// notes and errors to stderr. A reader of stdout that has gone away is no fault: the command just ends.
import type { Failure } from './failure.ts'

/** Nobody reads stdout any more. */
export class OutputClosed extends Error {}

type Field = string | number | boolean | null | readonly number[]

export class Output {
  readonly isJson: boolean
  readonly #stdout: NodeJS.WriteStream
  readonly #stderr: NodeJS.WriteStream
  #fault: NodeJS.ErrnoException | null = null
  #step = -1
  #isInLine = false

  constructor(
    { stdout, stderr }: { stdout: NodeJS.WriteStream; stderr: NodeJS.WriteStream },
    { isJson }: { isJson: boolean }
  ) {
    this.isJson = isJson
    this.#stdout = stdout
    this.#stderr = stderr
    stdout.on('error', (error) => {
      this.#fault ??= error
    })
    stderr.on('error', () => {})
  }

  /** One result: the lines of text, or the record as JSON. @throws OutputClosed */
  async result(text: string, record: Readonly<Record<string, Field>>): Promise<void> {
    this.#endProgress()
    await this.#write(`${this.isJson ? JSON.stringify(record) : text}\n`)
  }

  /** Bytes as they are. @throws OutputClosed */
  async bytes(bytes: Uint8Array): Promise<void> {
    await this.#write(bytes)
  }

  /** Text as it is, whether or not JSON was asked for: help and version. @throws OutputClosed */
  async text(text: string): Promise<void> {
    await this.#write(`${text}\n`)
  }

  /** In place on a terminal at each percent, a line for each tenth elsewhere, nothing beside JSON. */
  progress(what: string, count: number, total: number): void {
    if (this.isJson || total === 0) return
    const percent = Math.floor((count / total) * 100)
    const line = `${what} ${count} of ${total} (${percent} %)`
    const { isTTY } = this.#stderr
    const step = isTTY ? percent : Math.floor(percent / 10)
    if (step <= this.#step) return
    this.#step = step
    this.#isInLine = isTTY
    this.#stderr.write(isTTY ? `\r${line}\u001b[K` : `${line}\n`)
  }

  /** What a person may like to know, and a program need not. */
  note(text: string): void {
    if (this.isJson) return
    this.#endProgress()
    this.#stderr.write(`${text}\n`)
  }

  failure({ code, message, hint }: Failure): void {
    this.#endProgress()
    if (this.isJson) {
      const error = hint === null ? { code, message } : { code, message, hint }
      this.#stderr.write(`${JSON.stringify({ error })}\n`)
      return
    }
    this.#stderr.write(`logwood: ${code} ${message}\n`)
    if (hint !== null) this.#stderr.write(`  hint: ${hint}\n`)
  }

  /** All that was printed has left. @throws OutputClosed, or why it could not be written */
  async flush(): Promise<void> {
    if (this.#fault === null) {
      await new Promise<void>((resolve) => this.#stdout.write('', () => resolve()))
    }
    this.#throwFault()
  }

  async #write(chunk: Uint8Array | string): Promise<void> {
    this.#throwFault()
    if (this.#stdout.write(chunk)) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        for (const name of ['drain', 'error', 'close']) this.#stdout.off(name, done)
        resolve()
      }
      for (const name of ['drain', 'error', 'close']) this.#stdout.on(name, done)
    })
    this.#throwFault()
  }

  #throwFault(): void {
    if (this.#fault === null) return
    if (this.#fault.code === 'EPIPE') throw new OutputClosed()
    throw this.#fault
  }

  #endProgress(): void {
    if (this.#isInLine) this.#stderr.write('\n')
    this.#isInLine = false
  }
}
