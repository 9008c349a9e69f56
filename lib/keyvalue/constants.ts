// Numbers of the key-value store (spec hamt.md).

// Fixed by the format.

export const MAJOR = 1
export const MINOR = 0
/** Slots of a branch: one per symbol. */
export const FANOUT = 16
/** Symbols of one component's digest. */
export const DIGEST_SYMBOLS = 32
/** Symbols of one component: its digest, and whether more components follow. */
export const COMPONENT_SYMBOLS: number = DIGEST_SYMBOLS + 1
/** Symbols of one byte of an ordered key. */
export const ORDERED_BYTE_SYMBOLS = 3
export const SEED_BYTES = 32
export const MAX_COMPONENTS = 64
export const MAX_KEY_BYTES = 4096
export const MAX_ORDERED_KEY_BYTES = 1024
/** Longest value that may stand in a leaf. */
export const MAX_INLINE_BYTES = 4096
/** Of a value in blocks of its own: all but the last have exactly so many bytes. */
export const VALUE_CHUNK_BYTES = 65_536
export const MAX_VALUE_BYTES: number = 2 ** 40
/** A reader refuses longer commits and pages. */
export const MAX_READ_BLOCK_BYTES = 131_072
/** Levels are below that: those of 64 components hashed, or of 1,024 bytes ordered. */
export const MAX_LEVELS: number = Math.max(
  COMPONENT_SYMBOLS * MAX_COMPONENTS,
  ORDERED_BYTE_SYMBOLS * MAX_ORDERED_KEY_BYTES + 1
)
/** Jumps from block to block in one walk from a head to a leaf. */
export const MAX_HOPS = 192
/** Bits of one age in a branch. */
export const MAX_WIDTH = 53
/** In the place of a width: the branch has no pointers. */
export const NO_POINTERS = 63
export const MAX_SPAN_DIGITS = 6
export const MAX_INLINE_SPANS = 7

// Ours to tune.

/** A writer's commits and pages are not longer; half of what readers take. */
export const MAX_WRITTEN_BLOCK_BYTES = 65_536
/** What a page aims at: near a network packet. */
export const PAGE_BYTES = 1024
export const MIN_PAGE_BYTES = 24
export const MAX_PAGE_BYTES = 16_384
/** Values up to here stand in their leaf: longer ones would weigh on the gets of their neighbours. */
export const INLINE_BYTES = 512
/** Operations of one batch. */
export const MAX_BATCH_OPERATIONS: number = 2 ** 20
/** Single operations that came while another group was written and are written as one. */
export const MAX_JOINED_OPERATIONS = 4096
/** Keys and values of one batch. */
export const MAX_BATCH_BYTES: number = 256 * 2 ** 20
/** Blocks of the log that a store keeps in memory. */
export const CACHE_BYTES: number = 16 * 2 ** 20
/** Blocks that an iteration asks peers for before it needs them. */
export const AHEAD_BLOCKS = 256
/** Versions so few blocks apart are compared by the operations between them. */
export const MAX_HISTORY_DIFF_BLOCKS = 512
/** Blocks of one append: larger groups take several, and count only once their commit is there. */
export const MAX_APPENDED_BLOCKS = 8192
/** Operations after which an index checkpoint may be due. */
export const MIN_CHECKPOINT_OPERATIONS = 1024
/** Of the live keys: after so many operations one is due. */
export const CHECKPOINT_FRACTION: number = 1 / 4
/** With low latency: operations between checkpoints. */
export const TIER_OPERATIONS = 4096
/** With low latency: a checkpoint is merged that covers fewer than so many times the operations since. */
export const TIER_FACTOR = 2
/** Checkpoints of more live keys are written only when asked for: their pages would take more than 64 MiB. */
export const MAX_AUTOMATIC_KEYS = 13_000_000
/** A subtree up to so many bytes may be one page of a checkpoint. */
export const MAX_WHOLE_BYTES = 32_768
/** Keys of one portable proof. */
export const MAX_PROVEN_KEYS = 256
