// The encrypted stream with @hyperswarm/secret-stream on the other side, in both roles.
import NoiseSecretStream from '@hyperswarm/secret-stream'
import { test } from 'brittle'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { MAX_MESSAGE_BYTES } from '../../lib/secret-stream/constants.ts'
import type { RawDuplex } from '../../lib/secret-stream/raw-duplex.ts'
import { createRawPair } from '../../lib/secret-stream/raw-pair.ts'
import { SecretStream } from '../../lib/secret-stream/secret-stream.ts'
import { fromUtf8, toUtf8 } from '../../lib/util/bytes.ts'
import { ManualRaw, record, tcpPair, tick } from './peers.ts'

type Transport = 'memory' | 'tcp'

async function rawPair(transport: Transport): Promise<[RawDuplex, unknown]> {
  if (transport === 'tcp') return tcpPair()
  const { inner, outer } = createRawPair()
  return [inner, outer]
}

/** What the reference received, and when its end came. */
function listen(reference: NoiseSecretStream): {
  messages: Uint8Array[]
  ended: Promise<void>
  arrived(count: number): Promise<void>
} {
  const messages: Uint8Array[] = []
  let wake = (): void => {}
  let wanted = 0
  reference.on('data', (message: Uint8Array) => {
    messages.push(message)
    if (messages.length === wanted) wake()
  })
  reference.on('error', () => {})
  const ended = new Promise<void>((resolve) => {
    reference.on('end', () => {
      reference.end()
      resolve()
    })
  })
  const arrived = (count: number): Promise<void> => {
    if (messages.length >= count) return Promise.resolve()
    wanted = count
    return new Promise((resolve) => {
      wake = resolve
    })
  }
  return { messages, ended, arrived }
}

for (const transport of ['memory', 'tcp'] as const) {
  for (const isInitiator of [true, false]) {
    for (const pattern of ['XX', 'IK'] as const) {
      test(`interop: ${pattern} over ${transport}, we ${isInitiator ? 'call' : 'answer'}`, async (t) => {
        const [raw, theirRaw] = await rawPair(transport)
        const [keyPair, theirKeyPair] = [createKeyPair(), createKeyPair()]
        const us = new SecretStream({
          isInitiator,
          raw,
          pattern,
          keyPair,
          remotePublicKey: theirKeyPair.publicKey
        })
        const them = new NoiseSecretStream(!isInitiator, theirRaw, {
          pattern,
          keyPair: theirKeyPair,
          remotePublicKey: keyPair.publicKey,
          keepAlive: 5_000
        })
        const [atUs, atThem] = [record(us), listen(them)]
        us.send(fromUtf8('early'))
        them.write(fromUtf8('früh'))
        await us.opened
        t.ok(await them.opened)
        t.alike([...(us.handshakeHash ?? [])], [...(them.handshakeHash ?? [])])
        t.alike([...(us.remotePublicKey ?? [])], [...theirKeyPair.publicKey])
        for (const byteLength of [1, 64, 65_536, 1_000_000]) {
          us.send(us.alloc(byteLength).fill(byteLength & 0xff))
          them.write(new Uint8Array(byteLength).fill(byteLength & 0xff))
        }
        await Promise.all([atUs.arrived(5), atThem.arrived(5)])
        t.alike(
          atThem.messages.map((message) => message.byteLength),
          [5, 1, 64, 65_536, 1_000_000]
        )
        t.alike(
          atUs.messages.map((message) => message.byteLength),
          [5, 1, 64, 65_536, 1_000_000]
        )
        t.is(toUtf8(atThem.messages[0]!), 'early')
        t.is(toUtf8(atUs.messages[0]!), 'früh')
        for (const [index, message] of atThem.messages.entries()) {
          if (index > 0) t.ok(message.every((byte) => byte === (message.byteLength & 0xff)))
        }
        us.close()
        await atThem.ended
        t.is(await atUs.closed, null)
      })
    }
  }
}

