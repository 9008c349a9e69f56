// logwood backup: writes logs into one bundle file, also while other processes use them. The file is synced, and
// appears under its name only when it is whole.
import { constants, existsSync } from 'node:fs'
import { open, rename, unlink } from 'node:fs/promises'
import { type BundleOptions, createBundle, Log } from '../../index.ts'
import { isRange, parseRange, UsageError } from '../arguments.ts'
import { type Command, type Context, EXIT_OK } from '../command.ts'
import { PASSPHRASE_OPTION, passphraseFrom } from '../passphrase.ts'

export const logBackup: Command = {
  name: 'backup',
  synopsis: 'backup DIR... --output FILE [--range RANGE] [--with-key]',
  help: `Writes the logs in the directories into FILE: a bundle that proves itself block by block.
It takes no lock, so it works beside "serve" and "append". With --with-key the key pairs go along, under a passphrase;
a log restored from that opens as behind until it has heard from peers, so that an old bundle never forks it.`,
  example: 'logwood backup ./diary --output diary.bundle',
  words: [1, 64],
  options: {
    output: { type: 'string', value: 'FILE', help: 'the bundle; it must not exist' },
    range: { type: 'string', value: 'RANGE', help: 'these blocks only: 0..100' },
    'with-key': { type: 'boolean', help: 'the key pairs, too' },
    'passphrase-file': PASSPHRASE_OPTION
  },
  run: backup
}

async function backup({ args, output, signal }: Context): Promise<number> {
  const path = args.text('output')
  if (path === undefined || path === '') throw new UsageError('--output FILE is missing')
  const range = args.text('range')
  if (range !== undefined && !isRange(range))
    throw new UsageError('RANGE looks like 5, 0..100 or 10..')
  if (existsSync(path)) throw new UsageError(`${path} exists already`)
  const withKey = args.flag('with-key')
  const options: BundleOptions = withKey
    ? { signal, passphrase: await passphraseFrom(args) }
    : { signal }
  const { start, end } = range === undefined ? { start: 0, end: null } : parseRange(range)
  const logs: Log[] = []
  try {
    const sources = []
    for (const directory of args.wordsFrom(0)) {
      const log = await Log.open(directory, { readOnly: true })
      logs.push(log)
      const blocks = { start, end: end ?? log.length }
      sources.push({ log, ...blocks, ...(withKey ? { keyFrom: directory } : {}) })
    }
    const bytes = await write(path, createBundle(sources, options))
    const text = `${logs.length} log${logs.length === 1 ? '' : 's'}, ${bytes} bytes in ${path}`
    await output.result(text, { logs: logs.length, bytes, file: path })
  } finally {
    for (const log of logs) await log.close()
  }
  return EXIT_OK
}

async function write(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const part = `${path}.part`
  const handle = await open(part, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    let bytes = 0
    for await (const chunk of chunks) {
      await handle.writeFile(chunk)
      bytes += chunk.byteLength
    }
    await handle.sync()
    await handle.close()
    await rename(part, path)
    return bytes
  } catch (error) {
    await handle.close().catch(() => {})
    await unlink(part)
    throw error
  }
}
