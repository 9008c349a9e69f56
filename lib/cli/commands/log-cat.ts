// logwood cat: writes blocks that are here to stdout.
import { AbortError, Log, UnavailableError } from '../../index.ts'
import { parseRange } from '../arguments.ts'
import { type Command, type Context, EXIT_OK } from '../command.ts'

const NEWLINE = new Uint8Array([0x0a])

export const logCat: Command = {
  name: 'cat',
  synopsis: 'cat DIR [RANGE]',
  help: `Writes the blocks of the log in DIR to stdout, one after the other.
RANGE: 5 (one block), 0..100 (the first hundred), 10.. (all from the eleventh on); all by default.
With --json, each block is a line with its index and its bytes in base64.`,
  example: 'logwood cat ./diary 0..2 --lines',
  words: [1, 2],
  options: { lines: { type: 'boolean', help: 'a newline after each block' } },
  run: cat
}

async function cat({ args, output, signal }: Context): Promise<number> {
  const range = parseRange(args.word(1) ?? '0..')
  await using log = await Log.open(args.directory(), { readOnly: true })
  const end = range.end ?? log.length
  for (let index = range.start; index < end; index++) {
    if (signal.aborted) throw new AbortError('ABORTED', 'Interrupted')
    const block = await log.read(index)
    if (block === null) {
      const why =
        index < log.length
          ? 'is not here: "logwood fetch" gets it'
          : `is past the end (length ${log.length})`
      throw new UnavailableError('NOT_AVAILABLE', `Block ${index} ${why}`)
    }
    if (output.isJson) {
      const { byteLength } = block
      const base64 = Buffer.from(block).toString('base64')
      await output.result('', { index, byteLength, base64 })
      continue
    }
    await output.bytes(block)
    if (args.flag('lines')) await output.bytes(NEWLINE)
  }
  return EXIT_OK
}
