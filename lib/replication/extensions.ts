// Extensions: named messages of applications, relayed between the peers of a log. Owner of the registered names.
import { ArgumentError } from '../errors.ts'
import { fromUtf8 } from '../util/bytes.ts'
import type { Codec } from '../util/codec.ts'
import { decode, encode } from '../util/codec.ts'
import { LazyMap } from '../util/lazy.ts'
import { MAX_EXTENSION_NAME_BYTES } from './constants.ts'
import type { Extension } from './messages.ts'
import type { PeerSender } from './peer-sender.ts'

/** A peer, as far as it matters here. */
export interface ExtensionPeer {
  readonly send: PeerSender
}

type Receive = (message: Uint8Array, from: ExtensionPeer) => void

export interface ExtensionHandle<T> {
  readonly name: string
  /** To all peers of the log. */
  broadcast(message: T): void
  /** To one. */
  send(message: T, to: ExtensionPeer): void
  /** Stops receiving. */
  unregister(): void
}

export class Extensions {
  readonly #peers: () => Iterable<ExtensionPeer>
  #receivers: LazyMap<string, Receive> = new LazyMap()
  /** The name that an empty one stands for, per peer. */
  #lastName: WeakMap<ExtensionPeer, string> | null = null

  constructor(peers: () => Iterable<ExtensionPeer>) {
    this.#peers = peers
  }

  /** @throws ArgumentError INVALID_ARGUMENT if the name is empty, too long, or taken */
  register<T>(
    name: string,
    codec: Codec<T>,
    onMessage: (message: T, from: ExtensionPeer) => void
  ): ExtensionHandle<T> {
    const byteLength = fromUtf8(name).byteLength
    if (byteLength === 0 || byteLength > MAX_EXTENSION_NAME_BYTES || this.#receivers.has(name)) {
      throw new ArgumentError(
        'INVALID_ARGUMENT',
        `An extension needs a free name of 1 to ${MAX_EXTENSION_NAME_BYTES} bytes, got "${name}"`
      )
    }
    this.#receivers.set(name, (message, from) => onMessage(decode(codec, message), from))
    return {
      name,
      broadcast: (message) => {
        const bytes = encode(codec, message)
        for (const peer of this.#peers()) peer.send.extension({ name, message: bytes })
      },
      send: (message, to) => {
        to.send.extension({ name, message: encode(codec, message) })
      },
      unregister: () => {
        this.#receivers.delete(name)
      }
    }
  }

  /** Unknown names are ignored. */
  receive({ name, message }: Extension, from: ExtensionPeer): void {
    const meant = name === '' ? this.#lastName?.get(from) : name
    if (meant === undefined) return
    this.#lastName ??= new WeakMap()
    this.#lastName.set(from, meant)
    this.#receivers.get(meant)?.(message, from)
  }
}
