// Our frames at the reference's decoders: thousands of messages of every kind, none of which ends a connection.
import type { Duplex } from 'node:stream'
import type { Assertions } from 'brittle'
import { test } from 'brittle'
import { seedsFor, tellFigures } from '../helpers/long.ts'
import { seededRandom } from '../helpers/random.ts'
import {
  openLog,
  openReference,
  randomBlocks,
  untilReference,
  VERSIONS
} from '../helpers/replication.ts'

const TIMEOUT = { timeout: 1_200_000 }

for (const version of VERSIONS) {
  test(`hypercore ${version} takes all that we send`, TIMEOUT, async (t) => {
    const random = seededRandom(81)
    const messages = seedsFor(2_000, 100_000)
    const writer = await openLog(t)
    await writer.append(randomBlocks(random, 300, 60))
    const reference = await openReference(t, version, writer.key)
    const { ours, errors } = connect(t, writer.replicate(true), reference.replicate(false))
    let uploads = 0
    writer.on('upload', () => uploads++)
    await untilReference(reference, 'append', () => reference.length > 0)
    let done = 0
    for (; done < messages; done += 10) {
      // Growth, holes, cuts, and questions of theirs for every kind of answer.
      await writer.append(randomBlocks(random, 10, 60))
      if (random.int(6) === 0) await writer.clear(random.int(100), 100 + random.int(20))
      for (let i = 0; i < 10; i++) {
        const index = writer.length - 1 - random.int(60)
        await reference.get(index, { timeout: 400 }).catch(() => null)
      }
      if (errors.length > 0 || ours.destroyed) break
    }
    t.alike(errors, [], `${done} messages at least`)
    t.absent(ours.destroyed)
    t.ok(uploads > 0)
    tellFigures(t, `T-INTEROP hypercore ${version}`, { messages: done, uploads })
  })
}

function connect(t: Assertions, a: unknown, b: unknown): { ours: Duplex; errors: string[] } {
  const [ours, theirs] = [a as Duplex, b as Duplex]
  const errors: string[] = []
  let isOver = false
  for (const stream of [ours, theirs]) {
    stream.on('error', (error) => {
      if (!isOver) errors.push(String(error))
    })
    stream.on('close', () => {
      if (!isOver) errors.push('closed')
    })
  }
  ours.pipe(theirs).pipe(ours)
  t.teardown(() => {
    isOver = true
    ours.destroy()
    theirs.destroy()
  })
  return { ours, errors }
}
