// What the tests of replication share: logs of ours and of the reference packages, connected over memory or TCP;
// events that one waits for; typed errors. Everything opened here is closed at the end of the test.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Assertions } from 'brittle'
import Hypercore from 'hypercore'
import Hypercore10 from 'hypercore10'
import { LogwoodError } from '../../lib/errors.ts'
import { Log } from '../../lib/log/log.ts'
import type { LogEvents } from '../../lib/log/opened-log.ts'
import type { LogOptions } from '../../lib/log/options.ts'
import type { RawDuplex } from '../../lib/secret-stream/raw-duplex.ts'
import type { StorageFactory } from '../../lib/storage/file.ts'
import type { SeededRandom } from './random.ts'

export type Transport = 'memory' | 'tcp'
export type Version = '11' | '10'
/** Either implementation. */
export type AnyLog = Log<Uint8Array> | Hypercore

type BinaryOptions = Omit<LogOptions<Uint8Array>, 'encoding'>

export const VERSIONS: readonly Version[] = ['11', '10']

export interface Connection {
  /** What replicate gave on the first side: for further logs on the same connection. */
  readonly first: unknown
  readonly second: unknown
  /** Cuts the connection and waits until it is gone. */
  cut(): Promise<void>
}

/** A log in memory, or at a location; closed at the end of the test. */
export async function openLog(
  t: Assertions,
  options: BinaryOptions = {},
  location: string | StorageFactory | null = null
): Promise<Log<Uint8Array>> {
  const log = await Log.open(location, options)
  // Logwood's timers keep no process alive; a test that waits for one of them must not end with the event loop.
  const alive = setInterval(() => {}, 1000)
  t.teardown(
    async () => {
      clearInterval(alive)
      await log.close()
    },
    { order: 1 }
  )
  return log
}

/** A reader of another log, in memory. */
export function openReader(
  t: Assertions,
  { key }: { readonly key: Uint8Array }
): Promise<Log<Uint8Array>> {
  return openLog(t, { key })
}

/** A log of the reference package in a directory of its own. */
export async function openReference(
  t: Assertions,
  version: Version,
  key: Uint8Array | null = null,
  options: object = {}
): Promise<Hypercore> {
  const Reference = version === '11' ? Hypercore : Hypercore10
  const core = new Reference(await t.tmp(), key, options)
  await core.ready()
  t.teardown(() => core.close(), { order: 1 })
  return core
}

/** Connects two logs of any kind; the first one initiates unless told otherwise. */
export async function join(
  t: Assertions,
  a: AnyLog,
  b: AnyLog,
  options: { transport?: Transport; isInitiator?: boolean } = {}
): Promise<Connection> {
  const { transport = 'memory', isInitiator = true } = options
  const connection =
    transport === 'memory' ? joinInMemory(a, b, isInitiator) : await joinByTcp(a, b, isInitiator)
  t.teardown(() => connection.cut(), { order: 0 })
  return connection
}

function joinInMemory(a: AnyLog, b: AnyLog, isInitiator: boolean): Connection {
  const first = a.replicate(isInitiator) as unknown as Duplex
  const second = b.replicate(!isInitiator) as unknown as Duplex
  first.on('error', () => {})
  second.on('error', () => {})
  first.pipe(second).pipe(first)
  return { first, second, cut: () => cutAll([first, second]) }
}

async function joinByTcp(a: AnyLog, b: AnyLog, isInitiator: boolean): Promise<Connection> {
  const [client, accepted] = await tcpPair()
  const first = overSocket(a, client, isInitiator)
  const second = overSocket(b, accepted, !isInitiator)
  return { first, second, cut: () => cutAll([client, accepted]) }
}

function overSocket(log: AnyLog, socket: Socket, isInitiator: boolean): unknown {
  socket.on('error', () => {})
  if (log instanceof Log) return log.replicateOver(socket as RawDuplex, { isInitiator })
  const stream = log.replicate(isInitiator)
  stream.on('error', () => {})
  stream.pipe(socket).pipe(stream)
  return stream
}

async function cutAll(streams: readonly Duplex[]): Promise<void> {
  await Promise.all(
    streams.map((stream) => {
      if (stream.closed || (stream.destroyed && !('closed' in stream))) return undefined
      const closed = once(stream, 'close')
      stream.destroy()
      return closed
    })
  )
}

/** Two connected sockets on the loopback interface. */
export async function tcpPair(): Promise<[Socket, Socket]> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('No port')
  const client = connect(address.port, '127.0.0.1')
  const [accepted] = (await once(server, 'connection')) as [Socket]
  server.close()
  return [client, accepted]
}

/** Blocks of 0 to maxBytes bytes, the empty one among them. */
export function randomBlocks(random: SeededRandom, count: number, maxBytes: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) =>
    i % 17 === 5 ? new Uint8Array(0) : random.bytes(random.int(maxBytes))
  )
}

/** Resolves once an event makes the condition true; at once if it is. */
export function until<Name extends keyof LogEvents>(
  log: Log<Uint8Array>,
  event: Name,
  isTrue: () => boolean
): Promise<void> {
  if (isTrue()) return Promise.resolve()
  return new Promise((resolve) => {
    const off = log.on(event, () => {
      if (!isTrue()) return
      off()
      resolve()
    })
  })
}

/** The same for the reference. */
export function untilReference(
  core: Hypercore,
  event: string,
  isTrue: () => boolean
): Promise<void> {
  if (isTrue()) return Promise.resolve()
  return new Promise((resolve) => {
    const look = (): void => {
      if (!isTrue()) return
      core.off(event, look)
      resolve()
    }
    core.on(event, look)
  })
}

/** The class and code that a promise is rejected with, as `StateError CLOSED`; `none` if it is not. */
export function errorOf(work: Promise<unknown> | (() => unknown)): Promise<string> {
  const promise = typeof work === 'function' ? Promise.resolve().then(work) : work
  return promise.then(
    () => 'none',
    (error: unknown) =>
      error instanceof LogwoodError ? `${error.name} ${error.code}` : `untyped: ${String(error)}`
  )
}

/** Every block and the tree hash at every length that is asked for are equal; asserts once per kind. */
export async function assertSame(
  t: Assertions,
  actual: AnyLog,
  blocks: readonly Uint8Array[],
  expected: AnyLog,
  message: string
): Promise<void> {
  let wrong = -1
  for (let i = 0; i < blocks.length && wrong === -1; i++) {
    const block = await actual.get(i, { wait: false })
    if (block === null || !sameBytes(block, blocks[i]!)) wrong = i
  }
  t.is(wrong, -1, `${message}: ${blocks.length} blocks`)
  t.is(actual.length, expected.length, `${message}: length`)
  t.ok(sameBytes(await actual.treeHash(), await expected.treeHash()), `${message}: tree hash`)
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i])
}
