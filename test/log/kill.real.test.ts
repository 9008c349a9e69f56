// T-KILL: a child process appends to a log on disk and is killed at random moments, again and again on the same
// directory. After each kill: every acknowledged block is there, what was not acknowledged is there whole or not at
// all, and appends go on. At the end a fresh reader gets all of it.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'brittle'
import { Log } from '../../lib/log/log.ts'
import { seedsFor } from '../helpers/long.ts'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'
import { join, openReader, sameBytes } from '../helpers/replication.ts'
import { killBlock } from './kill-block.ts'

const KILLS = seedsFor(50, 2_000)
const SEED = 4711
const CHILD = fileURLToPath(new URL('./kill-child.js', import.meta.url))

interface Life {
  /** Length that it found. */
  opened: number
  /** Appends that were called, in order: first index and number of blocks. */
  readonly calls: [number, number][]
  /** Up to here all was acknowledged: appends are acknowledged in order. */
  done: number
}

/** Starts the child, kills it some time after it began to work, and returns what it said. */
async function liveAndDie(
  directory: string,
  generation: number,
  random: SeededRandom
): Promise<Life> {
  const level = random.int(2) === 0 ? 'power' : 'process'
  const inFlight = random.int(2) === 0 ? '1' : '4'
  const child = spawn(process.execPath, [CHILD, directory, level, inFlight, `${generation}`], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const delayMs = 5 + random.int(116)
  let text = ''
  child.stdout.setEncoding('utf-8')
  child.stdout.on('data', (chunk: string) => {
    if (text === '') setTimeout(() => child.kill('SIGKILL'), delayMs)
    text += chunk
  })
  await closed(child)
  if (child.signalCode !== 'SIGKILL')
    throw new Error(`The child ended by itself: ${child.exitCode}`)
  return lifeOf(text)
}

function closed(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once('close', () => resolve()))
}

function lifeOf(text: string): Life {
  const life: Life = { opened: 0, calls: [], done: 0 }
  // A last line without its end was not said.
  for (const line of text.slice(0, text.lastIndexOf('\n')).split('\n')) {
    const [word, a, b] = line.split(' ')
    if (word === 'open') {
      life.opened = Number(a)
      life.done = Number(a)
    } else if (word === 'call') life.calls.push([Number(a), Number(b)])
    else if (word === 'done') life.done = Math.max(life.done, Number(a))
  }
  return life
}

test('SIGKILL while appending', { timeout: seedsFor(60_000, 3_000_000) }, async (t) => {
  const random = seededRandom(SEED)
  const directory = await t.tmp()
  const first = await Log.open(directory)
  const { key } = first
  await first.close()
  /** Which run wrote each block. */
  const writtenBy: number[] = []
  let extra = 0
  for (let generation = 1; generation <= KILLS; generation++) {
    const life = await liveAndDie(directory, generation, random)
    const how = `seed ${SEED}, kill ${generation}`
    if (life.opened !== writtenBy.length) t.fail(`${how}: opened at ${life.opened}`)
    const log = await Log.open(directory, { key, createIfMissing: false })
    const { length } = log
    const borders = [life.opened, ...life.calls.map(([start, count]) => start + count)]
    if (length < life.done) t.fail(`${how}: ${length} blocks of ${life.done} acknowledged ones`)
    if (!borders.includes(length)) t.fail(`${how}: ${length} is within an append`)
    if (length > life.done) extra++
    const from = writtenBy.length
    for (let i = from; i < length; i++) writtenBy.push(generation)
    for (let i = Math.max(0, from - 50); i < length; i++) {
      const block = await log.read(i)
      if (block === null || !sameBytes(block, killBlock(i, writtenBy[i]!))) {
        t.fail(`${how}: block ${i} of ${length}`)
      }
    }
    writtenBy.push(generation)
    await log.append(killBlock(length, generation))
    await log.close()
  }
  const writer = await Log.open(directory, { key, createIfMissing: false })
  t.teardown(() => writer.close(), { order: 1 })
  t.is(writer.length, writtenBy.length)
  const reader = await openReader(t, writer)
  await join(t, writer, reader, { transport: 'tcp' })
  await reader.update()
  await reader.download().done()
  let wrong = 0
  for (let i = 0; i < writtenBy.length; i++) {
    if (!sameBytes(await reader.get(i), killBlock(i, writtenBy[i]!))) wrong++
  }
  t.is(wrong, 0, `${writtenBy.length} blocks at a fresh reader`)
  t.comment(
    `${KILLS} kills, ${writtenBy.length} blocks, unacknowledged appends found whole after ${extra}`
  )
})
