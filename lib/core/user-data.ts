// User data: bytes by name that belong to this copy of a log: durable like its blocks, never sent to anybody (spec
// log.md section 13). Each header states all of them, an entry changes one. A value of this type never changes.
//
//   all: uint count | per name: string name | buffer value
//   one: string name | u8 kept (0: removed) | buffer value, if kept
// Example, "a" is 0102: all 01 01 61 02 01 02, one 01 61 01 02 01 02
import { ArgumentError } from '../errors.ts'
import { copyOf, fromUtf8 } from '../util/bytes.ts'
import { boundedString, buffer, type Codec, list } from '../util/codec.ts'
import { checkBytes } from '../util/options.ts'
import {
  MAX_USER_DATA_NAME_BYTES,
  MAX_USER_DATA_NAMES,
  MAX_USER_DATA_TOTAL_BYTES
} from './limits.ts'

export type UserData = ReadonlyMap<string, Uint8Array>

/** One name set anew; null: removed. */
export interface UserDataChange {
  readonly name: string
  readonly value: Uint8Array | null
}

export const NO_USER_DATA: UserData = new Map()

const nameCodec = boundedString(MAX_USER_DATA_NAME_BYTES)
/** Bytes that an item takes besides its name and value, at most. */
const ITEM_BYTES = 8

const item: Codec<readonly [string, Uint8Array]> = {
  preencode(state, [name, value]) {
    nameCodec.preencode(state, name)
    buffer.preencode(state, value)
  },
  encode(state, [name, value]) {
    nameCodec.encode(state, name)
    buffer.encode(state, value)
  },
  decode: (state) => [nameCodec.decode(state), copyOf(buffer.decode(state))]
}
const items = list(item, MAX_USER_DATA_NAMES)

export const userDataCodec: Codec<UserData> = {
  preencode: (state, data) => items.preencode(state, [...data]),
  encode: (state, data) => items.encode(state, [...data]),
  decode: (state) => new Map(items.decode(state))
}

export const userDataChangeCodec: Codec<UserDataChange> = {
  preencode(state, { name, value }) {
    nameCodec.preencode(state, name)
    state.end++
    if (value !== null) buffer.preencode(state, value)
  },
  encode(state, { name, value }) {
    nameCodec.encode(state, name)
    state.buffer[state.start++] = value === null ? 0 : 1
    if (value !== null) buffer.encode(state, value)
  },
  decode(state) {
    const name = nameCodec.decode(state)
    const kept = state.buffer[state.start++] === 1
    return { name, value: kept ? copyOf(buffer.decode(state)) : null }
  }
}

export function withChange(data: UserData, { name, value }: UserDataChange): UserData {
  const next = new Map(data)
  if (value === null) next.delete(name)
  else next.set(name, value)
  return next
}

/** @throws ArgumentError INVALID_ARGUMENT; LIMIT_EXCEEDED: it all has to fit into each header */
export function checkUserData(data: UserData, change: UserDataChange): void {
  const nameBytes = typeof change.name === 'string' ? fromUtf8(change.name).byteLength : 0
  if (nameBytes === 0 || nameBytes > MAX_USER_DATA_NAME_BYTES) {
    throw new ArgumentError(
      'INVALID_ARGUMENT',
      `A name of user data has 1 to ${MAX_USER_DATA_NAME_BYTES} bytes, got ${nameBytes}`
    )
  }
  if (change.value === null) return
  checkBytes(change.value, 'user data')
  const after = withChange(data, change)
  let total = 0
  for (const [name, value] of after)
    total += fromUtf8(name).byteLength + value.byteLength + ITEM_BYTES
  if (total <= MAX_USER_DATA_TOTAL_BYTES && after.size <= MAX_USER_DATA_NAMES) return
  throw new ArgumentError(
    'LIMIT_EXCEEDED',
    `User data of ${total} bytes under ${after.size} names; at most ${MAX_USER_DATA_TOTAL_BYTES} bytes under ${MAX_USER_DATA_NAMES} names are kept`
  )
}
