// logwood append: adds blocks from stdin or from files.
import { stat } from 'node:fs/promises'
import { AbortError, Log, StateError } from '../../index.ts'
import { type Command, type Context, EXIT_OK } from '../command.ts'
import { fileChunks, MAX_BLOCK_BYTES, pieces, stdinChunks, whole } from '../input.ts'

/** Appends that may wait for the disk together: enough that input comes in while it syncs. */
const MAX_APPENDS = 16

export const logAppend: Command = {
  name: 'append',
  synopsis: 'append DIR [FILE...]',
  help: `Appends to the log in DIR: each line of stdin, without its newline, or each FILE, as one block.
What was appended outlasts a power cut when the command ends.`,
  example: 'printf "first\\nsecond\\n" | logwood append ./diary',
  words: [1, Number.POSITIVE_INFINITY],
  options: {
    'block-bytes': {
      type: 'string',
      value: 'N',
      help: 'blocks of N bytes instead, the last one perhaps shorter'
    }
  },
  run: append
}

async function append({ args, output, signal }: Context): Promise<number> {
  const blockBytes = args.integer('block-bytes', { min: 1, max: MAX_BLOCK_BYTES })
  const files = args.wordsFrom(1)
  // A name that is wrong is told before anything is appended.
  for (const file of files) await stat(file)
  await using log = await Log.open(args.directory(), { createIfMissing: false })
  // Told before stdin is read, and also where there is nothing to append.
  if (!log.writable) throw new StateError('NOT_WRITABLE', 'This directory cannot sign for the log')
  const before = log.length
  const pending: Promise<unknown>[] = []
  try {
    for await (const blocks of input(files, blockBytes, signal)) {
      const appended = log.append(blocks)
      appended.catch(() => {})
      pending.push(appended)
      if (pending.length >= MAX_APPENDS) await pending.shift()
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  await Promise.all(pending)
  const count = log.length - before
  if (signal.aborted) {
    throw new AbortError('ABORTED', `Interrupted; appended so far: ${count} blocks`)
  }
  const { length, byteLength } = log
  await output.result(`appended ${count} blocks: length ${length}, ${byteLength} bytes`, {
    appended: count,
    length,
    byteLength
  })
  return EXIT_OK
}

/** The blocks, as many at once as came in at once. */
async function* input(
  files: readonly string[],
  blockBytes: number | undefined,
  signal: AbortSignal
): AsyncGenerator<Uint8Array[], void, void> {
  if (files.length === 0) {
    yield* pieces(stdinChunks(signal), blockBytes)
    return
  }
  for (const file of files) {
    if (signal.aborted) return
    const chunks = fileChunks(file)
    yield* blockBytes === undefined ? whole(chunks, file) : pieces(chunks, blockBytes)
  }
}
