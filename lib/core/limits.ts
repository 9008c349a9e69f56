// Limits of manifests and signature envelopes.

// Fixed by the protocol

/** Manifests of a later version are refused (spec log.md section 5). */
export const MAX_MANIFEST_VERSION = 3

// Ours to tune

/** Signers of one log; also the number of signature checks that one proof can cost. */
export const MAX_SIGNERS = 64
/** Keys that one manifest may link to. */
export const MAX_LINKED = 1024
/** Bytes of user data in a manifest. */
export const MAX_USER_DATA_BYTES = 65536
/** Nodes in a signature envelope: the patches of all signers together. */
export const MAX_PATCH_NODES = 256
/** Local user data of one log, with its names: part of each header, so less than a tenth of a half. */
export const MAX_USER_DATA_TOTAL_BYTES: number = 64 * 1024
export const MAX_USER_DATA_NAMES = 1024
export const MAX_USER_DATA_NAME_BYTES = 256
/** Bytes of a stored conflict: two heads with their roots and signatures, and the manifest. */
export const MAX_CONFLICT_BYTES: number = 256 * 1024
