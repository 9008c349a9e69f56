// A process that takes the lock of a directory, for lock.real.test.ts: `held` or the code of the refusal, then it waits.
import { writeSync } from 'node:fs'
import type { LogwoodError } from '../../lib/errors.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'

const [directory = '', goAt = '0'] = process.argv.slice(2)
// Racers begin at one moment.
while (Date.now() < Number(goAt));
const outcome = await LogFiles.open(directory).then(
  () => 'held',
  (error: LogwoodError) => `${error.code} ${error.message}`
)
writeSync(1, `${outcome}\n`)
setInterval(() => {}, 60_000)
