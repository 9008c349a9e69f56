// T-PROP: the public calls of a log against an array. fast-check makes up runs of calls and shrinks what fails to the
// shortest run; the failure names seed and path, to be repeated with LOGWOOD_SEED. One log with sessions, snapshots
// and reopenings; and a writer with a sparse reader, which are cut apart and joined again.
import { type Assertions, test } from 'brittle'
import fc from 'fast-check'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { Log } from '../../lib/log/log.ts'
import { REORG_BURST } from '../../lib/replication/constants.ts'
import { equalBytes } from '../../lib/util/bytes.ts'
import { seedsFor, tellFigures } from '../helpers/long.ts'
import { RecordedDisk } from '../helpers/recorded-disk.ts'
import { errorOf, until } from '../helpers/replication.ts'

const keyPair = createKeyPair(new Uint8Array(32).fill(91))
const SEED = Number(process.env['LOGWOOD_SEED'] ?? 1)

/** What the log should be: null is a block that was cleared, or that a reader does not have. */
interface Model {
  fork: number
  blocks: (Uint8Array | null)[]
  /** What a snapshot saw; null: none is open. */
  snapshot: { blocks: readonly (Uint8Array | null)[]; shared: number } | null
  calls: number
}

interface Real {
  readonly disk: RecordedDisk
  log: Log<Uint8Array>
  snapshot: Log<Uint8Array> | null
}

type Command = fc.AsyncCommand<Model, Real>

function fail(what: string): never {
  throw new Error(what)
}

function assertSame(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) fail(`${what}: ${a}, expected ${b}`)
}

function assertBytes(actual: Uint8Array | null, expected: Uint8Array | null, what: string): void {
  if (actual === null || expected === null) {
    if (actual !== expected) fail(`${what}: ${actual === null ? 'absent' : 'there'}`)
  } else if (!equalBytes(actual, expected)) fail(`${what}: other bytes`)
}

/** A call with its text, which fast-check prints. */
function command(
  text: string,
  run: (model: Model, real: Real) => Promise<void>,
  check: (model: Readonly<Model>) => boolean = () => true
): Command {
  return {
    check,
    toString: () => text,
    async run(model, real) {
      model.calls++
      await run(model, real)
      assertSame(
        [real.log.fork, real.log.length, real.log.contiguousLength <= real.log.length],
        [model.fork, model.blocks.length, true],
        `${text}: fork and length`
      )
    }
  }
}

const block = fc.uint8Array({ maxLength: 300 })

function cut(model: Model, length: number): void {
  model.blocks = model.blocks.slice(0, length)
  model.fork++
  if (model.snapshot !== null) {
    model.snapshot.shared = Math.min(model.snapshot.shared, length)
  }
}

function share(part: number, length: number): number {
  return Math.min(length, Math.floor(part * (length + 1)))
}

const part = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
const level = fc.constantFrom('power' as const, 'process' as const)

