// The errors of the façade: one class, whose code says what happened, with the codes that npm `hypercore-errors`
// documents. What Logwood throws below is translated here, once, and kept as the cause.
import { keyToText } from '../core/key-text.ts'
import { type ErrorCode, LogwoodError } from '../errors.ts'

export type HypercoreErrorCode =
  | 'ERR_ASSERTION'
  | 'BAD_ARGUMENT'
  | 'STORAGE_EMPTY'
  | 'STORAGE_CONFLICT'
  | 'INVALID_SIGNATURE'
  | 'INVALID_CAPABILITY'
  | 'INVALID_CHECKSUM'
  | 'INVALID_OPERATION'
  | 'INVALID_PROOF'
  | 'BLOCK_NOT_AVAILABLE'
  | 'SNAPSHOT_NOT_AVAILABLE'
  | 'REQUEST_CANCELLED'
  | 'REQUEST_TIMEOUT'
  | 'SESSION_NOT_WRITABLE'
  | 'SESSION_CLOSED'
  | 'OPLOG_CORRUPT'
  | 'INVALID_OPLOG_VERSION'
  | 'WRITE_FAILED'
  | 'DECODING_ERROR'

export class HypercoreError extends Error {
  readonly code: HypercoreErrorCode
  /** Of the core that it is about; null if it is about none. */
  readonly discoveryKey: Uint8Array | null

  constructor(
    code: HypercoreErrorCode,
    message: string,
    options: { discoveryKey?: Uint8Array | null; cause?: unknown } = {}
  ) {
    const { discoveryKey = null, cause } = options
    const about = discoveryKey === null ? '' : ` (discovery key: ${keyToText(discoveryKey)})`
    super(`${code}: ${message}${about}`, cause === undefined ? undefined : { cause })
    this.name = 'HypercoreError'
    this.code = code
    this.discoveryKey = discoveryKey
  }
}

/** What each of Logwood's codes is called there. Those that are missing have no counterpart, and pass as they are. */
const CODES: Partial<Record<ErrorCode, HypercoreErrorCode>> = {
  INVALID_ARGUMENT: 'BAD_ARGUMENT',
  UNKNOWN_OPTION: 'BAD_ARGUMENT',
  LIMIT_EXCEEDED: 'BAD_ARGUMENT',
  CLOSED: 'SESSION_CLOSED',
  NOT_WRITABLE: 'SESSION_NOT_WRITABLE',
  BEHIND: 'SESSION_NOT_WRITABLE',
  FROZEN: 'SESSION_NOT_WRITABLE',
  ABORTED: 'REQUEST_CANCELLED',
  TIMEOUT: 'REQUEST_TIMEOUT',
  NOT_AVAILABLE: 'BLOCK_NOT_AVAILABLE',
  WRITE_FAILED: 'WRITE_FAILED',
  CORRUPT: 'OPLOG_CORRUPT',
  WRONG_KEY: 'STORAGE_CONFLICT',
  FORMAT_TOO_NEW: 'INVALID_OPLOG_VERSION',
  NOT_FOUND: 'STORAGE_EMPTY',
  BAD_HASH: 'INVALID_CHECKSUM',
  BAD_MESSAGE: 'INVALID_PROOF',
  BAD_SIGNATURE: 'INVALID_SIGNATURE',
  BAD_MANIFEST: 'INVALID_CHECKSUM',
  BAD_CAPABILITY: 'INVALID_CAPABILITY'
}

/** The façade's error for one of Logwood's; anything else as it is. */
export function translate(error: unknown, discoveryKey: Uint8Array | null = null): unknown {
  if (!(error instanceof LogwoodError)) return error
  const code = CODES[error.code]
  if (code === undefined) return error
  return new HypercoreError(code, error.message, { discoveryKey, cause: error })
}

/** The promise's outcome, its failure translated. */
export async function translated<T>(
  work: Promise<T>,
  discoveryKey: Uint8Array | null = null
): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw translate(error, discoveryKey)
  }
}
