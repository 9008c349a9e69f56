// The Noise handshake against the bytes of noise-handshake 4.2.0 and noise-curve-ed 2.1.0.
import { test } from 'brittle'
import { diffieHellman } from '../../lib/crypto/dh.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { HandshakeState } from '../../lib/noise/handshake-state.ts'
import { hkdf, hmac } from '../../lib/noise/key-derivation.ts'
import { emptyMessageByteLength, type PatternName } from '../../lib/noise/patterns.ts'
import { toHex } from '../../lib/util/bytes.ts'
import { hex, loadVectors } from '../helpers/vectors.ts'

interface Side {
  staticSeed: string
  ephemeralSeed: string
  staticPublicKey: string
}
interface NoiseVector {
  name: string
  pattern: PatternName
  prologue: string
  initiator: Side
  responder: Side
  initial: { h: string; ck: string }
  messages: {
    from: string
    payload: string
    bytes: string
    h?: string
    ck?: string
    nonceAfter?: number
  }[]
  handshakeHash: string
  initiatorTx: string
  initiatorRx: string
}
interface Vectors {
  dh: { localSeed: string; remotePublicKey: string; shared: string }[]
  dhRejected: { why: string; publicKey: string }[]
  hmacBlake2b: { key: string; message: string; mac: string }[]
  hkdf: { chainingKey: string; inputKeyMaterial: string; out1: string; out2: string }[]
  noise: NoiseVector[]
}

const vectors = loadVectors<Vectors>('channel')

function stateOf(vector: NoiseVector, isInitiator: boolean): HandshakeState {
  const side = isInitiator ? vector.initiator : vector.responder
  return new HandshakeState({
    pattern: vector.pattern,
    isInitiator,
    staticKeyPair: createKeyPair(hex(side.staticSeed)),
    ephemeralKeyPair: createKeyPair(hex(side.ephemeralSeed)),
    remotePublicKey: hex(vector.responder.staticPublicKey),
    prologue: hex(vector.prologue)
  })
}

for (const vector of vectors.noise) {
  test(`noise: ${vector.name}`, (t) => {
    const initiator = stateOf(vector, true)
    const responder = stateOf(vector, false)
    t.is(toHex(initiator.symmetric.handshakeHash), vector.initial.h)
    t.is(toHex(responder.symmetric.handshakeHash), vector.initial.h)
    t.is(toHex(initiator.symmetric.chainingKey), vector.initial.ck)
    for (const message of vector.messages) {
      const isInitiator = message.from === 'initiator'
      const [sender, receiver] = isInitiator ? [initiator, responder] : [responder, initiator]
      const bytes = sender.writeMessage(hex(message.payload))
      t.is(toHex(bytes), message.bytes)
      if (message.h !== undefined) {
        t.is(toHex(sender.symmetric.handshakeHash), message.h)
        t.is(toHex(sender.symmetric.chainingKey), message.ck)
        t.is(sender.symmetric.cipher.counter, message.nonceAfter)
      }
      t.is(toHex(receiver.readMessage(bytes)), message.payload)
      t.is(toHex(bytes), message.bytes, 'the input is untouched')
    }
    const [ours, theirs] = [initiator.result, responder.result]
    if (ours === null || theirs === null) throw new Error('The handshake is not complete')
    t.is(toHex(ours.handshakeHash), vector.handshakeHash)
    t.is(toHex(theirs.handshakeHash), vector.handshakeHash)
    t.is(toHex(ours.tx), vector.initiatorTx)
    t.is(toHex(ours.rx), vector.initiatorRx)
    t.is(toHex(theirs.rx), vector.initiatorTx)
    t.is(toHex(theirs.tx), vector.initiatorRx)
    t.is(toHex(theirs.remotePublicKey ?? hex('')), vector.initiator.staticPublicKey)
    t.is(toHex(ours.remotePublicKey ?? hex('')), vector.responder.staticPublicKey)
  })
}

test('noise: Diffie-Hellman', (t) => {
  for (const { localSeed, remotePublicKey, shared } of vectors.dh) {
    const result = diffieHellman(createKeyPair(hex(localSeed)), hex(remotePublicKey))
    t.is(toHex(result ?? hex('')), shared)
  }
})

test('noise: refused keys fail the handshake', async (t) => {
  for (const { why, publicKey } of vectors.dhRejected) {
    t.is(diffieHellman(createKeyPair(), hex(publicKey)), null, why)
    const responder = new HandshakeState({ pattern: 'NN', isInitiator: false })
    responder.readMessage(hex(publicKey))
    await t.exception(() => responder.writeMessage(), /unusable key/)
    await t.exception(() => responder.readMessage(hex(publicKey)), /out of turn/)
  }
})

test('noise: HMAC and HKDF', (t) => {
  for (const { key, message, mac } of vectors.hmacBlake2b) {
    t.is(toHex(hmac(hex(key), [hex(message)])), mac)
  }
  for (const { chainingKey, inputKeyMaterial, out1, out2 } of vectors.hkdf) {
    const [first, second] = hkdf(hex(chainingKey), hex(inputKeyMaterial))
    t.is(toHex(first), out1)
    t.is(toHex(second), out2)
  }
})

test('noise: message lengths', (t) => {
  const lengths: Record<PatternName, number[]> = {
    XX: [32, 96, 64],
    IK: [96, 48],
    XK: [48, 48, 64],
    NN: [32, 48]
  }
  for (const [name, expected] of Object.entries(lengths)) {
    const pattern = name as PatternName
    t.alike(
      expected.map((_, index) => emptyMessageByteLength(pattern, index)),
      expected,
      name
    )
  }
})