const localCommands: fc.Arbitrary<Command>[] = [
  fc.tuple(fc.array(block, { maxLength: 5 }), level).map(([blocks, durability]) =>
    command(`append ${blocks.length} at ${durability}`, async (model, { log }) => {
      const { length } = await log.append(blocks, { durability })
      model.blocks.push(...blocks)
      assertSame(length, model.blocks.length, 'append tells the length')
    })
  ),
  fc.array(fc.array(block, { maxLength: 3 }), { maxLength: 4 }).map((batches) =>
    command(`${batches.length} appends at once`, async (model, { log }) => {
      await Promise.all(batches.map((batch) => log.append(batch)))
      model.blocks.push(...batches.flat())
    })
  ),
  part.map((at) =>
    command(`truncate at ${at.toFixed(2)}`, async (model, { log }) => {
      const length = share(at, model.blocks.length)
      await log.truncate(length)
      cut(model, length)
    })
  ),
  fc.tuple(part, fc.nat(6)).map(([at, count]) =>
    command(`clear ${count} at ${at.toFixed(2)}`, async (model, { log }) => {
      const start = share(at, model.blocks.length)
      await log.clear(start, start + count)
      model.blocks.fill(null, start, start + count)
    })
  ),
  part.map((at) =>
    command(`read at ${at.toFixed(2)}`, async (model, { log }) => {
      const index = share(at, model.blocks.length)
      const expected = model.blocks[index] ?? null
      assertBytes(await log.read(index), expected, `block ${index}`)
      assertSame(log.has(index), expected !== null, `has ${index}`)
      if (expected !== null) assertBytes(await log.get(index), expected, `get ${index}`)
    })
  ),
  fc.tuple(part, fc.nat(12)).map(([at, count]) =>
    command(`has ${count} at ${at.toFixed(2)}`, async (model, { log }) => {
      const start = share(at, model.blocks.length)
      const end = start + count
      const all = end <= model.blocks.length && !model.blocks.slice(start, end).includes(null)
      assertSame(log.has(start, end), all, `has ${start} to ${end}`)
    })
  ),
  part.map((at) =>
    command(
      `seek at ${at.toFixed(2)}`,
      async (model, { log }) => {
        const sizes = model.blocks.map((each) => each?.byteLength ?? 0)
        const total = sizes.reduce((sum, size) => sum + size, 0)
        assertSame(log.byteLength, total, 'byteLength')
        const byteOffset = share(at, total)
        let rest = byteOffset
        let index = 0
        // Byte 0 is that of block 0, also if that is empty.
        while (byteOffset > 0 && index < sizes.length && rest >= sizes[index]!) {
          rest -= sizes[index++]!
        }
        const found = await log.seek(byteOffset, { wait: false })
        assertSame(found, { index, byteOffset: rest }, `seek ${byteOffset} of ${total}`)
      },
      ({ blocks }) => !blocks.includes(null)
    )
  ),
  fc.constant(
    command('reopen', async (model, real) => {
      await real.snapshot?.close()
      await real.log.close()
      real.snapshot = null
      model.snapshot = null
      real.log = await Log.open(real.disk.factory, { keyPair })
    })
  ),
  fc.constant(command('flush', (_, { log }) => log.flush())),
  fc.constant(
    command(
      'snapshot',
      async (model, real) => {
        real.snapshot = real.log.snapshot()
        model.snapshot = { blocks: [...model.blocks], shared: model.blocks.length }
      },
      ({ snapshot }) => snapshot === null
    )
  ),
  part.map((at) =>
    command(
      `read the snapshot at ${at.toFixed(2)}`,
      async (model, { snapshot }) => {
        const seen = model.snapshot
        if (snapshot === null || seen === null) return
        assertSame(snapshot.length, seen.blocks.length, 'the snapshot stays')
        const index = share(at, seen.blocks.length)
        if (index >= seen.shared) {
          assertSame(await errorOf(snapshot.read(index)), 'UnavailableError NOT_AVAILABLE', 'gone')
        } else {
          // What was cleared since is absent in both.
          assertBytes(await snapshot.read(index), model.blocks[index] ?? null, `then ${index}`)
        }
      },
      ({ snapshot }) => snapshot !== null
    )
  ),
  fc.constant(
    command(
      'all by a stream, in another session',
      async (model, { log }) => {
        const session = log.session()
        let index = 0
        for await (const value of session.createReadStream()) {
          assertBytes(value, model.blocks[index++] ?? null, `streamed ${index}`)
        }
        assertSame(index, model.blocks.length, 'streamed')
        await session.close()
      },
      ({ blocks }) => !blocks.includes(null)
    )
  ),
  fc.constant(
    command('audit', async (_, { log }) => {
      const { findings } = await log.audit({ deep: true })
      assertSame(findings, [], 'nothing to find')
    })
  )
]

test('the public calls of a log, against an array', { timeout: 3_600_000 }, async (t) => {
  const numRuns = seedsFor(250, 20_000)
  let calls = 0
  await fc.assert(
    fc.asyncProperty(
      fc.commands(localCommands, { maxCommands: 60, size: 'max' }),
      async (commands) => {
        const model: Model = { fork: 0, blocks: [], snapshot: null, calls: 0 }
        const disk = new RecordedDisk()
        const real: Real = { disk, log: await Log.open(disk.factory, { keyPair }), snapshot: null }
        try {
          await fc.asyncModelRun(() => ({ model, real }), commands)
        } finally {
          calls += model.calls
          await real.snapshot?.close()
          await real.log.close()
        }
      }
    ),
    { numRuns, seed: SEED, endOnFailure: false }
  )
  tellFigures(t, 'T-PROP log', { runs: numRuns, calls, seed: SEED })
  t.ok(calls > numRuns, 'calls were made')
})

interface Pair {
  readonly writer: Log<Uint8Array>
  readonly reader: Log<Uint8Array>
  cut: (() => void) | null
}

interface Shared {
  fork: number
  blocks: Uint8Array[]
  calls: number
}

function join({ writer, reader }: Pair): () => void {
  const a = writer.replicate(true)
  const b = reader.replicate(false)
  for (const stream of [a, b]) stream.on('error', () => {})
  a.pipe(b).pipe(a)
  return () => {
    a.destroy()
    b.destroy()
  }
}

/** The reader has heard of the writer's head and taken it. */
async function caughtUp({ writer, reader }: Pair): Promise<void> {
  const isThere = (): boolean => reader.fork === writer.fork && reader.length === writer.length
  // A log that was cut to nothing is followed once something is appended (spec log.md section 11.1).
  while (!isThere() && !(writer.length === 0 && writer.fork > 0)) {
    await Promise.race([until(reader, 'append', isThere), until(reader, 'truncate', isThere)])
  }
}

