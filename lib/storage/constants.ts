// Limits and layout numbers of the files of one log (reliability.md section 4).

// ---- fixed by the format ----

/** Version written, and the lowest reader version that can read what is written. */
export const FORMAT_VERSION = 1
export const MIN_READER_VERSION = 1
export const SECTOR_BYTES = 512
export const IDENTITY_OFFSETS: readonly number[] = [0, 512]
export const SEAL_OFFSETS: readonly number[] = [1024, 1536]
/** Where half 0 of the oplog begins. */
export const HALVES_OFFSET = 4096
export const ENTRY_ALIGNMENT = 8
export const ENTRY_HEADER_BYTES = 37
export const SALT_BYTES = 8
export const NODE_BYTES = 48
export const PRESENCE_PAGE_BYTES = 4096
/** Page number and checksum. */
export const PRESENCE_PAGE_PREFIX_BYTES = 8
export const PRESENCE_PAGE_BITS: number = (PRESENCE_PAGE_BYTES - PRESENCE_PAGE_PREFIX_BYTES) * 8

// ---- ours to tune ----

/** A half is prewritten with zeros up to this, then to twice that, and so on: later syncs change no length. */
export const FIRST_PREWRITE_BYTES: number = 16 * 1024
/** Cached pages of all files of one log, and buffers. Bench: random reads of a 200,000-block log. */
export const CACHE_BYTES: number = 28 * 1024 * 1024
/** 256 records: the nodes of 128 blocks lie in one page. A multiple of NODE_BYTES. */
export const NODE_PAGE_BYTES: number = 256 * NODE_BYTES
export const BLOCK_PAGE_BYTES: number = 16 * 1024
/** Blocks up to here are read through cached pages, longer ones directly. */
export const CACHED_BLOCK_BYTES: number = 4 * 1024
/**
 * Reads up to here are done synchronously: what is in the system's page cache is copied faster than a hop to
 * the thread pool and back takes (bench: copy-64k-tcp).
 */
export const SYNC_READ_BYTES: number = 64 * 1024
/** Buffers of read blocks that are kept to be used again: so many, and this share of the cache at most. */
export const POOL_BYTES: number = 4 * 1024 * 1024
export const POOL_SHARE: number = 1 / 7
/** Writes up to here may be done synchronously at level `process`. */
export const SYNC_WRITE_BYTES: number = 128 * 1024
/** Pieces of a checkpoint up to here are written at once, so many of them before the event loop gets its turn. */
export const SCATTERED_WRITE_BYTES: number = 16 * 1024
export const SCATTERED_WRITES_PER_TURN = 64
/** Clean presence pages that are kept next to the changed ones. */
export const SPARE_PRESENCE_PAGES = 16
/** A remembered byte offset per so many blocks: those under one page of nodes. */
export const OFFSET_STEP_BLOCKS = 128
export const OFFSET_CACHE_ENTRIES = 16_384
/** Bytes of suspected entries that the search for lost ones may checksum, so that crafted blocks cannot stall it. */
export const SCAN_CHECKSUM_BYTES: number = 64 * 1024 * 1024
/** How long a taken-over lock must stay ours before we believe it. */
export const LOCK_SETTLE_MS = 50
