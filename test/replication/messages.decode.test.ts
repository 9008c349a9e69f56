// T-FUZZ of all messages of log replication, and of the handshake of its channel.
import { test } from 'brittle'
import type { Node } from '../../lib/merkle/node.ts'
import type { Proof, ProofRequest } from '../../lib/merkle/proof.ts'
import { MAX_BITFIELD_WORDS, MAX_PROOF_NODES } from '../../lib/replication/constants.ts'
import * as wire from '../../lib/replication/messages.ts'
import { fromUtf8 } from '../../lib/util/bytes.ts'
import { type Codec, decode, encode } from '../../lib/util/codec.ts'
import { type DecodeTarget, fieldsOf, fuzzDecoder, tellAll } from '../helpers/decode-fuzz.ts'
import type { SeededRandom } from '../helpers/random.ts'

const TIMEOUT = { timeout: 3_600_000 }

function number(random: SeededRandom): number {
  const limits = [4, 253, 70_000, 2 ** 33, Number.MAX_SAFE_INTEGER]
  return random.int(limits[random.int(limits.length)]!)
}

function maybe<T>(random: SeededRandom, make: () => T): T | null {
  return random.int(2) === 0 ? null : make()
}

function nodes(random: SeededRandom): Node[] {
  return Array.from({ length: random.int(6) }, () => ({
    nodeIndex: number(random),
    byteLength: number(random),
    hash: random.bytes(32)
  }))
}

function request(random: SeededRandom): ProofRequest {
  return {
    fork: number(random),
    manifest: random.int(2) === 0,
    block: maybe(random, () => ({ index: number(random), nodes: number(random) })),
    hash: maybe(random, () => ({ nodeIndex: number(random), nodes: number(random) })),
    seek: maybe(random, () => ({ byteOffset: number(random), padding: number(random) })),
    upgrade: maybe(random, () => ({ start: number(random), length: number(random) }))
  }
}

function proof(random: SeededRandom): Proof {
  return {
    fork: number(random),
    block: maybe(random, () => ({
      index: number(random),
      value: random.bytes(random.int(40)),
      nodes: nodes(random)
    })),
    hash: maybe(random, () => ({ nodeIndex: number(random), nodes: nodes(random) })),
    seek: maybe(random, () => ({ byteOffset: number(random), nodes: nodes(random) })),
    upgrade: maybe(random, () => ({
      start: number(random),
      length: number(random),
      nodes: nodes(random),
      additionalNodes: nodes(random),
      signature: random.bytes(random.int(80))
    })),
    manifest: maybe(random, () => random.bytes(70))
  }
}

function target<T>(
  name: string,
  codec: Codec<T>,
  make: (random: SeededRandom) => T,
  check?: (value: T) => string | null
): DecodeTarget {
  return {
    name,
    sample: (random) => encode(codec, make(random)),
    decode: (bytes) => decode(codec, bytes),
    errors: ['ProtocolError'],
    fields: fieldsOf(codec as Codec<unknown>),
    ...(check === undefined ? {} : { check: (value: unknown) => check(value as T) })
  }
}

/** Every number is one that arithmetic is exact with. */
function numbersFault(value: unknown): string | null {
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) && value >= 0 ? null : `the number ${value} came out`
  }
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return null
  for (const part of Object.values(value)) {
    const fault = numbersFault(part)
    if (fault !== null) return fault
  }
  return null
}

function listsFault({ proof: { block, hash, seek, upgrade } }: wire.Data): string | null {
  const lists = [block?.nodes, hash?.nodes, seek?.nodes, upgrade?.nodes, upgrade?.additionalNodes]
  for (const list of lists) {
    if (list !== undefined && list.length > MAX_PROOF_NODES) return `${list.length} nodes came out`
  }
  return null
}

const wantOf = (random: SeededRandom): wire.Want => ({
  start: number(random),
  length: number(random),
  any: random.int(2) === 0
})

const targets: readonly DecodeTarget[] = [
  target('handshake', wire.handshakeCodec, (random) => ({
    seeks: random.int(2) === 0,
    capability: random.bytes(32)
  })),
  target(
    'sync',
    wire.syncCodec,
    (random) => ({
      fork: number(random),
      length: number(random),
      remoteLength: number(random),
      canUpgrade: random.int(2) === 0,
      uploading: random.int(2) === 0,
      downloading: random.int(2) === 0,
      hasManifest: random.int(2) === 0,
      allowPush: random.int(2) === 0
    }),
    numbersFault
  ),
  target(
    'request',
    wire.requestCodec,
    (random) => ({ id: number(random), proof: request(random), priority: random.int(2) }),
    numbersFault
  ),
  target('cancel', wire.cancelCodec, number, numbersFault),
  target(
    'data',
    wire.dataCodec,
    (random) => ({ id: number(random), proof: proof(random) }),
    (value) => numbersFault(value) ?? listsFault(value)
  ),
  target(
    'noData',
    wire.noDataCodec,
    (random) => ({ id: number(random), reason: random.int(3) }),
    numbersFault
  ),
  target('want', wire.wantCodec, wantOf, numbersFault),
  target(
    'bitfield',
    wire.bitfieldCodec,
    (random) => ({
      start: 32 * random.int(1_000),
      words: Uint32Array.from({ length: random.int(20) }, () => random.int(2 ** 32))
    }),
    (value) =>
      numbersFault(value) ??
      (value.words.length > MAX_BITFIELD_WORDS ? `${value.words.length} words came out` : null)
  ),
  target(
    'range',
    wire.rangeCodec,
    (random) => ({ drop: random.int(2) === 0, start: number(random), length: number(random) }),
    numbersFault
  ),
  target(
    'extension',
    wire.extensionCodec,
    (random) => ({ name: 'x'.repeat(random.int(20)), message: random.bytes(random.int(40)) }),
    ({ name }) => (fromUtf8(name).byteLength > 3 * 128 ? `a name of ${name.length} came out` : null)
  )
]

test('T-FUZZ messages of replication', TIMEOUT, (t) => {
  tellAll(
    t,
    'T-FUZZ replication',
    targets.map((each, i) => fuzzDecoder(t, each, i + 1))
  )
  t.pass()
})
