// The work that several cases share: fill a log, time a piece of work, serve a log from a second process.
import { spawn } from 'node:child_process'
import { connect, createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { batches } from './data.ts'
import type { BenchLog } from './engines/engine.ts'
import { loadEngine } from './engines/index.ts'
import type { Variant } from './harness.ts'

const SERVER = fileURLToPath(new URL('./serve.js', import.meta.url))

export async function open(
  { engine, level }: Variant,
  directory: string,
  key?: Uint8Array
): Promise<BenchLog> {
  const loaded = await loadEngine(engine)
  return await loaded.open(directory, {
    ...(key === undefined ? {} : { key }),
    ...(level === undefined ? {} : { level })
  })
}

export async function fill(log: BenchLog, count: number, byteLength: number): Promise<void> {
  const perBatch = Math.max(1, Math.min(1000, Math.floor(4_000_000 / byteLength)))
  for (const batch of batches(count, byteLength, perBatch)) await log.append(batch)
}

/** Milliseconds that the work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

export interface Served {
  readonly key: Uint8Array
  readonly length: number
  readonly socket: Socket
  stop(): Promise<void>
}

/** Both ends of a connection on loopback. */
export async function connectedSockets(): Promise<[Socket, Socket]> {
  const server = createServer()
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const sockets: [Socket, Socket] = [connect(port, '127.0.0.1'), await accepted]
  server.close()
  return sockets
}

/** A second process fills a log and serves it on loopback; resolves when it is connected. */
export async function serveElsewhere(
  variant: Variant,
  directory: string,
  blocks: { count: number; byteLength: number }
): Promise<Served> {
  const words = [SERVER, variant.engine, directory, String(blocks.count), String(blocks.byteLength)]
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] })
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()))
    child.once('exit', () => reject(new Error('The serving process ended')))
  })
  const { key, port } = JSON.parse(line) as { key: string; port: number }
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  return {
    key: Buffer.from(key, 'hex'),
    length: blocks.count,
    socket,
    stop: async () => {
      socket.destroy()
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
    }
  }
}
