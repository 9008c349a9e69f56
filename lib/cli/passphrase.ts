// The passphrase of a bundle's key pairs: from a file, from LOGWOOD_PASSPHRASE, or asked for on a terminal. Never an
// argument: those can be read by every process of the machine.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { type Arguments, UsageError } from './arguments.ts'
import type { OptionSpec } from './command.ts'

export const PASSPHRASE_OPTION: OptionSpec = {
  type: 'string',
  value: 'FILE',
  help: 'holds the passphrase; else LOGWOOD_PASSPHRASE does, or it is asked for'
}

/** @throws UsageError if there is none */
export async function passphraseFrom(args: Arguments): Promise<string> {
  const path = args.text('passphrase-file')
  const given =
    path === undefined
      ? (process.env['LOGWOOD_PASSPHRASE'] ?? (await asked()))
      : readFileSync(path, 'utf-8').replace(/\r?\n$/, '')
  if (given === '') throw new UsageError('A passphrase is needed: --passphrase-file FILE')
  return given
}

/** Without an echo; empty where nobody can be asked. */
async function asked(): Promise<string> {
  const { stdin, stderr } = process
  if (!stdin.isTTY) return ''
  stderr.write('Passphrase: ')
  stdin.setRawMode(true)
  const lines = createInterface({ input: stdin, terminal: false })
  try {
    return await new Promise<string>((resolve) => {
      lines.once('line', resolve)
      lines.once('close', () => resolve(''))
    })
  } finally {
    lines.close()
    stdin.setRawMode(false)
    stderr.write('\n')
  }
}
