// Namespace constants: 32 bytes that say what a hash or signature is for (spec log.md section 4).
import { fromUtf8 } from '../util/bytes.ts'
import { hash, hashParts } from './hash.ts'

/** The first `count` constants of a name: constant k = H(H(name) ‖ u8 k). */
export function namespace(name: string, count: number): readonly Uint8Array[] {
  const base = hash(fromUtf8(name))
  return Array.from({ length: count }, (_, k) => hashParts([base, new Uint8Array([k])]))
}
