// Checks of public option objects: an unknown key is a mistake that should be heard of, not ignored.
import { ArgumentError } from '../errors.ts'

/**
 * @throws ArgumentError UNKNOWN_OPTION, naming the key and the call; INVALID_ARGUMENT if options is no object
 */
export function checkOptions(options: unknown, allowed: readonly string[], call: string): void {
  if (options === undefined) return
  if (typeof options !== 'object' || options === null) {
    throw new ArgumentError('INVALID_ARGUMENT', `${call}: options must be an object`)
  }
  for (const key of Object.keys(options)) {
    if (!allowed.includes(key)) {
      const known = allowed.join(', ')
      throw new ArgumentError(
        'UNKNOWN_OPTION',
        `${call}: unknown option "${key}" (known: ${known})`
      )
    }
  }
}

/** @throws ArgumentError INVALID_ARGUMENT unless value is an integer in [min, 2^53 - 1] */
export function checkInteger(value: unknown, min: number, what: string): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < min) {
    throw new ArgumentError(
      'INVALID_ARGUMENT',
      `${what} must be an integer of at least ${min}, got ${String(value)}`
    )
  }
}

/** @throws ArgumentError INVALID_ARGUMENT unless value is byteLength bytes (any number if undefined) */
export function checkBytes(
  value: unknown,
  what: string,
  byteLength?: number
): asserts value is Uint8Array {
  if (!(value instanceof Uint8Array)) {
    throw new ArgumentError('INVALID_ARGUMENT', `${what} must be a Uint8Array`)
  }
  if (byteLength !== undefined && value.byteLength !== byteLength) {
    throw new ArgumentError(
      'INVALID_ARGUMENT',
      `${what} must have ${byteLength} bytes, got ${value.byteLength}`
    )
  }
}
