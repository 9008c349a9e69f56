// Multiplexer: what replication needs of whatever carries channels over a connection. Mux fits as it is; connections
// that are multiplexed already, by npm `protomux`, through shared-mux.ts.
import type { Channel, ChannelOptions } from './channel.ts'
import type { ChannelLimits } from './constants.ts'
import type { MessageStream } from './message-stream.ts'
import type { ChannelKey } from './mux.ts'
import type { PairingCallback } from './pairing.ts'

/** See Channel. */
export type ChannelPort = Pick<Channel, 'isClosed' | 'drained' | 'send' | 'close' | 'fail'>

/** See Mux. */
export interface Multiplexer {
  readonly stream: Pick<
    MessageStream,
    'isInitiator' | 'publicKey' | 'remotePublicKey' | 'handshakeHash' | 'opened'
  >
  readonly isClosed: boolean
  readonly closed: Promise<void>
  /** Whether callbacks of `pair` are given the handshake that came; else it is empty. */
  readonly seesHandshakes: boolean
  open<H = null>(options: ChannelOptions<H>): ChannelPort | null
  opened(key: ChannelKey): boolean
  whenFree(key: ChannelKey): Promise<void>
  pair(key: ChannelKey, callback: PairingCallback): void
  unpair(key: ChannelKey): void
  widen(limits: ChannelLimits): void
  pause(reason: unknown): void
  resume(reason: unknown): void
}
