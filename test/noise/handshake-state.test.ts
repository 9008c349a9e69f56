// The Noise handshake on bad input, and the pattern without vectors.
import { test } from 'brittle'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { LogwoodError } from '../../lib/errors.ts'
import { HandshakeState } from '../../lib/noise/handshake-state.ts'

function codeOf(run: () => unknown): string | null {
  try {
    run()
    return null
  } catch (error) {
    if (error instanceof LogwoodError) return error.code
    throw error
  }
}

function xx(isInitiator: boolean): HandshakeState {
  return new HandshakeState({ pattern: 'XX', isInitiator, staticKeyPair: createKeyPair() })
}

test('noise: NN', (t) => {
  const initiator = new HandshakeState({ pattern: 'NN', isInitiator: true })
  const responder = new HandshakeState({ pattern: 'NN', isInitiator: false })
  responder.readMessage(initiator.writeMessage())
  initiator.readMessage(responder.writeMessage())
  t.alike(initiator.result?.tx, responder.result?.rx)
  t.alike(initiator.result?.handshakeHash, responder.result?.handshakeHash)
  t.is(initiator.result?.remotePublicKey, null)
})

test('noise: each changed byte of each message fails', (t) => {
  const failures = new Set<string | null>()
  for (let index = 0; index < 96; index++) {
    const initiator = xx(true)
    const responder = xx(false)
    responder.readMessage(initiator.writeMessage())
    const reply = responder.writeMessage()
    reply[index]! ^= 1
    failures.add(codeOf(() => initiator.readMessage(reply)))
  }
  t.alike([...failures], ['BAD_HANDSHAKE'])
})

test('noise: short messages, wrong turns, missing keys', (t) => {
  const responder = xx(false)
  t.is(
    codeOf(() => responder.readMessage(new Uint8Array(31))),
    'BAD_HANDSHAKE'
  )
  t.is(
    codeOf(() => responder.readMessage(new Uint8Array(32))),
    'BAD_HANDSHAKE',
    'a failure is final'
  )
  const initiator = xx(true)
  t.is(
    codeOf(() => initiator.readMessage(new Uint8Array(96))),
    'BAD_HANDSHAKE'
  )
  t.is(
    codeOf(() => new HandshakeState({ pattern: 'XX', isInitiator: true })),
    'INVALID_ARGUMENT'
  )
  t.is(
    codeOf(
      () => new HandshakeState({ pattern: 'IK', isInitiator: true, staticKeyPair: createKeyPair() })
    ),
    'INVALID_ARGUMENT'
  )
})

test('noise: IK with another responder fails at the responder', (t) => {
  const initiator = new HandshakeState({
    pattern: 'IK',
    isInitiator: true,
    staticKeyPair: createKeyPair(),
    remotePublicKey: createKeyPair().publicKey
  })
  const responder = new HandshakeState({
    pattern: 'IK',
    isInitiator: false,
    staticKeyPair: createKeyPair()
  })
  t.is(
    codeOf(() => responder.readMessage(initiator.writeMessage())),
    'BAD_HANDSHAKE'
  )
})
