// What does a log among many cost? 1,000 logs of 10 blocks in one store, over one connection on loopback TCP. Both
// stores are in the one process that is measured, so its processor time is that of both sides, the system's included;
// memory is that of logs that were left alone for a while. The other engine is npm corestore 7 on hypercore 11.
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { batches } from '../data.ts'
import { type BenchStore, openStore, type StoredLog } from '../engines/store.ts'
import type { BenchCase, Variant } from '../harness.ts'
import { connectedSockets } from '../workloads.ts'

const LOGS = 1000
const BLOCKS = 10
const BLOCK_BYTES = 100
/** As long as it takes until logs that nobody uses are at rest. */
const IDLE_MS = 13_000
const VARIANTS: readonly Variant[] = [
  { engine: 'logwood', level: 'process' },
  { engine: 'hypercore' }
]

/** Logs that the reader lacks: opened by their keys, connected, all blocks fetched, verified and stored. */
export const manyLogsCopy: BenchCase = {
  name: 'many-logs-copy-cpu',
  unit: 'µs/log',
  target: 5,
  variants: VARIANTS,
  async run({ engine }, directory) {
    const keys = await filled(engine, join(directory, 'a'))
    const writer = await openStore(engine, join(directory, 'a'))
    const reader = await openStore(engine, join(directory, 'b'))
    return cpuPerLog(async () => {
      await connect(writer, reader)
      await copyAll(reader, keys)
    })
  }
}

/** Logs that are open on both sides, and of which both have everything: until each has met the other's. */
export const manyLogsIdle: BenchCase = {
  name: 'many-logs-idle-cpu',
  unit: 'µs/log',
  target: 5,
  variants: VARIANTS,
  async run({ engine }, directory) {
    const { writer, reader, keys } = await copied(engine, directory)
    const open = [...(await openAll(writer, keys)), ...(await openAll(reader, keys))]
    return cpuPerLog(async () => {
      await connect(writer, reader)
      await Promise.all(open.map((log) => log.met()))
    })
  }
}

/** Bytes of JavaScript, buffers included, for each log that is open and has no peer. */
export const manyLogsHeap: BenchCase = memoryCase('many-logs-heap', heapBytes, false)
/** … and of the process. */
export const manyLogsRss: BenchCase = memoryCase(
  'many-logs-rss',
  () => process.memoryUsage.rss(),
  false
)
/** Both sides of each log that is open in two stores of the process and connected: bytes of JavaScript. */
export const manyLogsPeersHeap: BenchCase = memoryCase('many-logs-peers-heap', heapBytes, true)

function memoryCase(name: string, bytes: () => number, withPeers: boolean): BenchCase {
  return {
    name,
    unit: 'bytes/log',
    target: 5,
    variants: VARIANTS,
    async run({ engine }, directory) {
      const { writer, reader, keys } = await copied(engine, directory)
      // What is loaded and made once belongs to no log.
      await (await openAll(writer, keys.slice(0, 1)))[0]?.close()
      await settle()
      const before = bytes()
      const open = await openAll(writer, keys)
      if (withPeers) {
        open.push(...(await openAll(reader, keys)))
        await connect(writer, reader)
        await Promise.all(open.map((log) => log.met()))
      }
      await new Promise((resolve) => setTimeout(resolve, IDLE_MS))
      await settle()
      const after = bytes()
      if (open.some((log) => log.length !== BLOCKS)) throw new Error('A log is not complete')
      return (after - before) / LOGS
    }
  }
}

/** Two stores that hold the same logs, none of them open. */
async function copied(
  engine: string,
  directory: string
): Promise<{ writer: BenchStore; reader: BenchStore; keys: Uint8Array[] }> {
  const keys = await filled(engine, join(directory, 'a'))
  const [a, b] = [
    await openStore(engine, join(directory, 'a')),
    await openStore(engine, join(directory, 'b'))
  ]
  await connect(a, b)
  await copyAll(b, keys)
  await a.close()
  await b.close()
  const writer = await openStore(engine, join(directory, 'a'))
  const reader = await openStore(engine, join(directory, 'b'))
  return { writer, reader, keys }
}

async function filled(engine: string, directory: string): Promise<Uint8Array[]> {
  const store = await openStore(engine, directory)
  const keys: Uint8Array[] = []
  for (let i = 0; i < LOGS; i++) {
    const log = await store.get({ name: `log ${i}` })
    for (const batch of batches(BLOCKS, BLOCK_BYTES, BLOCKS)) await log.append(batch)
    keys.push(log.key)
    await log.close()
  }
  await store.close()
  return keys
}

async function connect(a: BenchStore, b: BenchStore): Promise<void> {
  const [ours, theirs] = await connectedSockets()
  for (const socket of [ours, theirs]) socket.setNoDelay(true)
  a.replicate(true, ours)
  b.replicate(false, theirs)
}

function openAll(store: BenchStore, keys: readonly Uint8Array[]): Promise<StoredLog[]> {
  return Promise.all(keys.map((key) => store.get({ key })))
}

async function copyAll(reader: BenchStore, keys: readonly Uint8Array[]): Promise<void> {
  const logs = await openAll(reader, keys)
  await Promise.all(logs.map((log) => log.fetch(BLOCKS)))
  if (logs.some((log) => log.length !== BLOCKS)) throw new Error('The copy is not complete')
}

async function cpuPerLog(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / LOGS
}

function heapBytes(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Garbage of earlier work is gone. */
async function settle(): Promise<void> {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setTimeout(resolve, 250))
    gc()
  }
}
