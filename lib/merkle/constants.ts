// Limits of the tree and of proofs.

// Fixed by arithmetic

/**
 * Blocks. A leaf is twice its block, and the sibling of a node twice as far again: up to here every
 * nodeIndex met on the way is an exact integer below 2^53.
 */
export const MAX_LENGTH: number = 2 ** 51

// Ours to tune

/** Nodes in all lists of one proof together: two paths, the roots, and twice what joins two lengths need less. */
export const MAX_PROOF_NODES = 256
/** Hashes that share one buffer: keeping one of them keeps at most 4 KiB. */
export const SLAB_HASHES = 128
/** Hashes that are computed in one call; bounds the scratch memory. */
export const LEVEL_CHUNK_HASHES = 256
