// The child of kill.real.test.ts: appends to a log on disk until it is killed. Says on stdout, synchronously, what it is
// about to append and what was acknowledged: `call first count` and `done length`.
import { writeSync } from 'node:fs'
import { Log } from '../../lib/log/log.ts'
import { seededRandom } from '../helpers/random.ts'
import { killBlock } from './kill-block.ts'

const [directory = '', level = 'power', inFlight = '1', generation = '0'] = process.argv.slice(2)
const random = seededRandom(Number(generation))

function say(line: string): void {
  writeSync(1, `${line}\n`)
}

const log = await Log.open(directory, { durability: level === 'process' ? 'process' : 'power' })
say(`open ${log.length}`)
let next = log.length

async function appendOn(): Promise<never> {
  for (;;) {
    const count = 1 + random.int(8)
    const first = next
    next += count
    const blocks = Array.from({ length: count }, (_, i) => killBlock(first + i, Number(generation)))
    say(`call ${first} ${count}`)
    const { length } = await log.append(blocks)
    say(`done ${first + count} ${length}`)
  }
}

await Promise.all(Array.from({ length: Number(inFlight) }, () => appendOn()))
