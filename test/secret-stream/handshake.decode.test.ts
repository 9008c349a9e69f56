// T-FUZZ of what comes before any authentication: transport frames, each Noise message of XX and IK, header frames;
// and of ciphertext after it.
import { test } from 'brittle'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { Opener, Sealer } from '../../lib/crypto/secretstream.ts'
import { ProtocolError } from '../../lib/errors.ts'
import { HandshakeState } from '../../lib/noise/handshake-state.ts'
import { Unframer, writeLengthPrefix } from '../../lib/secret-stream/framing.ts'
import { decodeHeader, encodeHeader } from '../../lib/secret-stream/handshake.ts'
import { concat } from '../../lib/util/bytes.ts'
import { type DecodeTarget, fuzzDecoder, tellAll } from '../helpers/decode-fuzz.ts'
import type { SeededRandom } from '../helpers/random.ts'

const TIMEOUT = { timeout: 3_600_000 }
const MAX_BODY = 70_000

const seed = (value: number): Uint8Array => new Uint8Array(32).fill(value)
const [ours, theirs] = [createKeyPair(seed(1)), createKeyPair(seed(2))]
const [ourEphemeral, theirEphemeral] = [createKeyPair(seed(3)), createKeyPair(seed(4))]

function frames(random: SeededRandom): Uint8Array {
  const parts: Uint8Array[] = []
  for (let i = random.int(4); i >= 0; i--) {
    const body = random.bytes(1 + random.int(40))
    const prefix = new Uint8Array(3)
    writeLengthPrefix(prefix, 0, body.byteLength)
    parts.push(prefix, body)
  }
  return concat(parts)
}

/** All frames, the bytes coming in small and large chunks. */
function unframe(bytes: Uint8Array): number {
  const unframer = new Unframer()
  const step = Math.max(1, (bytes.byteLength * 7) % 97)
  let byteLength = 0
  for (let at = 0; at < bytes.byteLength; at += step) {
    unframer.push(bytes.subarray(at, at + step))
    for (let frame = unframer.next(1, MAX_BODY); frame !== null; ) {
      byteLength += frame.byteLength
      frame = unframer.next(1, MAX_BODY)
    }
  }
  return byteLength + unframer.gatheredBytes
}

/** The side that reads message number `index`, with the messages before it exchanged; and that message. */
function noiseAt(
  pattern: 'XX' | 'IK',
  index: number
): { reader: HandshakeState; next: Uint8Array } {
  const initiator = new HandshakeState({
    pattern,
    isInitiator: true,
    staticKeyPair: ours,
    ephemeralKeyPair: ourEphemeral,
    remotePublicKey: pattern === 'IK' ? theirs.publicKey : undefined
  })
  const responder = new HandshakeState({
    pattern,
    isInitiator: false,
    staticKeyPair: theirs,
    ephemeralKeyPair: theirEphemeral
  })
  let [writer, reader] = [initiator, responder]
  for (let i = 0; i < index; i++) {
    reader.readMessage(writer.writeMessage())
    ;[writer, reader] = [reader, writer]
  }
  return { reader, next: writer.writeMessage() }
}

function noiseTarget(pattern: 'XX' | 'IK', index: number): DecodeTarget {
  const { next } = noiseAt(pattern, index)
  return {
    name: `Noise ${pattern} message ${index + 1}`,
    sample: () => next.slice(),
    decode(bytes) {
      const { reader } = noiseAt(pattern, index)
      return reader.readMessage(bytes)
    },
    errors: ['ProtocolError'],
    inputs: 1_500
  }
}

const handshakeHash = new Uint8Array(64).fill(9)
const key = seed(7)
const pinnedHeader = new Uint8Array(24).fill(5)

function sealed(random: SeededRandom): Uint8Array {
  const sealer = new Sealer(key, pinnedHeader)
  const plain = random.bytes(random.int(60))
  const body = new Uint8Array(plain.byteLength + 17)
  sealer.seal(body, plain)
  return body
}

const targets: readonly DecodeTarget[] = [
  {
    name: 'transport frames',
    sample: frames,
    decode: unframe,
    errors: ['ProtocolError'],
    fields: () => [0, 1, 2]
  },
  noiseTarget('XX', 0),
  noiseTarget('XX', 1),
  noiseTarget('XX', 2),
  noiseTarget('IK', 0),
  noiseTarget('IK', 1),
  {
    name: 'header frame',
    sample: (random) => encodeHeader(handshakeHash, true, random.bytes(24)),
    decode: (bytes) => decodeHeader(bytes, handshakeHash, true),
    errors: ['ProtocolError'],
    check: (value) =>
      (value as Uint8Array).byteLength === 24 ? null : 'a header of another length'
  },
  {
    name: 'sealed message',
    sample: sealed,
    decode(bytes) {
      const opener = new Opener(key, pinnedHeader)
      const body = bytes.slice()
      if (body.byteLength < 17) throw new ProtocolError('BAD_MESSAGE', 'The unframer refuses it')
      return opener.open(body.subarray(1, body.byteLength - 16), body) ? body : null
    },
    errors: ['ProtocolError']
  }
]

test('T-FUZZ transport, handshake, ciphertext', TIMEOUT, (t) => {
  const all = targets.map((each, i) => fuzzDecoder(t, each, i + 31))
  tellAll(t, 'T-FUZZ secret-stream', all)
  t.pass()
})

test('T-FUZZ a changed message is never opened', (t) => {
  const body = sealed({ next: () => 0, int: (max) => max - 1, bytes: (n) => new Uint8Array(n) })
  let opened = 0
  for (let bit = 0; bit < body.byteLength * 8; bit++) {
    const changed = body.slice()
    changed[bit >>> 3]! ^= 1 << (bit & 7)
    const opener = new Opener(key, pinnedHeader)
    if (opener.open(changed.subarray(1, changed.byteLength - 16), changed)) opened++
  }
  t.is(opened, 0, `${body.byteLength * 8} bits`)
})
