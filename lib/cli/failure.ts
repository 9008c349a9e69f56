// What a failed command tells its user: a code, one line, perhaps a hint, and the exit code. Stacks and keys never
// get here.
import { LogwoodError } from '../index.ts'
import { UsageError } from './arguments.ts'
import { EXIT_FAILURE, EXIT_INCOMPLETE, EXIT_USAGE } from './command.ts'

export interface Failure {
  readonly code: string
  readonly message: string
  readonly hint: string | null
  readonly exitCode: number
}

/** code → what to do. */
const HINTS: Readonly<Record<string, string>> = {
  NOT_FOUND: '"logwood create DIR" makes a log; "logwood fetch" copies one',
  LOCKED: 'stop that process first; "cat", "info" and "verify" work meanwhile',
  NOT_WRITABLE: 'only the directory where the log was created can append to it',
  BEHIND: 'append where the log was created, or fetch what is newer and "logwood resume DIR"',
  FROZEN: '"logwood resume DIR --trust local" goes on under a higher fork number',
  WRONG_KEY: 'leave KEY out to go on with that log, or name another directory',
  FORMAT_TOO_NEW: 'a newer version of logwood wrote this log',
  LIMIT_EXCEEDED: '"--block-bytes N" cuts the input into smaller blocks',
  TIMEOUT: 'the peer may not have this log; what arrived is kept, the same command goes on',
  EADDRINUSE: 'another process listens there; port 0 picks a free one'
}

/** Codes that mean: not all of it is here, or sound. */
const INCOMPLETE: readonly string[] = ['CORRUPT', 'NOT_AVAILABLE', 'TIMEOUT', 'ABORTED']

/** @param help how to ask for the help that fits */
export function failureOf(error: unknown, help: string): Failure {
  if (error instanceof UsageError) {
    return { code: 'USAGE', message: oneLine(error.message), hint: help, exitCode: EXIT_USAGE }
  }
  if (error instanceof LogwoodError) {
    const { code } = error
    const cause = systemCodeOf(error.cause)
    const message = cause === null ? error.message : `${error.message} (${cause})`
    const exitCode = INCOMPLETE.includes(code) ? EXIT_INCOMPLETE : EXIT_FAILURE
    return { code, message: oneLine(message), hint: HINTS[code] ?? null, exitCode }
  }
  const code = systemCodeOf(error) ?? 'UNEXPECTED'
  const message = error instanceof Error ? error.message : String(error)
  return {
    code,
    message: oneLine(message.replace(`${code}: `, '')),
    hint: HINTS[code] ?? null,
    exitCode: EXIT_FAILURE
  }
}

/** The code of an error of the system: ENOENT and the like. */
function systemCodeOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null
  const { code } = error
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : null
}

/** File names may hold anything, escape sequences of terminals too. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ').trim()
}
