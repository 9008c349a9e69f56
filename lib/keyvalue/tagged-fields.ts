// Tagged fields of headers and commits: a type, a length, bytes. Unknown odd types are ignored, unknown even ones refused,
// so that what must not be misread is not (spec hamt.md sections 5.2 and 14).
import { FormatError } from '../errors.ts'
import type { ByteReader } from './byte-reader.ts'

/** @throws FormatError UNSUPPORTED, MALFORMED */
export function skipFields(reader: ByteReader, byteLength: number): void {
  const end = reader.at + byteLength
  if (end > reader.end) reader.fail('its fields end behind it')
  while (reader.at < end) {
    const type = reader.varint()
    if (type % 2 === 0) {
      throw new FormatError('UNSUPPORTED', reader.seq, `it needs a reader that knows field ${type}`)
    }
    reader.skip(reader.varint())
  }
  if (reader.at !== end) reader.fail('its fields end behind it')
}
