// The encrypted stream against the bytes of @hyperswarm/secret-stream 6.9.2.
import { test } from 'brittle'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { SecretStream } from '../../lib/secret-stream/secret-stream.ts'
import { concat, toHex } from '../../lib/util/bytes.ts'
import { hex, loadVectors } from '../helpers/vectors.ts'
import { ManualRaw, record, tick } from './peers.ts'

interface Side {
  staticSeed: string
  ephemeralSeed: string
}
interface Vector {
  name: string
  pattern: string
  handshakeHash: string
  initiatorPublicKey: string
  responderPublicKey: string
  initiatorTx: string
  responderTx: string
  initiatorHeader: string
  responderHeader: string
  initiatorFrames: string[]
  responderFrames: string[]
  initiatorPlaintexts: string[]
  responderPlaintexts: string[]
  initiator?: Side
  responder?: Side
}

const { secretStream: vectors } = loadVectors<{ secretStream: Vector[] }>('channel')

function streamOf(vector: Vector, isInitiator: boolean, raw: ManualRaw): SecretStream {
  const side = isInitiator ? vector.initiator : vector.responder
  const header = hex(isInitiator ? vector.initiatorHeader : vector.responderHeader)
  if (side === undefined) {
    const [tx, rx] = [hex(vector.initiatorTx), hex(vector.responderTx)]
    const keys = [hex(vector.initiatorPublicKey), hex(vector.responderPublicKey)]
    return new SecretStream({
      isInitiator,
      raw,
      pinned: { header },
      handshake: {
        tx: isInitiator ? tx : rx,
        rx: isInitiator ? rx : tx,
        hash: hex(vector.handshakeHash),
        publicKey: keys[isInitiator ? 0 : 1]!,
        remotePublicKey: keys[isInitiator ? 1 : 0]!
      }
    })
  }
  return new SecretStream({
    isInitiator,
    raw,
    pattern: vector.pattern === 'IK' ? 'IK' : 'XX',
    keyPair: createKeyPair(hex(side.staticSeed)),
    remotePublicKey: hex(isInitiator ? vector.responderPublicKey : vector.initiatorPublicKey),
    pinned: { header, ephemeralKeyPair: createKeyPair(hex(side.ephemeralSeed)) }
  })
}

for (const vector of vectors) {
  for (const isInitiator of [true, false]) {
    for (const byteAtATime of [true, false]) {
      const role = isInitiator ? 'initiator' : 'responder'
      test(`secret-stream: ${vector.name}, ${role}${byteAtATime ? ', byte by byte' : ''}`, async (t) => {
        const raw = new ManualRaw()
        const stream = streamOf(vector, isInitiator, raw)
        const recorder = record(stream)
        const ours = isInitiator ? vector.initiatorPlaintexts : vector.responderPlaintexts
        const theirs = isInitiator ? vector.responderPlaintexts : vector.initiatorPlaintexts
        for (const plaintext of ours) stream.send(hex(plaintext))
        const frames = isInitiator ? vector.responderFrames : vector.initiatorFrames
        const bytes = concat(frames.map(hex))
        if (byteAtATime) for (const byte of bytes) raw.emit('data', new Uint8Array([byte]))
        else raw.emit('data', bytes)
        await stream.opened
        await tick()
        t.alike(
          raw.frames().map(toHex),
          isInitiator ? vector.initiatorFrames : vector.responderFrames
        )
        t.alike(
          recorder.messages.map(toHex),
          theirs.filter((text) => text !== ''),
          'empty messages are dropped'
        )
        t.is(toHex(stream.handshakeHash ?? hex('')), vector.handshakeHash)
        t.ok(stream.isAuthenticated)
        t.is(stream.bytesIn, bytes.byteLength)
        stream.destroy()
      })
    }
  }
}
