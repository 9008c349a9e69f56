// Numbers of replication, in two groups.

// Fixed by the protocol (spec replication.md sections 2, 3, 7, 17).

export const PROTOCOL: string = 'hypercore/alpha'
export const PROTOCOL_ALIASES: readonly string[] = ['hypercore']
/** A want is remembered by stock peers if its length is a power of two up to here, in blocks, and its start a multiple. */
export const MAX_WANT_BLOCKS: number = 2 ** 21
/** Stock peers announce without being asked what lies this close to the end of the log, in blocks. */
export const UNASKED_REACH_BLOCKS: number = 256
/** Request id of conflict proofs and pushed blocks; never one of ours. */
export const UNSOLICITED_ID: number = 0

// Ours to tune.

/** Bytes asked of one peer and not arrived yet; more hides longer round trips, less wastes less on a lost peer. */
export const WINDOW_BYTES: number = 8 * 1024 * 1024
/** Requests in flight per peer, whatever the blocks' size. */
export const MIN_WINDOW_REQUESTS: number = 8
export const MAX_WINDOW_REQUESTS: number = 1024
/** With several peers, a slow one is asked for so much as it delivers in so long, and for a few blocks at least. */
export const PACE_MS: number = 2_000
export const MIN_PACE_REQUESTS: number = 32
/** What it delivered within so long counts; what comes of a doubled pace is seen within one round trip. */
export const PACE_MEMORY_MS: number = 1_000
/** Assumed while the log's average is not known. */
export const ASSUMED_BLOCK_BYTES: number = 64 * 1024
/** Blocks that arrived and are not stored yet, per log: bounds memory while the disk is slow. */
export const MAX_VERIFYING_BLOCKS: number = 4096
export const MAX_VERIFYING_BYTES: number = 32 * 1024 * 1024
/** A claim ends when its peer has delivered nothing at all for so long; then others are asked. */
export const REQUEST_TIMEOUT_MS: number = 10_000
/** The same for upgrades, of which only one is in flight per log. */
export const UPGRADE_TIMEOUT_MS: number = 3_000
/** Who did not deliver an upgrade is asked again after so long, after twice as long the next time, and so on. */
export const UPGRADE_RETRY_MS: number = 1_000
export const MAX_UPGRADE_RETRY_MS: number = 64_000
/** A block in flight for so long may be asked of a second peer. */
export const DUPLICATE_AFTER_MS: number = 500
/** … and has taken so many of its peer's usual round trips. */
export const DUPLICATE_AFTER_ROUND_TRIPS: number = 3
/** A round trip, as long as the peer has answered nothing. */
export const ASSUMED_ROUND_TRIP_MS: number = 500
/** How often expiry is looked at while anything is in flight. */
export const TICK_MS: number = 250
/** How long a log that nobody wants any more goes on downloading: a random time between, so that not all end at once. */
export const MIN_LINGER_MS: number = 20_000
export const MAX_LINGER_MS: number = 40_000
/** Channels that one connection's other end closed as idle and that we opened again: so many in a minute. */
export const MAX_REOPENINGS_PER_MINUTE: number = 16
/**
 * Questions that are still answered after a peer was told that we do not upload: it sent them before it knew. More
 * than stock peers have under way, so that none of theirs is left without an answer.
 */
