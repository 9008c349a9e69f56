// Numbers of stores, all ours to tune.

/** Descriptors that the files of a store may hold together. */
export const MAX_OPEN_FILES = 512
/** Bytes of file pages of all logs of a store that may be kept in memory. */
export const STORE_CACHE_BYTES: number = 64 * 1024 * 1024
/** Logs that are open for peers only. */
export const MAX_IDLE_LOGS = 16_384
/** A log that is open for peers only is closed when the last is gone and no block went or came for so long. */
export const IDLE_AFTER_MS = 60_000
/**
 * An open log of which nothing is used for so long rests: only its head stays in memory, and its files are closed. The
 * next use opens them again, which takes some tenths of a millisecond.
 */
export const REST_AFTER_MS = 10_000
/** With more logs awake than this, each rests after this short while. */
export const MAX_AWAKE_LOGS = 256
export const CROWDED_REST_AFTER_MS = 1_000
/** A log that a peer opens waits so long for the place of another: less than its open does (PAIRING_TIMEOUT_MS). */
export const ROOM_WITHIN_MS = 20_000
/** When others need its place, it gives way if no block went or came for so long. */
export const BUSY_MS = 2_000
/** How often that is looked at. */
export const SWEEP_EVERY_MS = 10_000
/** One half of the journal: so much is written before all files of the store are synced. Bench: store-append. */
export const JOURNAL_BYTES: number = 4 * 1024 * 1024
/** Logs opened at the same moment because peers asked for them. */
export const MAX_OPENINGS = 16
/**
 * When an open that leads to nothing is answered, whatever the reason: so the answer does not tell whether the log is
 * held here. Longer than it takes to open a log.
 */
export const REFUSAL_AFTER_MS = 100
/** Channels of one remote over a connection of a store, each some 600 bytes, be they open or waiting. */
export const MAX_STORE_CHANNELS = 16_384
/** No limit of its own: where some 470 wait, the connection is not read on (MAX_WAITING_BYTES). */
export const MAX_STORE_WAITING_OPENS: number = MAX_STORE_CHANNELS
/** Opens of logs that are not here are no offence between stores: so many at once, then as ever. */
export const STORE_VAIN_OPENS = 4_096
/** Logs that are attached to a new connection before other events have their turn. */
export const ATTACHED_PER_TURN = 64
