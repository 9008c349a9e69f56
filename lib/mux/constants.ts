// The numbers of the multiplexer (spec channel.md section 3, reliability.md section 16).

// Fixed by the protocol

/** Frames of this channel are about channels. */
export const CONTROL_CHANNEL = 0
export const CONTROL_BATCH = 0
export const CONTROL_OPEN = 1
export const CONTROL_REJECT = 2
export const CONTROL_CLOSE = 3
/** What the encrypted stream carries in one message. */
export const MAX_FRAME_BYTES: number = 16 * 1024 * 1024 - 1 - 17

// Ours to tune

/** Messages of one tick go out together in frames of up to this much; a larger message goes alone. */
export const BATCH_BYTES = 65_536
/** Messages in a batch that we send; the receiver's limit is twice that. */
export const MAX_SENT_BATCH_MESSAGES = 4_096
export const MAX_BATCH_MESSAGES = 8_192
/** Buffers for batches that are kept for the next ones, over all connections. */
export const MAX_SPARE_BUFFERS = 4
/** Channels that one remote may have open here, paired or waiting; more are rejected. See Mux.widen. */
export const MAX_REMOTE_CHANNELS = 256
/** Opens that wait for a channel of ours; more are rejected. See Mux.widen. */
export const MAX_WAITING_OPENS = 64
/** How long an open may wait; then it is rejected. */
export const PAIRING_TIMEOUT_MS = 30_000
/** Bytes kept for channels that wait, over all of a connection; above, reading pauses. */
export const MAX_WAITING_BYTES = 262_144
/** Counted for each kept message on top of its bytes. */
export const WAITING_MESSAGE_COST_BYTES = 512
/** Opens that lead to nothing: so many at once, then so many in a second, then reading pauses. */
export const VAIN_OPENS_BURST: number = 256
export const VAIN_OPENS_PER_SECOND = 20
/** A channel that the remote closes before it has been open for this long was opened in vain. */
export const VAIN_CHANNEL_MS = 1_000
/**
 * Bytes that wait to be sent: above, what the remote sends is not read. A last resort: users of channels stop at
 * drained. Far above what they reach together, as two sides that stop reading each other stand still.
 */
export const MAX_OUTGOING_BYTES: number = 32 * 1024 * 1024
export const MAX_PROTOCOL_NAME_BYTES = 128
export const MAX_CHANNEL_ID_BYTES = 1_024

/** What one remote may open here: for Mux.widen, by who serves many channels over one connection. */
export interface ChannelLimits {
  /** See MAX_REMOTE_CHANNELS, MAX_WAITING_OPENS, VAIN_OPENS_BURST. */
  readonly remoteChannels: number
  readonly waitingOpens: number
  readonly vainOpens: number
}

export const defaultChannelLimits: ChannelLimits = {
  remoteChannels: MAX_REMOTE_CHANNELS,
  waitingOpens: MAX_WAITING_OPENS,
  vainOpens: VAIN_OPENS_BURST
}
