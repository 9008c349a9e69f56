// Byte strings as Uint8Array. The one user of b4a.
import b4a from 'b4a'

export const emptyBytes: Uint8Array = new Uint8Array(0)

/** A zero-filled array with a buffer of its own. */
export function allocate(byteLength: number): Uint8Array {
  return new Uint8Array(byteLength)
}

/** Uninitialised bytes with a buffer of their own: for what is kept (keys, hashes, blocks). */
export function allocateOwn(byteLength: number): Uint8Array {
  return b4a.allocUnsafeSlow(byteLength)
}

/** A copy with a buffer of its own, so that keeping it does not keep a larger receive buffer alive. */
export function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = b4a.allocUnsafeSlow(bytes.byteLength)
  copy.set(bytes)
  return copy
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return b4a.concat(parts as Uint8Array[])
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && b4a.equals(a, b)
}

export function toHex(bytes: Uint8Array): string {
  return b4a.toString(bytes, 'hex')
}

/** Ignores nothing and repairs nothing: null unless text is an even number of hex digits. */
export function fromHex(text: string): Uint8Array | null {
  return /^([0-9a-f]{2})*$/i.test(text) ? b4a.from(text, 'hex') : null
}

export function toUtf8(bytes: Uint8Array): string {
  return b4a.toString(bytes, 'utf-8')
}

/** One character per byte: a name for maps. */
export function toLatin1(bytes: Uint8Array): string {
  return b4a.toString(bytes, 'latin1')
}

export function fromUtf8(text: string): Uint8Array {
  return b4a.from(text, 'utf-8')
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The same bytes as a Buffer, for those who expect one. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return b4a.toBuffer(bytes) as Buffer
}

/** Copies that share one buffer, for what is kept together: each buffer of its own takes some 100 bytes more. */
export function packed<Parts extends readonly Uint8Array[]>(
  ...parts: Parts
): { [Index in keyof Parts]: Uint8Array } {
  let byteLength = 0
  for (const part of parts) byteLength += part.byteLength
  const all = allocateOwn(byteLength)
  let end = 0
  const views = parts.map((part) => {
    const start = end
    end += part.byteLength
    all.set(part, start)
    return all.subarray(start, end)
  })
  return views as { [Index in keyof Parts]: Uint8Array }
}
