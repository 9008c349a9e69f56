// The numbers of the Noise handshake (spec channel.md section 1.1).

// Fixed by the protocol

export const DH_BYTES = 32
export const CIPHER_KEY_BYTES = 32
/** The largest message of the Noise specification, which leaves room for any payload of ours. */
export const MAX_NOISE_MESSAGE_BYTES = 65535
/** BLAKE2b's block, which HMAC pads its key to. */
export const HASH_BLOCK_BYTES = 128
