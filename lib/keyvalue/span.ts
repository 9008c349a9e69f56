// Span: a subtree cut into 16^k pages that lie one after the other (spec hamt.md sections 4 and 5.6).
import type { ByteReader } from './byte-reader.ts'
import { FANOUT, MAX_LEVELS, MAX_SPAN_DIGITS } from './constants.ts'
import { digitsFrom, type Path } from './path.ts'

export interface Span {
  /** Of the first of its digits. */
  readonly level: number
  /** Digits: 1 to 6. */
  readonly digits: number
  /** Of the first page. */
  readonly base: number
}

/** In nodes, and in the list of inline spans: the level (as a gap behind the parent's), digits, age of the base. */
export function readSpanFields(reader: ByteReader, parentLevel: number, namer: number): Span {
  const level = parentLevel + 1 + reader.varint()
  const digits = reader.byte()
  if (digits < 1 || digits > MAX_SPAN_DIGITS || level >= MAX_LEVELS || digitsFrom(level) < digits) {
    reader.fail(`a span of ${digits} digits at level ${level}`)
  }
  const age = reader.varint()
  if (age < pagesOf(digits) || age >= namer) reader.fail(`a span's base ${age} blocks before`)
  return { level, digits, base: namer - age }
}

export function pagesOf(digits: number): number {
  return FANOUT ** digits
}

/** The page for a path; -1: the path ends before. */
export function pageFor(span: Span, path: Path): number {
  if (span.level + span.digits > path.byteLength) return -1
  let page = 0
  for (let i = 0; i < span.digits; i++) page = page * FANOUT + path[span.level + i]!
  return span.base + page
}
