// The child of read-only.real.test.ts: opens a log as another user, reads it, tries to change it, and says what came
// of it on stdout, as JSON.
import { Core } from '../../lib/core/core.ts'
import type { LogwoodError } from '../../lib/errors.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'

export interface Said {
  readonly readOnly: boolean
  readonly writable: boolean
  readonly blocks: string[]
  /** Codes of what append, truncate and clear rejected with. */
  readonly refusals: string[]
}

function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: LogwoodError) => error.code
  )
}

const core = await Core.open(await LogFiles.open(process.argv[2] ?? ''))
const blocks: string[] = []
for (let index = 0; index < core.length; index++) {
  blocks.push(Buffer.from((await core.read(index)) ?? []).toString('hex'))
}
const refusals = await Promise.all(
  [core.append([new Uint8Array(1)]), core.truncate(1), core.clear(0, 1)].map(codeOf)
)
const said: Said = { readOnly: core.readOnly, writable: core.writable, blocks, refusals }
await core.close()
console.log(JSON.stringify(said))
