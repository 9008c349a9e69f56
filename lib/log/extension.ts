// LogExtension: named messages of applications between the peers of a log, beside its blocks.
import type { ExtensionHandle } from '../replication/extensions.ts'
import type { Codec } from '../util/codec.ts'
import { checkOptions } from '../util/options.ts'
import { type EncodingName, encodingOf } from './encoding.ts'
import type { OpenedLog } from './opened-log.ts'
import { type PeerInfo, peerInfo, peerOf } from './peer-info.ts'

export interface ExtensionOptions<T> {
  /** How messages become bytes: `binary` by default. */
  encoding?: EncodingName | Codec<T>
  /** A message that came, and from whom. */
  onMessage?: (message: T, peer: PeerInfo) => void
}

export interface LogExtension<T> {
  readonly name: string
  /** To one peer of the log; nothing happens if it is gone. */
  send(message: T, peer: PeerInfo): void
  /** To all of them. */
  broadcast(message: T): void
  /** Receives nothing more; the name is free again. */
  close(): void
}

/** @throws ArgumentError INVALID_ARGUMENT if the name is empty, too long or taken; UNKNOWN_OPTION */
export function registerExtension<T>(
  { replicator }: OpenedLog,
  name: string,
  options: ExtensionOptions<T>
): LogExtension<T> {
  checkOptions(options, ['encoding', 'onMessage'], 'registerExtension')
  const encoding = encodingOf<T>(options.encoding)
  const handle: ExtensionHandle<Uint8Array> = replicator.extensions.register(
    name,
    rawBytes,
    (message, from) => {
      for (const peer of replicator.peers) {
        if (peer === from) options.onMessage?.(encoding.decode(message), peerInfo(peer))
      }
    }
  )
  return {
    name,
    send: (message, info) => {
      const peer = peerOf(info)
      if (peer !== null) handle.send(encoding.encode(message), peer)
    },
    broadcast: (message) => handle.broadcast(encoding.encode(message)),
    close: () => handle.unregister()
  }
}

/** The whole of the message. */
const rawBytes: Codec<Uint8Array> = {
  preencode(state, value) {
    state.end += value.byteLength
  },
  encode(state, value) {
    state.buffer.set(value, state.start)
    state.start += value.byteLength
  },
  decode(state) {
    const bytes = state.buffer.subarray(state.start, state.end)
    state.start = state.end
    return bytes
  }
}
