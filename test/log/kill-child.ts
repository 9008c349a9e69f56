// The child of kill.real.test.ts: changes a log on disk until it is killed, or kills itself at a file operation that it
// was told. Says on stdout, synchronously, what it is about to do and what was acknowledged:
//   open length · call id append first count · call id truncate length · done id · end (of a run that kills itself)
import { writeSync } from 'node:fs'
import { appendFile, mkdir } from 'node:fs/promises'
import { Core } from '../../lib/core/core.ts'
import { diskStorage } from '../../lib/storage/disk-storage.ts'
import type { RandomAccess } from '../../lib/storage/file.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { seededRandom } from '../helpers/random.ts'
import { killBlock } from './kill-block.ts'

/** killAt: "none" for a short run that lives, or the number of the write that it does not survive, from 0; negative: none. killShare: how much of it is done. */
const [directory = '', level = 'power', inFlight = '1', generation = '0', killAt, killShare] =
  process.argv.slice(2)
const random = seededRandom(Number(generation))
const isCounting = killAt !== undefined
const STEPS = 14
/** So that the log can be compared as a whole, however fast it grows. */
const MOST_BLOCKS = 300

function say(line: string): void {
  writeSync(1, `${line}\n`)
}

let writes = 0

/** Kills the process before, or in the middle of the bytes of, the write that was named. */
function deadly(storage: RandomAccess): RandomAccess {
  const dies = (offset: number, bytes: Uint8Array): void => {
    if (writes++ !== Number(killAt)) return
    const count = Math.floor(bytes.byteLength * Number(killShare))
    if (count > 0) storage.writeNow?.(offset, bytes.subarray(0, count))
    process.kill(process.pid, 'SIGKILL')
    for (;;);
  }
  return {
    open: (callback) => storage.open(callback),
    close: (callback) => storage.close(callback),
    stat: (callback) => storage.stat(callback),
    read: (offset, byteLength, callback) => storage.read(offset, byteLength, callback),
    readNow: (offset, target) => storage.readNow?.(offset, target),
    truncate: (byteLength, callback) => {
      dies(0, new Uint8Array(0))
      storage.truncate(byteLength, callback)
    },
    sync: (callback) => storage.sync?.(callback),
    write: (offset, bytes, callback) => {
      dies(offset, bytes)
      storage.write(offset, bytes, callback)
    },
    writeNow: (offset, bytes) => {
      dies(offset, bytes)
      storage.writeNow?.(offset, bytes)
    }
  }
}

async function createdDirectory(): Promise<LogFiles> {
  await mkdir(directory, { recursive: true })
  for (const name of ['oplog', 'blocks', 'nodes', 'presence', 'secret']) {
    await appendFile(`${directory}/${name}`, '')
  }
  return LogFiles.open((name) => deadly(diskStorage(`${directory}/${name}`, true)))
}

const files =
  isCounting && killAt !== 'none' ? await createdDirectory() : await LogFiles.open(directory)
const limits = { halfBytes: 32 * 1024, inlineLimitBytes: 4000 }
const core = await Core.open(files, {
  durability: level === 'process' ? 'process' : 'power',
  ...(isCounting ? { limits } : {})
})
say(`open ${core.tree.length}`)
let next = core.tree.length
let calls = 0

async function append(): Promise<void> {
  const count = 1 + random.int(8)
  const first = next
  next += count
  const id = calls++
  const blocks = Array.from({ length: count }, (_, i) =>
    killBlock(first + i, Number(generation), id)
  )
  say(`call ${id} append ${first} ${count}`)
  await core.append(blocks)
  say(`done ${id}`)
}

async function truncate(): Promise<void> {
  const length = next > MOST_BLOCKS ? MOST_BLOCKS >> 2 : Math.max(0, next - random.int(12))
  next = length
  const id = calls++
  say(`call ${id} truncate ${length}`)
  await core.truncate(length)
  say(`done ${id}`)
}

for (let step = 0; !isCounting || step < STEPS; step++) {
  // A truncation takes what was called before it, and nothing is called beside it.
  if (next > MOST_BLOCKS || random.int(100) < 12) await truncate()
  else await Promise.all(Array.from({ length: Number(inFlight) }, append))
}
await core.close()
say(`end ${writes}`)
