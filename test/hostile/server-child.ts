// The server of the attacks over real sockets, a process of its own so that its memory and its processor time are its
// own: a log in memory on a loopback port. Timeouts of the library take a part of their time, as the parent says.
// Started by test/hostile/server.ts; speaks over the channel between the processes.
import { createServer } from 'node:net'
import { type Env, systemEnv } from '../../lib/env.ts'
import { Log } from '../../lib/log/log.ts'
import type { RawDuplex } from '../../lib/secret-stream/raw-duplex.ts'
import { toHex } from '../../lib/util/bytes.ts'

const [blockCount = '0', blockBytes = '0', haste = '1'] = process.argv.slice(2)
const faster = Number(haste)
const env: Env = {
  ...systemEnv,
  now: () => systemEnv.now() * faster,
  setTimer: (delayMs, run) => systemEnv.setTimer(delayMs / faster, run)
}
const escaped: string[] = []
process.on('uncaughtException', (error) => escaped.push(String(error)))
process.on('unhandledRejection', (error) => escaped.push(String(error)))

const log = await Log.open(null, { env })
const blocks = Array.from({ length: Number(blockCount) }, (_, i) =>
  new Uint8Array(Number(blockBytes)).fill(i)
)
await log.append(blocks)
const uploads = new Map<string, number>()
log.on('upload', ({ peer, byteLength }) => {
  const name = peer.remotePublicKey === null ? '' : toHex(peer.remotePublicKey)
  uploads.set(name, (uploads.get(name) ?? 0) + 1 + byteLength / 2 ** 32)
})
const errors: string[] = []
let connections = 0

const server = createServer((socket) => {
  connections++
  socket.on('error', () => {})
  socket.on('close', () => {
    connections--
  })
  log
    .replicateOver(socket as RawDuplex, { isInitiator: false })
    .opened.catch((error: { code?: string }) => errors.push(error.code ?? String(error)))
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  process.send?.({ port, key: toHex(log.key), discoveryKey: toHex(log.discoveryKey) })
})

/** What the parent asks for: how this process is doing. */
process.on('message', () => {
  globalThis.gc?.()
  const { rss, heapUsed, arrayBuffers, external } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  process.send?.({
    bytes: heapUsed + Math.max(arrayBuffers, external),
    rss,
    cpuMs: (user + system) / 1000,
    connections,
    peers: log.peers.length,
    uploads: Object.fromEntries(uploads),
    errors,
    escaped
  })
})
process.on('disconnect', () => process.exit(0))