export const MAX_BELATED_QUESTIONS: number = 64
/** Who waits for a rate limit looks again after so long at the latest: the limit may have changed. */
export const MAX_LIMIT_WAIT_MS: number = 1_000
/** After a failed write, how long until the next block is asked. */
export const STORAGE_RETRY_MS: number = 1_000
/** Blocks per subscribed region: a power of two, so that stock peers remember it. */
export const WANT_BLOCKS: number = 2 ** 16
/** Regions subscribed at one peer; the oldest is given up for a new one. Stock peers keep 512. */
export const MAX_WANTS: number = 256
/** Single wanted blocks or ranges looked at per question. */
export const MAX_SCAN: number = 256
/** Pages of 32,768 bits kept of what one peer announced: 4 MiB. */
export const MAX_REMOTE_PAGES: number = 1024
/** The same of what it refused although it had announced it, to tell why a block is not here: 128 KiB. */
export const MAX_REFUSED_PAGES: number = 32
/** Questions of one peer waiting for an answer; past it we stop reading from that connection. */
export const MAX_QUEUED_REQUESTS: number = 1024
/** The same for all logs of a connection. */
export const MAX_QUEUED_REQUESTS_PER_CONNECTION: number = 4096
/** Answers being made at the same time for one connection, and for all of one log: more would go to who is in debt. */
export const MAX_ANSWERS_UNDER_WAY: number = 16
export const MAX_ALL_ANSWERS_UNDER_WAY: number = 16
/** What one peer may cost in its turn, before others have theirs. */
export const SERVICE_QUANTUM_BYTES: number = 32_768
/** What an answer costs on top of its bytes, in bytes: finding and sending it. */
export const ANSWER_COST_BYTES: number = 512
/** A block that the peer was sent before costs so many times as much: who floods asks for the same again and again. */
export const REPEAT_FACTOR: number = 8
/** Pages of 32,768 bits kept of what one peer was sent: 1 MiB. */
export const MAX_SENT_PAGES: number = 256
/** Answers made in one go, in bytes; then other events have their turn. */
export const SERVICE_SLICE_BYTES: number = 131_072
/** Bytes of blocks in answers being made for one peer, by the average of the log and the last blocks sent. */
export const MAX_ANSWER_BYTES: number = 4 * 1024 * 1024
/** Wants of one peer that wait for room to be answered; past it we stop reading from that connection. */
export const MAX_QUEUED_WANTS: number = 256
/** Wants of one peer remembered; past it the peer is told of everything. */
export const MAX_REMOTE_WANTS: number = 512
/** Blocks that wait to be pushed to one peer; what comes on top is not pushed, and asked for. */
export const MAX_QUEUED_PUSHES: number = 1024
/** Of pushed blocks that came and are not stored yet, per peer: what comes on top is dropped. */
export const MAX_PUSHED_UNDER_WAY: number = 256
export const MAX_PUSHED_BYTES: number = 16 * 1024 * 1024
/** Pushed proofs that end at nothing known here, per minute: a sender may not have heard of our state. */
export const MAX_MISFIT_PUSHES_PER_MINUTE: number = 64
/** Unanswerable questions of one peer per minute; past it each costs a rest of SLOW_ANSWER_MS. */
export const MAX_INVALID_PER_MINUTE: number = 64
export const SLOW_ANSWER_MS: number = 1_000
/** A peer that is level with us by a way that we did not see is asked to prove its history at most so often. */
export const COMPARE_AFTER_MS: number = 10_000
/** Histories of one peer that are judged, each for a signature check; more of them are dropped. */
export const MAX_JUDGED_PER_MINUTE: number = 12
/** Forks that are followed without delay; then one per REORG_EVERY_MS, and so many per hour. */
export const REORG_BURST: number = 3
export const REORG_EVERY_MS: number = 10_000
export const MAX_REORGS_PER_HOUR: number = 6
/** After a fork could not be followed, how long until it is tried again. */
export const REORG_REST_AFTER_FAULT_MS: number = 1_000
/** A reorg that removes more than this, and more than half of the log, is not followed unless the user says so. */
export const MAX_REORG_DEPTH_BLOCKS: number = 10_000
/**
 * Who sent a false proof is asked nothing for so long, for twice as long the next time, and so on: longer than a log
 * that is behind waits for offers, and so that who goes on lying reaches the limit below.
 */
export const DISTRUST_MS: number = 15_000
export const MAX_DISTRUST_MS: number = 480_000
/** False proofs of one connection; so many within a minute end it. */
export const MAX_FALSE_PROOFS_PER_MINUTE: number = 3
/** Longest name of an extension message, in bytes. */
export const MAX_EXTENSION_NAME_BYTES: number = 128
/** Nodes of one list in a message; a path has at most 53, and twice that in substituted parts. */
export const MAX_PROOF_NODES: number = 256
/** Words of one bitfield message: 2^21 bits. */
export const MAX_BITFIELD_WORDS: number = 65_536
