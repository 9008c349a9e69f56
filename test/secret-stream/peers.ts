// What the tests of encrypted connections share: a raw stream under the test's control, and recorders.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { LogwoodError } from '../../lib/errors.ts'
import type { RawDuplex } from '../../lib/secret-stream/raw-duplex.ts'
import type { SecretStream } from '../../lib/secret-stream/secret-stream.ts'
import { concat, toUtf8 } from '../../lib/util/bytes.ts'
import { deferred } from '../../lib/util/deferred.ts'

/** A raw stream that keeps what is written and brings what the test says. */
export class ManualRaw implements RawDuplex {
  readonly written: Uint8Array[] = []
  writes = 0
  isPaused = false
  isEnded = false
  isDestroyed = false
  hasRoom = true
  #listeners: Map<string, (argument?: unknown) => void> = new Map()

  write(bytes: Uint8Array): boolean {
    this.writes++
    this.written.push(bytes.slice())
    return this.hasRoom
  }

  end(): void {
    this.isEnded = true
  }

  destroy(): void {
    if (this.isDestroyed) return
    this.isDestroyed = true
    this.emit('close')
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  on(event: string, listener: (...args: never[]) => void): void {
    this.#listeners.set(event, listener as (argument?: unknown) => void)
  }

  emit(event: 'data' | 'drain' | 'end' | 'close' | 'error', argument?: unknown): void {
    this.#listeners.get(event)?.(argument)
  }

  /** All frames written so far, with their prefixes. */
  frames(): Uint8Array[] {
    const bytes = concat(this.written)
    const frames: Uint8Array[] = []
    for (let at = 0; at < bytes.byteLength; ) {
      const byteLength = bytes[at]! + bytes[at + 1]! * 256 + bytes[at + 2]! * 65536
      frames.push(bytes.slice(at, at + 3 + byteLength))
      at += 3 + byteLength
    }
    return frames
  }
}

export interface Recorder {
  readonly messages: Uint8Array[]
  readonly texts: string[]
  drains: number
  /** The error that the connection ended with. */
  readonly closed: Promise<Error | null>
  /** Resolves once so many messages are here. */
  arrived(count: number): Promise<void>
}

export function record(stream: SecretStream): Recorder {
  const closed = deferred<Error | null>()
  let wanted = 0
  let wake = (): void => {}
  const recorder: Recorder = {
    messages: [],
    texts: [],
    drains: 0,
    closed: closed.promise,
    arrived(count) {
      if (recorder.messages.length >= count) return Promise.resolve()
      wanted = count
      return new Promise((resolve) => {
        wake = resolve
      })
    }
  }
  stream.handle({
    onMessage(message) {
      recorder.messages.push(message)
      recorder.texts.push(message.byteLength < 100 ? toUtf8(message) : '(long)')
      if (recorder.messages.length === wanted) wake()
    },
    onDrain() {
      recorder.drains++
    },
    onClose: closed.resolve
  })
  return recorder
}

export function codeOf(error: unknown): string {
  return error instanceof LogwoodError ? error.code : `untyped: ${String(error)}`
}

export function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
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
  client.setNoDelay(true)
  accepted.setNoDelay(true)
  return [client, accepted]
}
