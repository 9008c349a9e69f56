// Many logs that nothing happens to, over one connection in memory: what they cost.
import { randomBytes } from 'node:crypto'
import { type Env, systemEnv } from '../../lib/env.ts'
import type { Proof, ProofRequest } from '../../lib/merkle/proof.ts'
import { emptyRequest } from '../../lib/merkle/proof.ts'
import type { MessageStream, MessageStreamHandlers } from '../../lib/mux/message-stream.ts'
import type { Accepted, ReplicatedLog } from '../../lib/replication/replicated-log.ts'

/** Says that it holds all of its blocks, and proves its head as far as anybody looks. */
export class QuietLog implements ReplicatedLog {
  readonly key: Uint8Array
  readonly discoveryKey: Uint8Array
  readonly fork = 0
  readonly length: number
  readonly byteLength: number
  readonly contiguousLength: number
  readonly hasManifest = false
  readonly frozen = false
  readonly evidence = null

  constructor(key: Uint8Array, discoveryKey: Uint8Array, length: number) {
    this.key = key
    this.discoveryKey = discoveryKey
    this.length = length
    this.byteLength = length
    this.contiguousLength = length
  }

  /** Two copies of one log. */
  static pair(length: number): [QuietLog, QuietLog] {
    const [key, discoveryKey] = [randomBytes(32), randomBytes(32)]
    return [new QuietLog(key, discoveryKey, length), new QuietLog(key, discoveryKey, length)]
  }

  has(index: number): boolean {
    return index < this.length
  }

  word(): number {
    return 0xffffffff
  }

  findBlock(start: number, end: number, present: boolean): number {
    return present && start < Math.min(end, this.length) ? start : -1
  }

  canUpgradeFrom(): Promise<boolean> {
    return Promise.resolve(true)
  }

  prove({ upgrade }: ProofRequest): Promise<Proof | null> {
    if (upgrade === null) return Promise.resolve(null)
    const nodes = { nodes: [], additionalNodes: [], signature: new Uint8Array(64) }
    return Promise.resolve({
      ...emptyRequest,
      manifest: null,
      block: null,
      hash: null,
      seek: null,
      upgrade: { ...upgrade, ...nodes }
    })
  }

  release(): void {}

  accept(): Promise<Accepted> {
    return Promise.resolve('already-here')
  }

  judge(): Promise<'same'> {
    return Promise.resolve('same')
  }

  follow(): Promise<null> {
    return Promise.resolve(null)
  }

  moveTo(): Promise<Accepted> {
    return Promise.resolve('outdated')
  }

  onChange(): () => void {
    return () => {}
  }
}

/** The system's, counting the timers that are set and have not run. */
export class CountingEnv implements Env {
  timers = 0

  now(): number {
    return systemEnv.now()
  }

  random(): number {
    return systemEnv.random()
  }

  randomBytes(byteLength: number): Uint8Array {
    return systemEnv.randomBytes(byteLength)
  }

  setTimer(delayMs: number, run: () => void): Disposable {
    let isSet = true
    const end = (): void => {
      if (isSet) this.timers--
      isSet = false
    }
    this.timers++
    const timer = systemEnv.setTimer(delayMs, () => {
      end()
      run()
    })
    return {
      [Symbol.dispose]: () => {
        end()
        timer[Symbol.dispose]()
      }
    }
  }
}

/** One end of a connection that never fills up. */
class MemoryStream implements MessageStream {
  readonly isInitiator: boolean
  readonly publicKey: Uint8Array = randomBytes(32)
  readonly remotePublicKey: Uint8Array = randomBytes(32)
  readonly handshakeHash: Uint8Array
  readonly opened: Promise<void> = Promise.resolve()
  readonly bufferedBytes = 0
  other: MemoryStream | null = null
  #handlers: MessageStreamHandlers | null = null

  constructor(isInitiator: boolean, handshakeHash: Uint8Array) {
    this.isInitiator = isInitiator
    this.handshakeHash = handshakeHash
  }

  handle(handlers: MessageStreamHandlers): void {
    this.#handlers = handlers
  }

  alloc(byteLength: number): Uint8Array {
    return new Uint8Array(byteLength)
  }

  send(message: Uint8Array): boolean {
    const copy = Uint8Array.from(message)
    const { other } = this
    queueMicrotask(() => other?.take(copy))
    return true
  }

  take(message: Uint8Array): void {
    this.#handlers?.onMessage(message)
  }

  pause(): void {}

  resume(): void {}

  close(): void {}

  destroy(error?: Error): void {
    throw error ?? new Error('The connection was ended')
  }
}

export function memoryStreams(): [MessageStream, MessageStream] {
  const handshakeHash = randomBytes(64)
  const first = new MemoryStream(true, handshakeHash)
  const second = new MemoryStream(false, handshakeHash)
  first.other = second
  second.other = first
  return [first, second]
}