for (const isInitiator of [true, false]) {
  test(`interop: the largest message over TCP, we ${isInitiator ? 'call' : 'answer'}`, async (t) => {
    const [raw, theirRaw] = await tcpPair()
    const us = new SecretStream({ isInitiator, raw })
    const them = new NoiseSecretStream(!isInitiator, theirRaw)
    const [atUs, atThem] = [record(us), listen(them)]
    us.send(new Uint8Array(MAX_MESSAGE_BYTES).fill(1))
    them.write(new Uint8Array(MAX_MESSAGE_BYTES).fill(2))
    await Promise.all([atUs.arrived(1), atThem.arrived(1)])
    t.ok(atUs.messages[0]?.byteLength === MAX_MESSAGE_BYTES && atUs.messages[0][9] === 2)
    t.ok(atThem.messages[0]?.byteLength === MAX_MESSAGE_BYTES && atThem.messages[0][9] === 1)
    them.end()
    t.is(await atUs.closed, null, 'their end is a clean end')
  })

  test(`interop: byte by byte, we ${isInitiator ? 'call' : 'answer'}`, async (t) => {
    const ourRaw = new ManualRaw()
    const { inner, outer } = createRawPair()
    const us = new SecretStream({ isInitiator, raw: ourRaw })
    const them = new NoiseSecretStream(!isInitiator, outer)
    const [atUs, atThem] = [record(us), listen(them)]
    inner.on('data', (bytes: Uint8Array) => {
      for (const byte of bytes) ourRaw.emit('data', new Uint8Array([byte]))
    })
    us.send(fromUtf8('from us'))
    them.write(fromUtf8('from them'))
    while (atUs.messages.length === 0 || atThem.messages.length === 0) {
      await tick()
      for (const bytes of ourRaw.written.splice(0)) {
        for (const byte of bytes) inner.write(new Uint8Array([byte]))
      }
    }
    t.alike(atUs.texts, ['from them'])
    t.is(toUtf8(atThem.messages[0]!), 'from us')
    us.destroy()
    them.destroy()
  })
}

test('interop: a handshake done elsewhere', async (t) => {
  const [one, two] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
  const keys = [createKeyPair().publicKey, createKeyPair().publicKey] as const
  const hash = new Uint8Array(64).fill(3)
  const { inner, outer } = createRawPair()
  const us = new SecretStream({
    isInitiator: true,
    raw: inner,
    handshake: { tx: one, rx: two, hash, publicKey: keys[0], remotePublicKey: keys[1] }
  })
  const them = new NoiseSecretStream(false, outer, {
    handshake: { tx: two, rx: one, hash, publicKey: keys[1], remotePublicKey: keys[0] }
  })
  const [atUs, atThem] = [record(us), listen(them)]
  us.send(fromUtf8('a'))
  them.write(fromUtf8('b'))
  await Promise.all([atUs.arrived(1), atThem.arrived(1)])
  t.alike(atUs.texts, ['b'])
  us.close()
  await atThem.ended
})

test('interop: their keep-alive is not delivered, ours does not reach their user', async (t) => {
  const { inner, outer } = createRawPair()
  const us = new SecretStream({ isInitiator: true, raw: inner, keepAliveMs: 5 })
  const them = new NoiseSecretStream(false, outer, { keepAlive: 5 })
  const [atUs, atThem] = [record(us), listen(them)]
  await Promise.all([us.opened, them.opened])
  const before = us.bytesIn
  // Each keep-alive is 20 bytes: five of theirs have come when this ends.
  while (us.bytesIn < before + 100) await tick()
  t.is(atUs.messages.length, 0)
  t.is(atThem.messages.length, 0)
  t.absent(us.isClosed)
  us.destroy()
  them.destroy()
})

test('interop: a reference that fails does not take the process with it', async (t) => {
  const { inner, outer } = createRawPair()
  const us = new SecretStream({ isInitiator: true, raw: inner })
  const them = new NoiseSecretStream(false, outer)
  const atUs = record(us)
  listen(them)
  await Promise.all([us.opened, them.opened])
  them.destroy(new Error('theirs'))
  t.ok((await atUs.closed) instanceof Error)
})
