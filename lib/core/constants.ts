// Limits of the core: committing, checkpoints, blocks (reliability.md sections 2, 4.1 and 5).

// ---- fixed by the protocol ----

/** Longest block that may be appended (spec log.md section 15). */
export const MAX_BLOCK_BYTES: number = 15 * 1024 * 1024
/** Lengths, byte lengths and forks (spec log.md section 15). */
export const MAX_COUNT: number = Number.MAX_SAFE_INTEGER

// ---- ours to tune ----

/** Blocks in one call of append: their sizes and leaf hashes must fit into one half of the oplog. */
export const MAX_BLOCKS_PER_APPEND = 16_384

/**
 * How far the fork number goes up where entries were lost and their owner goes on without them: among them may have
 * been truncations, whose fork numbers were signed. More than an oplog holds.
 */
export const RESUME_FORK_STEP = 65_536

/** CoreLimits.restBytes of logs in a store, most of which are short and open for a short time only. */
export const STORE_REST_BYTES: number = 8 * 1024

export interface CoreLimits {
  /** Size of one half of a new log's oplog. */
  readonly halfBytes: number
  /** Block bytes per group up to which they go inside the oplog; above it straight to `blocks`. */
  readonly inlineLimitBytes: number
  /** Fetched blocks from this length on go straight to `blocks`, if they wait for no sync. */
  readonly fetchedInlineBytes: number
  /** What one write and sync may serve. */
  readonly groupBytes: number
  readonly groupChanges: number
  /** Share of a half after which a checkpoint begins in the background. */
  readonly checkpointShare: number
  /**
   * So much may closing leave in the oplog, synced, to be read again by whoever opens the log next, instead of bringing
   * it into the other files; 0: nothing.
   */
  readonly restBytes: number
  /** At level `process`: how long a change may stay unsynced, and unpublished. */
  readonly syncAfterMs: number
  /** After so long without a commit the seal is synced. */
  readonly sealAfterMs: number
  /** First delay before a failed background checkpoint is tried again; it doubles. */
  readonly retryAfterMs: number
}

export const defaultLimits: CoreLimits = {
  halfBytes: 1024 * 1024,
  inlineLimitBytes: 256 * 1024,
  fetchedInlineBytes: 16 * 1024,
  groupBytes: 4 * 1024 * 1024,
  groupChanges: 1024,
  checkpointShare: 0.5,
  restBytes: 0,
  syncAfterMs: 100,
  sealAfterMs: 1000,
  retryAfterMs: 100
}
