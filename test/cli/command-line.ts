// CommandLine: runs the compiled bin in child processes, in a directory of the test's own. Each child has a deadline
// and dies with the test. All output is searched for the secret keys of the logs made there.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Assertions } from 'brittle'

const MAIN = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url))
const DEADLINE_MS = 20_000
/** Where the file `secret` has the secret key; see lib/storage/secret-file.ts. */
const SECRET_START = 40
const SECRET_END = 104

export interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Server {
  readonly key: string
  readonly address: string
  readonly pid: number
  stop(signal: NodeJS.Signals): Promise<Result>
}

export class CommandLine {
  readonly directory: string
  readonly #children: Set<ChildProcess> = new Set()
  #output = ''

  private constructor(directory: string) {
    this.directory = directory
  }

  static async open(t: Assertions): Promise<CommandLine> {
    const line = new CommandLine(await t.tmp())
    t.timeout(120_000)
    t.teardown(() => line.close(), { order: -1 })
    return line
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  /** Runs to its end. */
  run(words: readonly string[], input: string | Uint8Array = ''): Promise<Result> {
    const child = this.#spawn(words)
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
    return this.#ended(child)
  }

  /** A child whose pipes the test uses itself. */
  start(words: readonly string[]): { child: ChildProcess; ended: Promise<Result> } {
    const child = this.#spawn(words)
    return { child, ended: this.#ended(child) }
  }

  /** Resolves when it listens. */
  async serve(name: string, address = '127.0.0.1:0'): Promise<Server> {
    const { child, ended } = this.start(['serve', name, '--tcp', address, '--json'])
    const line = await Promise.race([
      new Promise<string>((resolve) => child.stdout?.once('data', (data) => resolve(String(data)))),
      ended.then(({ stderr }) => Promise.reject(new Error(`serve ended: ${stderr}`)))
    ])
    const { key, address: bound } = JSON.parse(line) as { key: string; address: string }
    const stop = (signal: NodeJS.Signals): Promise<Result> => {
      child.kill(signal)
      return ended
    }
    return { key, address: bound, pid: child.pid ?? 0, stop }
  }

  /** How many secret keys there were to search for. @throws if one was printed */
  searchForSecrets(): number {
    let count = 0
    for (const name of readdirSync(this.directory)) {
      const path = join(this.directory, name, 'secret')
      if (!existsSync(path)) continue
      const secret = readFileSync(path).subarray(SECRET_START, SECRET_END)
      if (secret.byteLength === 0) continue
      count++
      const seed = secret.subarray(0, 32)
      const forms = (['hex', 'base64', 'base64url', 'latin1'] as const).map((form) =>
        seed.toString(form).replace(/=+$/, '').slice(0, 40)
      )
      if (forms.some((form) => this.#output.includes(form))) throw new Error('a secret was printed')
    }
    return count
  }

  close(): void {
    for (const child of this.#children) child.kill('SIGKILL')
  }

  #spawn(words: readonly string[]): ChildProcess {
    const child = spawn(process.execPath, [MAIN, ...words], { cwd: this.directory })
    this.#children.add(child)
    return child
  }

  async #ended(child: ChildProcess): Promise<Result> {
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout?.on('data', (data: Buffer) => stdout.push(data))
    child.stderr?.on('data', (data: Buffer) => stderr.push(data))
    const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS)
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
    clearTimeout(timer)
    this.#children.delete(child)
    for (const data of [...stdout, ...stderr]) this.#output += data.toString('latin1')
    this.searchForSecrets()
    return { code, stdout: String(Buffer.concat(stdout)), stderr: String(Buffer.concat(stderr)) }
  }
}
