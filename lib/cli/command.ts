// Command: the shape that every verb of the command line has. main.ts finds it by name and runs it; help.ts
// describes it; the verb itself only does its work and says its exit code.
import type { Arguments } from './arguments.ts'
import type { Output } from './output.ts'

export interface OptionSpec {
  readonly type: 'string' | 'boolean'
  /** What the help calls the option's value. */
  readonly value?: string
  readonly help: string
}

export interface Context {
  readonly args: Arguments
  readonly output: Output
  /** Fires at SIGINT and SIGTERM. */
  readonly signal: AbortSignal
}

export interface Command {
  readonly name: string
  readonly synopsis: string
  readonly help: string
  readonly example: string
  /** Least and greatest number of words that are no options. */
  readonly words: readonly [min: number, max: number]
  readonly options: Readonly<Record<string, OptionSpec>>
  /** Resolves with the exit code. */
  run(context: Context): Promise<number>
}

/** Exit codes: part of the contract with scripts. */
export const EXIT_OK = 0
export const EXIT_FAILURE = 1
/** Something is damaged, or not all of what was asked for is here. */
export const EXIT_INCOMPLETE = 2
export const EXIT_USAGE = 64
