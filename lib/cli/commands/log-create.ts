// logwood create: makes a new log with a key pair of its own.
import { ArgumentError, keyToText, Log, StorageError } from '../../index.ts'
import { type Command, type Context, EXIT_OK } from '../command.ts'

export const logCreate: Command = {
  name: 'create',
  synopsis: 'create DIR',
  help: `Makes a new log in DIR and prints its key.
Who knows the key can read the log and check it; only DIR can append to it.`,
  example: 'logwood create ./diary',
  words: [1, 1],
  options: {},
  run: create
}

async function create({ args, output }: Context): Promise<number> {
  const directory = args.directory()
  if (await holdsLog(directory)) {
    throw new ArgumentError('INVALID_ARGUMENT', `There is a log in ${directory} already`)
  }
  await using log = await Log.open(directory)
  const key = keyToText(log.key)
  await output.result(key, { key, directory })
  return EXIT_OK
}

/** Looks without taking a lock or making anything. */
async function holdsLog(directory: string): Promise<boolean> {
  try {
    await using _ = await Log.open(directory, { readOnly: true })
    return true
  } catch (error) {
    if (error instanceof StorageError && error.code === 'NOT_FOUND') return false
    throw error
  }
}
