// Starts test/hostile/server-child.ts, and connects to it: honest readers, attackers, and bare sockets.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Assertions } from 'brittle'
import { Log } from '../../lib/log/log.ts'
import type { RawDuplex } from '../../lib/secret-stream/raw-duplex.ts'
import { SecretStream } from '../../lib/secret-stream/secret-stream.ts'
import { fromHex } from '../../lib/util/bytes.ts'
import { Attacker, type AttackOptions } from '../helpers/attacker.ts'

const MIB = 1024 * 1024

export interface ServerState {
  /** Held by its objects and buffers, after a collection. */
  readonly bytes: number
  readonly rss: number
  readonly cpuMs: number
  readonly connections: number
  readonly peers: number
  /** Blocks sent, by the receiver's public key in hex. */
  readonly uploads: Readonly<Record<string, number>>
  /** Codes of handshakes that failed. */
  readonly errors: readonly string[]
  readonly escaped: readonly string[]
}

export interface Server {
  readonly key: Uint8Array
  readonly discoveryKey: Uint8Array
  state(): Promise<ServerState>
  socket(): Promise<Socket>
  /** Up to the end of the encrypted handshake, and the socket below. */
  connect(options?: AttackOptions): Promise<{ socket: Socket; attacker: Attacker }>
}

export interface ServerOptions {
  readonly blocks: number
  readonly blockBytes: number
  /** How much faster the server's clock runs. */
  readonly haste?: number
}

export async function startServer(t: Assertions, options: ServerOptions): Promise<Server> {
  const alive = setInterval(() => {}, 1_000)
  const child = fork(
    fileURLToPath(new URL('./server-child.js', import.meta.url)),
    [options.blocks, options.blockBytes, options.haste ?? 1].map(String),
    { execArgv: ['--expose-gc'] }
  )
  const sockets = new Set<Socket>()
  t.teardown(async () => {
    clearInterval(alive)
    for (const socket of sockets) socket.destroy()
    const ended = once(child, 'exit')
    child.disconnect()
    await ended
  })
  const [hello] = (await once(child, 'message')) as [
    { port: number; key: string; discoveryKey: string }
  ]
  const server: Server = {
    key: fromHex(hello.key)!,
    discoveryKey: fromHex(hello.discoveryKey)!,
    async state() {
      const answer = once(child, 'message')
      child.send('state')
      const [state] = (await answer) as [ServerState]
      return state
    },
    async socket() {
      const socket = connect(hello.port, '127.0.0.1')
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
      await once(socket, 'connect')
      return socket
    },
    async connect(attack = {}) {
      const socket = await server.socket()
      const stream = new SecretStream({ isInitiator: true, raw: socket as RawDuplex })
      const attacker = new Attacker(stream, server, attack)
      await stream.opened
      return { socket, attacker }
    }
  }
  return server
}

/** A reader that keeps asking for all blocks, again and again, as fast as it can. */
export class HonestReader {
  blocks = 0
  #server: Server
  #isStopped = false
  #log: Log | null = null
  #done: Promise<void> = Promise.resolve()

  constructor(t: Assertions, server: Server) {
    this.#server = server
    t.teardown(() => this.stop(), { order: -1 })
  }

  start(): void {
    this.#done = this.#run()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#log?.close()
    await this.#done
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        await this.#readAll()
      } catch (error) {
        // Closing ends what waits.
        if (!this.#isStopped) throw error
      }
    }
  }

  async #readAll(): Promise<void> {
    const log = await Log.open(null, { key: this.#server.key })
    this.#log = log
    const socket = await this.#server.socket()
    log.replicateOver(socket as RawDuplex, { isInitiator: true })
    log.on('download', () => {
      this.blocks++
    })
    await log.update()
    await log.download({ start: 0, end: log.length }).done()
    socket.destroy()
    await log.close()
  }
}

interface Rate {
  readonly blocks: number
  readonly wallMs: number
  readonly serverMs: number
}

async function rateOf(server: Server, reader: HonestReader, blocks: number): Promise<Rate> {
  const [before, first, start] = [await server.state(), reader.blocks, performance.now()]
  const limitMs = 8_000
  while (reader.blocks - first < blocks && performance.now() - start < limitMs) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const after = await server.state()
  return {
    blocks: reader.blocks - first,
    wallMs: performance.now() - start,
    serverMs: after.cpuMs - before.cpuMs
  }
}

/**
 * How much of its own rate an honest reader keeps while the attack lasts: blocks by time, or by the server's
 * processor time if that is kinder, as attackers and readers share this machine with it. The best of three.
 */
export async function assertHonestShare(
  t: Assertions,
  server: Server,
  attack: () => Promise<() => Promise<void>>,
  blocks: number
): Promise<void> {
  let best = 0
  const tries: string[] = []
  for (let i = 0; i < 3 && best < 0.5; i++) {
    const reader = new HonestReader(t, server)
    reader.start()
    await rateOf(server, reader, blocks / 4)
    const alone = await rateOf(server, reader, blocks)
    const end = await attack()
    const beside = await rateOf(server, reader, blocks)
    await end()
    await reader.stop()
    const byTime = (beside.blocks / beside.wallMs) * (alone.wallMs / alone.blocks)
    const byWork = (beside.blocks / beside.serverMs) * (alone.serverMs / alone.blocks)
    tries.push(`${byTime.toFixed(2)} by time, ${byWork.toFixed(2)} by the server's work`)
    best = Math.max(best, byTime, byWork)
  }
  t.ok(best >= 0.5, `an honest reader keeps at least half of its rate: ${tries.join('; ')}`)
}

/** The server holds at most so much more than before, and is well. */
export async function assertGrowth(
  t: Assertions,
  server: Server,
  before: ServerState,
  maxMib: number
): Promise<void> {
  let after = await server.state()
  const grownMib = (): number => (after.bytes - before.bytes) / MIB
  // What ended is let go of over some turns.
  for (let i = 0; i < 50 && grownMib() > maxMib; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    after = await server.state()
  }
  const grown = grownMib()
  t.ok(grown <= maxMib, `the server grew by ${grown.toFixed(1)} MiB, at most ${maxMib}`)
  t.alike(after.escaped, [], 'nothing escaped in the server')
}
