// CoreExtension: named messages of applications between the peers of a core, in Hypercore's shape.
import type { LogExtension } from '../log/extension.ts'
import { toBuffer } from '../util/bytes.ts'
import { type Codec, decode, encode, optionalBuffer } from '../util/codec.ts'
import { encodingFrom, type ValueEncoding } from './encodings.ts'
import type { CorePeer } from './peers.ts'
import type { SharedCore } from './shared-core.ts'

export interface ExtensionHandlers {
  /** How messages become bytes; by default they are bytes, and travel behind their length. */
  encoding?: ValueEncoding | null
  onmessage?: (message: never, peer: CorePeer) => void
}

const bytes: Codec<unknown> = {
  ...(optionalBuffer as Codec<unknown>),
  decode(state) {
    const message = optionalBuffer.decode(state)
    return message === null ? null : toBuffer(message)
  }
}

export class CoreExtension {
  readonly name: string
  readonly session: unknown
  readonly #onDestroy: () => void
  #handlers: ExtensionHandlers = {}
  #codec: Codec<unknown> = bytes
  #core: SharedCore | null = null
  #log: LogExtension<Uint8Array> | null = null
  #isDestroyed = false

  constructor(name: string, session: unknown, onDestroy: () => void) {
    this.name = name
    this.session = session
    this.#onDestroy = onDestroy
  }

  get handlers(): ExtensionHandlers {
    return this.#handlers
  }

  set handlers(handlers: ExtensionHandlers) {
    this.#handlers = handlers
    this.#codec = encodingFrom(handlers.encoding) ?? bytes
  }

  /** The core is open: from now on messages come and go. */
  attach(core: SharedCore): void {
    if (this.#isDestroyed) return
    this.#core = core
    this.#log = core.log.registerExtension(this.name, {
      onMessage: (message, info) => {
        const value = decode(this.#codec, toBuffer(message))
        this.#handlers.onmessage?.(value as never, core.peerOf(info))
      }
    })
  }

  send(message: unknown, peer: CorePeer): void {
    const info = this.#core?.infoOf(peer)
    if (info !== undefined) this.#log?.send(this.#encode(message), info)
  }

  broadcast(message: unknown): void {
    this.#log?.broadcast(this.#encode(message))
  }

  destroy(): void {
    if (this.#isDestroyed) return
    this.#isDestroyed = true
    this.#log?.close()
    this.#onDestroy()
  }

  #encode(message: unknown): Uint8Array {
    return encode(this.#codec, message)
  }
}
