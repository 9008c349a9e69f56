// Primitive encodings, namespaces, key pairs and key derivation (spec log.md sections 1 and 4).
import { test } from 'brittle'
import { HASH_BYTES, hash, hashMany, hashParts } from '../../lib/crypto/hash.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { namespace } from '../../lib/crypto/namespace.ts'
import { sign, verify } from '../../lib/crypto/sign.ts'
import { concat, fromUtf8, toHex } from '../../lib/util/bytes.ts'
import { decode, encode, uint, uint64 } from '../../lib/util/codec.ts'
import { logVectors, seedOf } from '../core/log-vectors.ts'
import { seededRandom } from '../helpers/random.ts'
import { hex } from '../helpers/vectors.ts'

const vectors = logVectors()

test('uint and uint64', (t) => {
  for (const [codec, rows] of [
    [uint, vectors.uint],
    [uint64, vectors.uint64]
  ] as const) {
    for (const row of rows) {
      t.is(toHex(encode(codec, row.value)), row.hex)
      t.is(decode(codec, hex(row.hex)), row.value)
    }
  }
})

test('namespaces', (t) => {
  const names = [
    'TREE',
    'REPLICATE_INITIATOR',
    'REPLICATE_RESPONDER',
    'MANIFEST',
    'DEFAULT_NAMESPACE',
    'DEFAULT_ENCRYPTION'
  ]
  namespace('hypercore', 6).forEach((constant, i) => {
    t.is(toHex(constant), vectors.namespaces.hypercore[names[i] ?? ''])
  })
  t.alike(namespace('corestore', 1).map(toHex), vectors.namespaces.corestore)
  for (const { name, ids, out } of vectors.namespaces.other) {
    const constants = namespace(name, 256)
    t.alike(
      ids.map((id) => toHex(constants[id] ?? new Uint8Array(0))),
      out
    )
  }
})

test('key pairs', async (t) => {
  for (const { seed, publicKey, secretKey } of vectors.keyPairs) {
    const keyPair = createKeyPair(seedOf(seed))
    t.is(toHex(keyPair.publicKey), publicKey)
    t.is(toHex(keyPair.secretKey), secretKey)
    const message = fromUtf8('message')
    const signature = sign(message, keyPair.secretKey)
    t.ok(verify(message, signature, keyPair.publicKey))
    t.absent(verify(message, concat([signature, message]), keyPair.publicKey), 'longer signature')
    t.absent(verify(fromUtf8('massage'), signature, keyPair.publicKey))
  }
  await t.exception(() => createKeyPair(new Uint8Array(31)), /32 bytes/)
})

test('many hashes at once are the hashes one by one', (t) => {
  const random = seededRandom(1)
  for (const byteLengths of [[], [0], [1, 100, 4096, 4097, 70_000, 3]]) {
    const bodies = byteLengths.map((byteLength) => random.bytes(byteLength))
    const heads = random.bytes(9 * bodies.length)
    const outputs = bodies.map(() => new Uint8Array(HASH_BYTES))
    hashMany(outputs, heads, 9, bodies)
    bodies.forEach((body, i) => {
      const head = heads.subarray(9 * i, 9 * i + 9)
      t.is(toHex(outputs[i] ?? head), toHex(hashParts([head, body])))
    })
    hashMany(outputs, heads, 9, null)
    bodies.forEach((_, i) => {
      t.is(toHex(outputs[i] ?? heads), toHex(hash(heads.subarray(9 * i, 9 * i + 9))))
    })
  }
})
