// logwood restore: puts the logs of a bundle into directories, or only checks the bundle.
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import {
  keyToText,
  type RestoredLog,
  type RestoreOptions,
  restoreBundle,
  verifyBundle
} from '../../index.ts'
import { UsageError } from '../arguments.ts'
import { type Command, type Context, EXIT_INCOMPLETE, EXIT_OK } from '../command.ts'
import { PASSPHRASE_OPTION, passphraseFrom } from '../passphrase.ts'

const READ_BYTES = 1024 * 1024

export const logRestore: Command = {
  name: 'restore',
  synopsis: 'restore FILE DIR [--with-key] | FILE --check',
  help: `Puts the log of a bundle into DIR, or, of a bundle of several, each into a directory of DIR named by its place in the
bundle. Every block is verified against its log's key. What DIR holds of the log already stays: gaps are filled.
--check verifies the bundle and writes nothing. Exit code 2 if blocks did not fit what DIR holds.`,
  example: 'logwood restore diary.bundle ./diary',
  words: [1, 2],
  options: {
    check: { type: 'boolean', help: 'only verify the bundle' },
    'with-key': { type: 'boolean', help: 'the key pairs, too' },
    'passphrase-file': PASSPHRASE_OPTION
  },
  run: restore
}

async function restore({ args, output, signal }: Context): Promise<number> {
  const [file = '', directory] = args.wordsFrom(0)
  const isCheck = args.flag('check')
  if (isCheck !== (directory === undefined)) throw new UsageError('Either DIR or --check')
  const options: RestoreOptions = args.flag('with-key')
    ? { signal, passphrase: await passphraseFrom(args) }
    : { signal }
  const restored =
    directory === undefined
      ? await verifyBundle(read(file), options)
      : await restoreInto(file, directory, options)
  for (const log of restored) await output.result(...lineOf(log))
  return restored.some(({ skipped }) => skipped > 0) ? EXIT_INCOMPLETE : EXIT_OK
}

/** How many logs there are is known only at the end, so the whole is checked before anything is written. */
async function restoreInto(
  file: string,
  directory: string,
  options: RestoreOptions
): Promise<RestoredLog[]> {
  const found = await verifyBundle(read(file), options)
  const place = (_key: Uint8Array, number: number): string =>
    found.length === 1 ? directory : join(directory, String(number + 1))
  return restoreBundle(read(file), place, options)
}

function read(file: string): AsyncIterable<Uint8Array> {
  return createReadStream(file, { highWaterMark: READ_BYTES }) as AsyncIterable<Uint8Array>
}

function lineOf(log: RestoredLog): [string, Record<string, string | number>] {
  const key = keyToText(log.key)
  const { length, fork, blocks, stored, skipped, keyPair } = log
  const missing = log.missing.reduce((sum, { start, end }) => sum + end - start, 0)
  const text = `${key}: length ${length}, ${blocks} blocks in the bundle, ${stored} new here, ${skipped} do not fit, ${missing} missing, key pair ${keyPair}`
  return [text, { key, length, fork, blocks, stored, skipped, missing, keyPair }]
}