type PairCommand = fc.AsyncCommand<Shared, Pair>

function pairCommand(
  text: string,
  run: (model: Shared, pair: Pair) => Promise<void>,
  check: (model: Readonly<Shared>) => boolean = () => true
): PairCommand {
  return {
    check,
    toString: () => text,
    async run(model, pair) {
      model.calls++
      await run(model, pair)
      for (let i = 0; i < pair.reader.length; i++) {
        if (pair.reader.fork !== model.fork) break
        const held = await pair.reader.read(i)
        if (held !== null) assertBytes(held, model.blocks[i] ?? null, `${text}: the reader's ${i}`)
      }
    }
  }
}

const readerCommands: fc.Arbitrary<PairCommand>[] = [
  fc.array(block, { minLength: 1, maxLength: 9 }).map((blocks) =>
    pairCommand(`append ${blocks.length}`, async (model, { writer }) => {
      await writer.append(blocks)
      model.blocks.push(...blocks)
    })
  ),
  fc.tuple(part, fc.array(block, { minLength: 1, maxLength: 5 })).map(([at, blocks]) =>
    pairCommand(
      `rewrite from ${at.toFixed(2)}, ${blocks.length}`,
      async (model, { writer }) => {
        const length = share(at, model.blocks.length)
        await writer.truncate(length)
        await writer.append(blocks)
        model.blocks = [...model.blocks.slice(0, length), ...blocks]
        model.fork++
        // More of them would have to wait for their turn.
      },
      ({ fork }) => fork < REORG_BURST
    )
  ),
  fc.constant(
    pairCommand('join or cut', async (_, pair) => {
      if (pair.cut === null) pair.cut = join(pair)
      else {
        pair.cut()
        pair.cut = null
        await until(pair.reader, 'peer-remove', () => pair.reader.peers.length === 0)
      }
    })
  ),
  part.map((at) =>
    pairCommand(
      `get at ${at.toFixed(2)}`,
      async (model, pair) => {
        if (pair.cut === null) return
        await caughtUp(pair)
        const index = Math.min(model.blocks.length - 1, share(at, model.blocks.length))
        assertBytes(await pair.reader.get(index), model.blocks[index] ?? null, `get ${index}`)
      },
      ({ blocks }) => blocks.length > 0
    )
  ),
  fc.tuple(part, fc.nat(8)).map(([at, count]) =>
    pairCommand(`download ${count} at ${at.toFixed(2)}`, async (model, pair) => {
      if (pair.cut === null) return
      await caughtUp(pair)
      const start = share(at, model.blocks.length)
      const end = Math.min(model.blocks.length, start + count)
      await pair.reader.download({ start, end }).done()
      if (!pair.reader.has(start, end)) fail(`${start} to ${end} are not there`)
    })
  ),
  fc.tuple(part, fc.nat(3)).map(([at, count]) =>
    pairCommand(`the reader clears ${count} at ${at.toFixed(2)}`, async (_, { reader }) => {
      const start = share(at, reader.length)
      await reader.clear(start, start + count)
    })
  ),
  part.map((at) =>
    pairCommand(`seek at ${at.toFixed(2)}`, async (model, pair) => {
      if (pair.cut === null) return
      await caughtUp(pair)
      const total = model.blocks.reduce((sum, each) => sum + each.byteLength, 0)
      const byteOffset = share(at, total)
      const expected = await pair.writer.seek(byteOffset)
      assertSame(await pair.reader.seek(byteOffset), expected, `seek ${byteOffset}`)
    })
  )
]

test('a sparse reader of a log that grows and is rewritten, against the writer’s array', {
  timeout: 3_600_000
}, async (t: Assertions) => {
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(alive))
  const numRuns = seedsFor(100, 8_000)
  let calls = 0
  await fc.assert(
    fc.asyncProperty(
      fc.commands(readerCommands, { maxCommands: 40, size: 'max' }),
      async (commands) => {
        const writer = await Log.open(null, { keyPair })
        const reader = await Log.open(null, { key: writer.key, mayReorg: () => true })
        const real: Pair = { writer, reader, cut: null }
        const model: Shared = { fork: 0, blocks: [], calls: 0 }
        try {
          await fc.asyncModelRun(() => ({ model, real }), commands)
        } finally {
          calls += model.calls
          real.cut?.()
          await reader.close()
          await writer.close()
        }
      }
    ),
    { numRuns, seed: SEED, timeout: 20_000 }
  )
  tellFigures(t, 'T-PROP reader', { runs: numRuns, calls, seed: SEED })
  t.ok(calls > numRuns, 'calls were made')
})
