// logwood resume: lets a log that is behind, or whose key signed two histories, be appended to again.
import { Log } from '../../index.ts'
import { UsageError } from '../arguments.ts'
import { type Command, type Context, EXIT_OK } from '../command.ts'

export const logResume: Command = {
  name: 'resume',
  synopsis: 'resume DIR --trust local|peers',
  help: `Ends the state in which nothing may be appended to the log in DIR: it is a copy, was restored, lost entries, or
its key signed two histories.
"peers": what was fetched from them is all there is; the log goes on as it was. Fetch first: "logwood fetch DIR".
"local": goes on with what is here under a higher fork number; readers follow, and give up what they hold beyond.`,
  example: 'logwood resume ./diary --trust peers',
  words: [1, 1],
  options: { trust: { type: 'string', value: 'WHOM', help: 'local or peers' } },
  run: resume
}

async function resume({ args, output, signal }: Context): Promise<number> {
  const directory = args.directory()
  const trust = args.text('trust')
  if (trust !== 'local' && trust !== 'peers') throw new UsageError('--trust is local or peers')
  await using log = await Log.open(directory, { createIfMissing: false })
  const { behind } = log
  const { frozen } = log.info()
  await log.resume({ trust, signal })
  const { fork, length } = log
  const was = behind ?? (frozen ? 'frozen' : null)
  const text = was === null ? 'it could be appended to already' : `it was ${was}`
  await output.result(`${text}; fork ${fork}, length ${length}`, { was, fork, length })
  return EXIT_OK
}
