// The numbers of the encrypted stream (spec channel.md section 2, reliability.md sections 9 and 16).

// Fixed by the protocol

/** The little-endian u24 in front of every frame. */
export const LENGTH_PREFIX_BYTES = 3
/** The largest frame body that the prefix can announce. */
export const MAX_FRAME_BYTES = 0xffffff
/** The encrypted tag in front of a message's ciphertext; its MAC of 16 bytes follows. */
export const TAG_BYTES = 1
/** The largest message: a frame body without tag and MAC. */
export const MAX_MESSAGE_BYTES: number = MAX_FRAME_BYTES - 17
/** Of a transport key that is longer, the rest is not used. */
export const KEY_BYTES = 32
/** Stream id, then the secretstream header. */
export const STREAM_ID_BYTES = 32
export const HEADER_FRAME_BYTES = 56
/** Both sides derive their stream ids from this name. */
export const NAMESPACE_NAME = 'hyperswarm/secret-stream'

// Ours to tune

/** We send empty payloads; others may send more, which is dropped. No known peer does. */
export const MAX_HANDSHAKE_PAYLOAD_BYTES = 512
/** From the first byte to the remote's header. */
export const HANDSHAKE_TIMEOUT_MS = 10_000
/** After this much silence of ours an empty message is sent. The ecosystem's value. */
export const KEEP_ALIVE_MS = 5_000
/** How long the remote may take to end its side after we ended ours. */
export const CLOSE_TIMEOUT_MS = 10_000
/** A message that has been arriving for this long must come at MIN_FRAME_BYTES_PER_SECOND. */
export const SLOW_FRAME_GRACE_MS = 10_000
export const MIN_FRAME_BYTES_PER_SECOND = 8_192
/** How often that is looked at. */
export const SLOW_FRAME_CHECK_MS = 1_000
/** Messages that are still arriving, over all connections of the process; above, the largest are not read on. */
export const MAX_ASSEMBLY_BYTES: number = 64 * 1024 * 1024
/** A message that is arriving counts from here on. */
export const COUNTED_ASSEMBLY_BYTES = 16_384
/** A remote that has taken nothing of what waits for it for this long is given up. */
export const STALL_TIMEOUT_MS = 60_000
/** Messages are sealed into slabs of this size, so that many leave in one write. */
export const SLAB_BYTES = 65_536
/** The first slab of a tick, which most ticks do not fill. */
export const FIRST_SLAB_BYTES = 4_096
/** Sealed bytes that are written at once instead of waiting for the end of the tick. */
export const FLUSH_BYTES = 131_072
/** Bytes that the raw stream may hold before send reports "full". */
export const HIGH_WATER_BYTES = 262_144
/** Chunks below this are copied together while a frame is assembled, so that small pieces cost no objects. */
export const SMALL_CHUNK_BYTES = 4_096
export const GATHER_BYTES = 65_536
/** What one half of a memory pair takes before it reports "full". */
export const RAW_PAIR_HIGH_WATER_BYTES = 65_536
