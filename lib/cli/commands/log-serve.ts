// logwood serve: lets others fetch a log over TCP until it is told to stop.
import { createServer, type Server, type Socket } from 'node:net'
import { keyToText, Log } from '../../index.ts'
import { type Command, type Context, EXIT_OK } from '../command.ts'
import { formatTcpAddress, parseTcpAddress, TCP_OPTION, type TcpAddress } from '../tcp-address.ts'

/** So that no crowd exhausts memory and descriptors. */
const MAX_CLIENTS = 256
/** What clients get to take what was sent to them, when we stop. */
const FAREWELL_MS = 1000

export const logServe: Command = {
  name: 'serve',
  synopsis: 'serve DIR --tcp HOST:PORT',
  help: `Serves the log in DIR to everybody who knows its key and connects to the address.
Connections are encrypted. Port 0 picks a free port. Runs until SIGINT or SIGTERM.`,
  example: 'logwood serve ./diary --tcp 127.0.0.1:4977',
  words: [1, 1],
  options: { tcp: TCP_OPTION },
  run: serve
}

async function serve({ args, output, signal }: Context): Promise<number> {
  const wanted = parseTcpAddress(args.text('tcp'), 0)
  await using log = await Log.open(args.directory(), { createIfMissing: false })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const name = formatTcpAddress({
      host: socket.remoteAddress ?? 'unknown',
      port: socket.remotePort ?? 0
    })
    output.note(`connected     ${name}`)
    sockets.add(socket)
    socket.once('close', () => {
      sockets.delete(socket)
      output.note(`disconnected  ${name}`)
    })
    socket.setNoDelay(true)
    log.replicateOver(socket, { isInitiator: false })
  })
  server.maxConnections = MAX_CLIENTS
  try {
    const bound = await listen(server, wanted)
    const key = keyToText(log.key)
    const address = formatTcpAddress(bound)
    await output.result(`key      ${key}\naddress  ${address}`, { key, address, ...bound })
    await fired(signal)
  } finally {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    await log.close()
    const timer = setTimeout(() => {
      for (const socket of sockets) socket.destroy()
    }, FAREWELL_MS)
    await closed
    clearTimeout(timer)
  }
  return EXIT_OK
}

/** Resolves with the address that it got. Rejects with the system's error. */
function listen(server: Server, { host, port }: TcpAddress): Promise<TcpAddress> {
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.listen({ host, port }, () => {
      const address = server.address()
      if (typeof address !== 'object' || address === null) return reject(new Error('no address'))
      resolve({ host: address.address, port: address.port })
    })
  })
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
