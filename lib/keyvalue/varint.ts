// Varints, written: seven bits per byte, low ones first (spec hamt.md section 5.1).

/** How many bytes it takes. */
export function varintBytes(value: number): number {
  let count = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) count++
  return count
}

/** Writes it at an offset; returns where it ends. */
export function encodeVarint(bytes: Uint8Array, offset: number, value: number): number {
  let at = offset
  let rest = value
  while (rest >= 0x80) {
    bytes[at++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  bytes[at++] = rest
  return at
}
