// Frames out of chunks: every cut gives the same frames, and prefixes outside of the limits fail at once.
import { test } from 'brittle'
import { LogwoodError } from '../../lib/errors.ts'
import { Unframer, writeLengthPrefix } from '../../lib/secret-stream/framing.ts'
import { concat } from '../../lib/util/bytes.ts'

function frameOf(body: Uint8Array): Uint8Array {
  const prefix = new Uint8Array(3)
  writeLengthPrefix(prefix, 0, body.byteLength)
  return concat([prefix, body])
}

function unframe(bytes: Uint8Array, chunkBytes: number): Uint8Array[] {
  const unframer = new Unframer()
  const frames: Uint8Array[] = []
  for (let at = 0; at < bytes.byteLength; at += chunkBytes) {
    unframer.push(bytes.slice(at, at + chunkBytes))
    for (let frame = unframer.next(0, 0xffffff); frame !== null; ) {
      frames.push(frame.slice())
      frame = unframer.next(0, 0xffffff)
    }
  }
  return frames
}

function codeOf(run: () => unknown): string | null {
  try {
    run()
    return null
  } catch (error) {
    return error instanceof LogwoodError ? error.code : 'untyped'
  }
}

test('framing: hello', (t) => {
  t.alike([...frameOf(new TextEncoder().encode('hello'))], [5, 0, 0, 0x68, 0x65, 0x6c, 0x6c, 0x6f])
})

test('framing: all cuts', (t) => {
  const bodies = [0, 1, 2, 100, 4095, 4096, 20_000, 200_000, 70_000].map((byteLength, seed) => {
    const body = new Uint8Array(byteLength)
    for (let i = 0; i < byteLength; i++) body[i] = (i * 31 + seed) & 0xff
    return body
  })
  const bytes = concat(bodies.map(frameOf))
  for (const chunkBytes of [1, 2, 3, 5, 1000, 4095, 4096, 4097, 65_536, bytes.byteLength]) {
    t.alike(unframe(bytes, chunkBytes), bodies, `chunks of ${chunkBytes}`)
  }
})

test('framing: chunks that wait', (t) => {
  const unframer = new Unframer()
  const body = new Uint8Array([1, 2, 3])
  for (const byte of concat([frameOf(body), frameOf(body)])) unframer.push(new Uint8Array([byte]))
  t.alike(unframer.next(1, 9), body)
  t.alike(unframer.next(1, 9), body)
  t.is(unframer.next(1, 9), null)
  t.absent(unframer.isMidFrame)
})

test('framing: limits at the prefix', (t) => {
  const announce = (byteLength: number): Unframer => {
    const prefix = new Uint8Array(3)
    writeLengthPrefix(prefix, 0, byteLength)
    const unframer = new Unframer()
    unframer.push(prefix)
    return unframer
  }
  t.is(
    codeOf(() => announce(16).next(17, 100)),
    'BAD_MESSAGE'
  )
  t.is(
    codeOf(() => announce(17).next(17, 100)),
    null
  )
  t.is(
    codeOf(() => announce(100).next(17, 100)),
    null
  )
  t.is(
    codeOf(() => announce(101).next(17, 100)),
    'LIMIT_EXCEEDED'
  )
  t.is(
    codeOf(() => announce(0).next(1, 100)),
    'BAD_MESSAGE',
    'zero fails without another byte'
  )
})
