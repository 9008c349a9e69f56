// T-KILL: a child process appends to and truncates a log on disk and is killed at random moments, again and again on the
// same directory; and, on fresh directories, at each write in turn, before it and in the middle of its bytes. After each
// kill the log is as it was after some call, not before the last acknowledged one nor after the last one made, block for
// block, and goes on. Now and then, and at the end, a fresh reader replicates all of it, whatever its fork number.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Assertions, test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import { Log } from '../../lib/log/log.ts'
import { diskStorage } from '../../lib/storage/disk-storage.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { LONG, seedsFor, tellFigures } from '../helpers/long.ts'
import { seededRandom } from '../helpers/random.ts'
import { assertSame, join } from '../helpers/replication.ts'
import { killBlock } from './kill-block.ts'
import { type Content, type Life, lifeOf, stateOf } from './kill-life.ts'

const KILLS = Number(process.env['LOGWOOD_KILLS'] ?? seedsFor(40, 200))
const SEED = Number(process.env['LOGWOOD_SEED'] ?? 4711)
const READER_EVERY = 25
const CHILD = fileURLToPath(new URL('./kill-child.js', import.meta.url))

/** Runs the child until it is killed, after `delayMs` since it opened the log or by itself. */
async function live(
  args: readonly (string | number)[],
  delayMs: number | null,
  before: Content
): Promise<Life> {
  const child = spawn(process.execPath, [CHILD, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  let text = ''
  child.stdout.setEncoding('utf-8')
  child.stdout.on('data', (chunk: string) => {
    if (text === '' && delayMs !== null) setTimeout(() => child.kill('SIGKILL'), delayMs)
    text += chunk
  })
  await new Promise<void>((resolve) => child.once('close', () => resolve()))
  const life = lifeOf(text, Number(args[3]), before)
  if (child.signalCode !== 'SIGKILL' && life.writes === null) {
    throw new Error(`The child ended by itself: ${child.exitCode}`)
  }
  return life
}

/** A fresh reader of the log is at its fork and length after one update, and then gets every block. */
async function replicates(t: Assertions, directory: string, content: Content): Promise<void> {
  const writer = await Log.open(directory)
  const reader = await Log.open(null, { key: writer.key })
  const connection = await join(t, writer, reader, { transport: 'tcp' })
  await reader.update()
  const blocks = content.map(({ generation, call }, i) => killBlock(i, generation, call))
  t.is(reader.fork, content.length === 0 ? 0 : writer.fork, `a fresh reader is at ${writer.fork}`)
  await reader.download({ start: 0, end: reader.length }).done()
  await assertSame(t, reader, blocks, writer, 'a fresh reader')
  await connection.cut()
  await reader.close()
  await writer.close()
}

test('SIGKILL while appending and truncating', { timeout: 36_000_000 }, async (t) => {
  const random = seededRandom(SEED)
  const directory = await t.tmp()
  await (await Log.open(directory)).close()
  let content: Content = []
  const figures = { kills: 0, calls: 0, unacknowledged: 0, readers: 0 }
  for (let generation = 1; generation <= KILLS; generation++) {
    const level = random.int(2) === 0 ? 'power' : 'process'
    const inFlight = random.int(2) === 0 ? 1 : 4
    const life = await live([directory, level, inFlight, generation], 5 + random.int(156), content)
    const how = `T-KILL seed ${SEED}, kill ${generation}`
    if (life.opened !== content.length) t.fail(`${how}: it opened at ${life.opened}`)
    const log = await Core.open(await LogFiles.open(directory, { createIfMissing: false }))
    const found = await stateOf(log, life)
    if (found.content === null) {
      t.fail(`${how}: ${found.what}`)
      await log.close()
      return
    }
    content = found.content
    figures.kills++
    figures.calls += life.calls
    if (life.states.indexOf(content) > life.done) figures.unacknowledged++
    // Now and then what was recovered is left as it is, for the next child to open.
    const call = 4_000_000_000
    if (generation % 3 !== 0) {
      await log.append([killBlock(content.length, generation, call)])
      content = [...content, { generation, call }]
    }
    if (generation % READER_EVERY === 0 || generation === KILLS) {
      figures.readers++
      await log.close()
      await replicates(t, directory, content)
    } else await log.close()
  }
  t.pass(`${figures.kills} kills`)
  tellFigures(t, 'T-KILL', figures)
})

test('SIGKILL at the k-th write, before it and amid its bytes', {
  timeout: 36_000_000
}, async (t) => {
  const figures = { kills: 0, writes: 0 }
  const shares = LONG ? [0, 0.5, 0.97, 1] : [0.5]
  for (const level of LONG ? ['power', 'process'] : ['power']) {
    const args = (directory: string, k: number, share: number): (string | number)[] => [
      directory,
      level,
      2,
      7,
      k,
      share
    ]
    const { writes } = await live(args(`${await t.tmp()}/log`, -1, 0), null, [])
    figures.writes = writes ?? 0
    // In a fast run every k-th write of a few, at another one each time of a fixed order.
    const step = LONG ? 1 : Math.ceil(figures.writes / 16)
    for (let k = 0; k < figures.writes; k += step) {
      for (const share of k % 2 === 0 && !LONG ? [0] : shares) {
        const directory = `${await t.tmp()}/log`
        const life = await live(args(directory, k, share), null, [])
        const how = `write ${k} of ${writes}, ${share} of it done`
        const log = await Core.open(
          await LogFiles.open((name) => diskStorage(`${directory}/${name}`, true))
        )
        const found = await stateOf(log, life)
        if (found.content === null) t.fail(`${how}: ${found.what}`)
        await log.append([new Uint8Array(1)])
        await log.close()
        figures.kills++
      }
    }
  }
  t.pass(`${figures.kills} kills`)
  tellFigures(t, 'T-KILL k-th write', figures)
})
