// The primitive codecs against compact-encoding 3.5.2 (spec channel.md section 4).
import { test } from 'brittle'
import { LogwoodError } from '../../lib/errors.ts'
import { toHex } from '../../lib/util/bytes.ts'
import {
  buffer,
  type Codec,
  decode,
  encode,
  fixed32,
  fixed64,
  json,
  list,
  optionalBuffer,
  raw,
  uint,
  uint32,
  uint64,
  utf8
} from '../../lib/util/codec.ts'
import { hex, loadVectors } from '../helpers/vectors.ts'

interface Vectors {
  compactEncoding: { codec: string; value: unknown; bytes: string | null; decoded: unknown }[]
  compactEncodingDecode: {
    codec: string
    bytes: string
    decoded: unknown
    error: string | null
  }[]
}

const codecs: Record<string, Codec<unknown>> = {
  uint,
  uint32,
  uint64,
  buffer,
  optionalBuffer,
  fixed32,
  fixed64,
  raw,
  string: utf8,
  json,
  'array(uint)': list(uint),
  'array(string)': list(utf8)
}
const vectors = loadVectors<Vectors>('channel')

/** The vectors' notation: bytes as text that begins with "hex:". */
function fromNotation(value: unknown): unknown {
  if (value === 'NaN') return Number.NaN
  if (typeof value === 'string' && value.startsWith('hex:')) return hex(value.slice(4))
  return value
}

function toNotation(value: unknown): unknown {
  return value instanceof Uint8Array ? `hex:${toHex(value)}` : value
}

test('codecs: encode and decode', async (t) => {
  for (const { codec: name, value, bytes, decoded } of vectors.compactEncoding) {
    const codec = codecs[name]
    if (codec === undefined) continue
    const label = `${name} ${String(value).slice(0, 40)}`
    if (bytes === null) {
      await t.exception(() => encode(codec, fromNotation(value)), undefined, label)
      continue
    }
    t.is(toHex(encode(codec, fromNotation(value))), bytes, label)
    t.alike(toNotation(decode(codec, hex(bytes))), decoded, label)
  }
})

test('codecs: decode', (t) => {
  for (const { codec: name, bytes, decoded, error } of vectors.compactEncodingDecode) {
    const codec = codecs[name]
    if (codec === undefined) continue
    let result: unknown
    let code: string | null = null
    try {
      result = decode(codec, hex(bytes))
    } catch (failure) {
      code = failure instanceof LogwoodError ? failure.code : 'untyped'
    }
    const label = `${name} ${bytes}`
    if (error === null) t.alike(toNotation(result), decoded, label)
    else t.ok(code === 'BAD_MESSAGE' || code === 'LIMIT_EXCEEDED', label)
  }
})
