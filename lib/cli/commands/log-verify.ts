// logwood verify: reads every block that is here; each read is hashed and compared with its leaf. The
// roots were checked against the signature when the log was opened; the nodes between them are not read.
import { AbortError, Log, StorageError } from '../../index.ts'
import { type Command, type Context, EXIT_INCOMPLETE, EXIT_OK } from '../command.ts'

export const logVerify: Command = {
  name: 'verify',
  synopsis: 'verify DIR',
  help: `Reads every block that is in DIR and compares its hash with that in the log's tree.
Prints counts and the tree hash: equal logs have equal ones. Exit code 2 if blocks are damaged; they are named.
It changes nothing and takes no lock, so it works beside "serve".`,
  example: 'logwood verify ./diary',
  words: [1, 1],
  options: {},
  run: verify
}

async function verify({ args, output, signal }: Context): Promise<number> {
  await using log = await Log.open(args.directory(), { readOnly: true })
  const { length, byteLength } = log
  const damaged: number[] = []
  let sound = 0
  let missing = 0
  for (let index = 0; index < length; index++) {
    if (signal.aborted) throw new AbortError('ABORTED', 'Interrupted')
    const state = await stateOf(log, index)
    if (state === 'damaged') damaged.push(index)
    else if (state === 'sound') sound++
    else missing++
    output.progress('verified', index + 1, length)
  }
  const treeHash = Buffer.from(await log.treeHash()).toString('hex')
  const lines = [
    `length     ${length} blocks, ${byteLength} bytes`,
    `sound      ${sound} blocks`,
    `not here   ${missing} blocks`,
    `damaged    ${damaged.length === 0 ? '0 blocks' : `blocks ${asRanges(damaged)}`}`,
    `tree hash  ${treeHash}`
  ]
  await output.result(lines.join('\n'), { length, byteLength, sound, missing, damaged, treeHash })
  return damaged.length === 0 ? EXIT_OK : EXIT_INCOMPLETE
}

async function stateOf(log: Log, index: number): Promise<'sound' | 'missing' | 'damaged'> {
  try {
    return (await log.read(index)) === null ? 'missing' : 'sound'
  } catch (error) {
    const isDamage =
      error instanceof StorageError && (error.code === 'CORRUPT' || error.code === 'READ_FAILED')
    if (isDamage) return 'damaged'
    throw error
  }
}

/** "3, 7..9": as the other commands write ranges, so 7..9 is 7 and 8. */
function asRanges(indexes: readonly number[]): string {
  const texts: string[] = []
  for (let at = 0; at < indexes.length; ) {
    let next = at + 1
    while (indexes[next] === indexes[at]! + (next - at)) next++
    const start = indexes[at]!
    const count = next - at
    texts.push(count === 1 ? `${start}` : `${start}..${start + count}`)
    at = next
  }
  return texts.join(', ')
}
