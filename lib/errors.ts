// The errors of Logwood. The class says what to do, the code what happened; `cause` keeps the origin.
// Codes are the contract, messages may change. Keys in messages are discovery keys, never log keys.

export type ErrorCode =
  | 'INVALID_ARGUMENT'
  | 'UNKNOWN_OPTION'
  | 'CLOSED'
  | 'NOT_WRITABLE'
  | 'LOCKED'
  | 'FROZEN'
  | 'BEHIND'
  | 'OUTDATED'
  | 'ABORTED'
  | 'TIMEOUT'
  | 'NOT_AVAILABLE'
  | 'READ_FAILED'
  | 'WRITE_FAILED'
  | 'CORRUPT'
  | 'WRONG_KEY'
  | 'FORMAT_TOO_NEW'
  | 'NOT_FOUND'
  | 'BAD_MESSAGE'
  | 'BAD_HANDSHAKE'
  | 'BAD_CAPABILITY'
  | 'LIMIT_EXCEEDED'
  | 'BAD_HASH'
  | 'BAD_SIGNATURE'
  | 'BAD_MANIFEST'
  | 'CONFLICT'
  | 'MALFORMED'
  | 'UNSUPPORTED'
  | 'TOO_DEEP'
  | 'GONE'
  | 'BAD_VERSION'
  | 'COLLISION'
  | 'CONDITION_FAILED'
  | 'KEY_INVALID'
  | 'TOO_LARGE'
  | 'INCOMPLETE'

/** Base of every error that Logwood throws on purpose. */
export class LogwoodError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.code = code
  }
}

/** The caller is wrong: fix the call. INVALID_ARGUMENT, UNKNOWN_OPTION, KEY_INVALID, TOO_LARGE, BAD_VERSION. */
export class ArgumentError extends LogwoodError {}

/**
 * Not now: the thing is closed, locked, frozen, not writable, or not as it was. CLOSED, NOT_WRITABLE, LOCKED, FROZEN,
 * BEHIND, OUTDATED, CONDITION_FAILED, COLLISION.
 */
export class StateError extends LogwoodError {}

/** You asked us to stop. ABORTED, TIMEOUT. */
export class AbortError extends LogwoodError {}

/** Nobody reachable has it. NOT_AVAILABLE; GONE if its writer cut it off. */
export class UnavailableError extends LogwoodError {}

/** The disk failed, or lies. READ_FAILED, WRITE_FAILED, CORRUPT, WRONG_KEY, FORMAT_TOO_NEW, NOT_FOUND. */
export class StorageError extends LogwoodError {}

/** The remote's bytes are not the protocol. BAD_MESSAGE, BAD_HANDSHAKE, BAD_CAPABILITY, LIMIT_EXCEEDED. */
export class ProtocolError extends LogwoodError {}

/**
 * The remote's proof is false. BAD_HASH, BAD_SIGNATURE, BAD_MANIFEST; BAD_MESSAGE for a malformed shape; INCOMPLETE if it
 * proves too little.
 */
export class ProofError extends LogwoodError {}

/** One key signed two histories. CONFLICT. */
export class ConflictError extends LogwoodError {}

/** The log's writer signed blocks that are not of the format that they are read as. MALFORMED, UNSUPPORTED, TOO_DEEP. */
export class FormatError extends LogwoodError {
  /** The block. */
  readonly index: number

  constructor(code: 'MALFORMED' | 'UNSUPPORTED' | 'TOO_DEEP', index: number, problem: string) {
    super(code, `Block ${index}: ${problem}`)
    this.index = index
  }
}
