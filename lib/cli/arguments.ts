// Arguments: the words after the verb, parsed as its table of options says, and read with checks. What is wrong
// with them is a UsageError, which main.ts turns into exit code 64.
import { parseArgs } from 'node:util'
import { ArgumentError, keyFromText } from '../index.ts'
import type { Command, OptionSpec } from './command.ts'

/** Words of one command, and characters of one word: more is an accident, and would take for ever to parse. */
const MAX_WORDS = 10_000
const MAX_WORD_LENGTH = 4_096

/** The command line is wrong; nothing was done. */
export class UsageError extends Error {}

export const GLOBAL_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  json: { type: 'boolean', help: 'one JSON object per result line; errors as JSON too' },
  help: { type: 'boolean', help: 'say how the command is used' },
  version: { type: 'boolean', help: 'print the version' }
}

/** Half-open, in blocks; no end: up to the length. */
export interface BlockRange {
  readonly start: number
  readonly end: number | null
}

export class Arguments {
  readonly #words: readonly string[]
  readonly #values: Readonly<Record<string, string | boolean | undefined>>

  private constructor(
    words: readonly string[],
    values: Readonly<Record<string, string | boolean | undefined>>
  ) {
    this.#words = words
    this.#values = values
  }

  /** @throws UsageError if an option is unknown, lacks its value, or has one that it should not have */
  static parse(args: readonly string[], command: Command | null): Arguments {
    checkSizes(args)
    const specs = { ...GLOBAL_OPTIONS, ...command?.options }
    const options = Object.fromEntries(
      Object.entries(specs).map(([name, { type }]) => [name, { type }])
    )
    try {
      const { values, positionals } = parseArgs({
        args: [...args],
        options,
        allowPositionals: true
      })
      return new Arguments(positionals, values as Record<string, string | boolean | undefined>)
    } catch (error) {
      const [sentence = ''] = (error as Error).message.split(/\. |\n/)
      throw new UsageError(sentence)
    }
  }

  /** @throws UsageError */
  checkCount(command: Command): void {
    const [min, max] = command.words
    const count = this.#words.length
    if (count < min) throw new UsageError(`Something is missing: ${command.synopsis}`)
    if (count > max) throw new UsageError(`Too many words: ${command.synopsis}`)
  }

  word(position: number): string | undefined {
    return this.#words[position]
  }

  wordsFrom(position: number): readonly string[] {
    return this.#words.slice(position)
  }

  /** @throws UsageError if it is missing or empty */
  directory(): string {
    const path = this.#words[0]
    if (path === undefined || path === '') throw new UsageError('DIR must name a directory')
    return path
  }

  flag(name: string): boolean {
    return this.#values[name] === true
  }

  text(name: string): string | undefined {
    const value = this.#values[name]
    return typeof value === 'string' ? value : undefined
  }

  /** @throws UsageError */
  integer(name: string, { min, max }: { min: number; max: number }): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= min && value <= max)) {
      throw new UsageError(`--${name} must be a whole number from ${min} to ${max}`)
    }
    return value
  }
}

function checkSizes(args: readonly string[]): void {
  if (args.length > MAX_WORDS) throw new UsageError(`More than ${MAX_WORDS} words`)
  const at = args.findIndex((word) => word.length > MAX_WORD_LENGTH)
  if (at !== -1) throw new UsageError(`Word ${at + 1} has more than ${MAX_WORD_LENGTH} characters`)
}

export function isRange(word: string): boolean {
  return /^(\d{1,15}(\.\.(\d{1,15})?)?|\.\.\d{1,15})$/.test(word)
}

/** "5", "0..100", "10..", "..100". @throws UsageError */
export function parseRange(word: string): BlockRange {
  if (!isRange(word)) throw new UsageError('RANGE looks like 5, 0..100 or 10..')
  const [first = '', second] = word.split('..')
  const start = Number(first)
  if (second === undefined) return { start, end: start + 1 }
  const end = second === '' ? null : Number(second)
  if (end !== null && end < start) throw new UsageError('RANGE ends before it starts')
  return { start, end }
}

/** The key's 32 bytes. Its text never gets into a message. @throws UsageError */
export function parseKey(word: string): Uint8Array {
  try {
    return keyFromText(word)
  } catch (error) {
    if (error instanceof ArgumentError) throw new UsageError(`KEY: ${error.message}`)
    throw error
  }
}
