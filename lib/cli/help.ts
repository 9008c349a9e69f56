// The text of --help, made of the commands' own tables.
import { GLOBAL_OPTIONS } from './arguments.ts'
import type { Command, OptionSpec } from './command.ts'

export function helpOf({ synopsis, help, example, options }: Command): string {
  const all = { ...options, ...GLOBAL_OPTIONS }
  const lines = Object.entries(all).map(([name, spec]) => optionLine(name, spec))
  return `Usage: logwood ${synopsis}\n\n${help}\n\nOptions:\n${lines.join('\n')}\n\nExample:\n  ${example}`
}

export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ synopsis }) => synopsis.length))
  const lines = commands.map(({ synopsis, help }) => {
    const [sentence = ''] = help.split(/[.:]\s/)
    return `  ${synopsis.padEnd(width)}  ${sentence.replace(/\.$/, '')}`
  })
  const options = Object.entries(GLOBAL_OPTIONS).map(([name, spec]) => optionLine(name, spec))
  return `Usage: logwood COMMAND ...

Append-only logs, signed and Merkle-hashed, copied block by block between peers.

Commands:
${lines.join('\n')}

Options:
${options.join('\n')}

Exit codes: 0 done, 1 failed, 2 damaged or incomplete, 64 wrong usage.
"logwood COMMAND --help" says more about a command.`
}

function optionLine(name: string, { value, help }: OptionSpec): string {
  const left = value === undefined ? `--${name}` : `--${name} ${value}`
  return `  ${left.padEnd(22)}  ${help}`
}
