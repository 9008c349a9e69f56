#!/usr/bin/env node
// The command line of Logwood: finds the verb, runs it, and turns what went wrong into one line and an exit code.
import { readFileSync } from 'node:fs'
import { Arguments, UsageError } from './arguments.ts'
import { type Command, EXIT_OK } from './command.ts'
import { logAppend } from './commands/log-append.ts'
import { logBackup } from './commands/log-backup.ts'
import { logCat } from './commands/log-cat.ts'
import { logCreate } from './commands/log-create.ts'
import { logFetch } from './commands/log-fetch.ts'
import { logFsck } from './commands/log-fsck.ts'
import { logInfo } from './commands/log-info.ts'
import { logRestore } from './commands/log-restore.ts'
import { logResume } from './commands/log-resume.ts'
import { logServe } from './commands/log-serve.ts'
import { logVerify } from './commands/log-verify.ts'
import { failureOf } from './failure.ts'
import { helpOf, overview } from './help.ts'
import { Output, OutputClosed } from './output.ts'

const COMMANDS: readonly Command[] = [
  logCreate,
  logAppend,
  logCat,
  logInfo,
  logVerify,
  logFsck,
  logBackup,
  logRestore,
  logResume,
  logServe,
  logFetch
]

/** The longest a timer can wait: only there to keep the process alive. */
const FOREVER_MS = 2 ** 31 - 1

const words = process.argv.slice(2)
const output = new Output(process, { isJson: words.includes('--json') })
const stopping = stopSignal()
// What the library waits with does not keep the process alive; an unfinished command has to.
const alive = setInterval(() => {}, FOREVER_MS)

process.on('uncaughtException', (error) => process.exit(report(error, '')))
const code = await exitCodeOf(words)
clearInterval(alive)
process.exit(code)

async function exitCodeOf(args: readonly string[]): Promise<number> {
  const at = args.findIndex((word) => !word.startsWith('-'))
  const name = args[at]
  const command = COMMANDS.find((each) => each.name === name) ?? null
  const rest = args.filter((_, index) => command === null || index !== at)
  try {
    const exitCode = await run(name, command, rest)
    await output.flush()
    return exitCode
  } catch (error) {
    return report(error, command === null ? '"logwood --help"' : `"logwood ${name} --help"`)
  }
}

async function run(
  name: string | undefined,
  command: Command | null,
  rest: readonly string[]
): Promise<number> {
  if (command === null && name !== undefined) throw new UsageError(`There is no command ${name}`)
  const args = Arguments.parse(rest, command)
  if (args.flag('version')) {
    await output.text(version())
    return EXIT_OK
  }
  if (args.flag('help')) {
    await output.text(command === null ? overview(COMMANDS) : helpOf(command))
    return EXIT_OK
  }
  if (command === null) throw new UsageError('Which command?')
  args.checkCount(command)
  return command.run({ args, output, signal: stopping })
}

function report(error: unknown, help: string): number {
  if (error instanceof OutputClosed) return EXIT_OK
  const failure = failureOf(error, help)
  output.failure(failure)
  return failure.exitCode
}

/** The first signal lets the command close what it holds, the second does not wait. */
function stopSignal(): AbortSignal {
  const controller = new AbortController()
  for (const [name, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15]
  ] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(128 + number)
      controller.abort()
    })
  }
  return controller.signal
}

function version(): string {
  const path = new URL('../../../package.json', import.meta.url)
  const { version } = JSON.parse(readFileSync(path, 'utf-8')) as { version: string }
  return version
}
