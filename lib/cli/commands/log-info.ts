// logwood info: tells what a log is, also while another process has it open.
import { keyToText, Log } from '../../index.ts'
import { type Command, type Context, EXIT_OK } from '../command.ts'

export const logInfo: Command = {
  name: 'info',
  synopsis: 'info DIR',
  help: `Describes the log in DIR: keys, length, and how much of it is here.
It changes nothing and takes no lock, so it works beside "serve".`,
  example: 'logwood info ./diary --json',
  words: [1, 1],
  options: {},
  run: info
}

async function info({ args, output }: Context): Promise<number> {
  await using log = await Log.open(args.directory(), { readOnly: true })
  const { length, byteLength, fork, contiguousLength, frozen } = log.info()
  const { behind } = log
  let held = contiguousLength
  for (let index = contiguousLength; index < length; index++) if (log.has(index)) held++
  const key = keyToText(log.key)
  const discoveryKey = Buffer.from(log.discoveryKey).toString('hex')
  const treeHash = Buffer.from(await log.treeHash()).toString('hex')
  const lines = [
    `key            ${key}`,
    `discovery key  ${discoveryKey}`,
    `length         ${length} blocks, ${byteLength} bytes`,
    `here           ${held} blocks, the first ${contiguousLength} without a gap`,
    `fork           ${fork}`,
    ...(behind === null ? [] : [`behind         ${behind}: nothing may be appended yet`]),
    ...(frozen ? ['frozen         its key signed two histories'] : []),
    `tree hash      ${treeHash}`
  ]
  await output.result(lines.join('\n'), {
    key,
    discoveryKey,
    length,
    byteLength,
    held,
    contiguousLength,
    fork,
    behind,
    frozen,
    treeHash
  })
  return EXIT_OK
}
