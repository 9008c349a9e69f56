// Reads test/vectors/*.json; the shape that a test expects is named by the caller.
import { readFileSync } from 'node:fs'
import { fromHex } from '../../lib/util/bytes.ts'

export function loadVectors<T>(name: 'log' | 'channel' | 'replication'): T {
  const url = new URL(`../../../test/vectors/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(url, 'utf-8')) as T
}

/** Bytes of hex text that a vector file holds. */
export function hex(text: string): Uint8Array {
  const bytes = fromHex(text)
  if (bytes === null) throw new Error(`Not hex: ${text}`)
  return bytes
}
