// Life of an encrypted connection: sending, waiting, ending, and what bad input does to it.
import { test } from 'brittle'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { MAX_MESSAGE_BYTES } from '../../lib/secret-stream/constants.ts'
import type { RawDuplex } from '../../lib/secret-stream/raw-duplex.ts'
import { createRawPair } from '../../lib/secret-stream/raw-pair.ts'
import { SecretStream } from '../../lib/secret-stream/secret-stream.ts'
import { fromUtf8 } from '../../lib/util/bytes.ts'
import { ManualEnv } from '../helpers/manual-env.ts'
import { codeOf, ManualRaw, record, tcpPair, tick } from './peers.ts'

interface Pair {
  readonly a: SecretStream
  readonly b: SecretStream
}

function memoryPair(options: { keepAliveMs?: number; env?: ManualEnv } = {}): Pair {
  const { inner, outer } = createRawPair()
  return {
    a: new SecretStream({ isInitiator: true, raw: inner, ...options }),
    b: new SecretStream({ isInitiator: false, raw: outer as unknown as RawDuplex, ...options })
  }
}

/** A connected pair over raw streams that the test carries bytes between. */
function manualPair(): Pair & { rawA: ManualRaw; rawB: ManualRaw; carry(): Promise<void> } {
  const [rawA, rawB] = [new ManualRaw(), new ManualRaw()]
  const a = new SecretStream({ isInitiator: true, raw: rawA })
  const b = new SecretStream({ isInitiator: false, raw: rawB })
  const carry = async (): Promise<void> => {
    for (let quiet = 0; quiet < 2; ) {
      await tick()
      const [fromA, fromB] = [rawA.written.splice(0), rawB.written.splice(0)]
      for (const bytes of fromA) rawB.emit('data', bytes)
      for (const bytes of fromB) rawA.emit('data', bytes)
      quiet = fromA.length + fromB.length === 0 ? quiet + 1 : 0
    }
  }
  return { a, b, rawA, rawB, carry }
}

test('secret-stream: messages of all lengths, allocated and not, sent before and after opening', async (t) => {
  const { a, b } = memoryPair()
  const [atA, atB] = [record(a), record(b)]
  const lengths = [1, 100, 4_000, 65_536, 300_000]
  const send = (length: number, useAlloc: boolean): void => {
    const message = useAlloc ? a.alloc(length) : new Uint8Array(length)
    a.send(message.fill(length & 0x7f))
    if (!useAlloc) message.fill(255)
  }
  for (const length of lengths) send(length, true)
  for (const length of lengths) send(length, false)
  await a.opened
  for (const length of lengths) send(length, true)
  for (const length of lengths) send(length, false)
  await atB.arrived(20)
  const expected = [...lengths, ...lengths, ...lengths, ...lengths]
  t.alike(
    atB.messages.map((message) => message.byteLength),
    expected
  )
  t.ok(
    atB.messages.every((message) => message.every((byte) => byte === (message.byteLength & 0x7f)))
  )
  b.send(fromUtf8('back'))
  await atA.arrived(1)
  t.alike(atA.texts, ['back'])
  t.alike(a.handshakeHash, b.handshakeHash)
  t.alike([...(a.remotePublicKey ?? [])], [...b.publicKey])
  a.close()
  t.is(await atA.closed, null)
  t.is(await atB.closed, null)
  t.is(a.bytesOut, b.bytesIn)
  t.is(b.bytesOut, a.bytesIn)
  t.absent(a.send(new Uint8Array(1)), 'closed')
})

test('secret-stream: allocated messages may be sent in any order, in few writes', async (t) => {
  const { a, b, rawA, carry } = manualPair()
  const atB = record(b)
  record(a)
  await carry()
  const views = Array.from({ length: 100 }, (_, i) => a.alloc(10).fill(i))
  for (const view of views.toReversed()) a.send(view)
  rawA.writes = 0
  const later = Array.from({ length: 100 }, (_, i) => a.alloc(10).fill(i))
  for (const view of later) a.send(view)
  await tick()
  t.ok(rawA.writes <= 110, `${rawA.writes} writes`)
  await carry()
  t.is(atB.messages.length, 200)
  t.alike(
    atB.messages.slice(0, 100).map((message) => message[3]),
    views.map((_, i) => 99 - i)
  )
  t.alike(
    atB.messages.slice(100).map((message) => message[3]),
    views.map((_, i) => i)
  )
  rawA.writes = 0
  for (let i = 0; i < 50; i++) a.send(new Uint8Array(40))
  await tick()
  t.ok(rawA.writes <= 2, 'one tick, one write per slab')
  a.destroy()
})

test('secret-stream: full and drained', async (t) => {
  const { a, rawA, carry } = manualPair()
  const atA = record(a)
  await carry()
  t.ok(a.send(new Uint8Array(1000)))
  rawA.hasRoom = false
  let sent = 0
  while (a.send(new Uint8Array(10_000))) sent++
  t.ok(sent >= 20 && sent < 40, `full after ${sent}`)
  t.ok(a.bufferedBytes > 0)
  rawA.emit('drain')
  t.is(atA.drains, 1)
  rawA.hasRoom = true
  t.ok(a.send(new Uint8Array(10)))
  rawA.emit('drain')
  t.is(atA.drains, 1, 'nobody waits')
  a.destroy()
})

test('secret-stream: pause holds messages back in the middle of a chunk', async (t) => {
  const { a, b, rawA, rawB, carry } = manualPair()
  const seen: string[] = []
  b.handle({
    onMessage(message) {
      seen.push(new TextDecoder().decode(message))
      if (seen.length === 2) b.pause()
    }
  })
  await carry()
  for (const text of ['1', '2', '3', '4']) a.send(fromUtf8(text))
  await tick()
  for (const bytes of rawA.written.splice(0)) rawB.emit('data', bytes)
  t.alike(seen, ['1', '2'])
  t.ok(rawB.isPaused)
  b.resume()
  t.alike(seen, ['1', '2', '3', '4'])
  t.absent(rawB.isPaused)
  a.destroy()
  b.destroy()
})

test('secret-stream: keys that are expected, and others', async (t) => {
  for (const pattern of ['XX', 'IK'] as const) {
    const keyPair = createKeyPair()
    for (const isRight of [true, false]) {
      const { inner, outer } = createRawPair()
      const remotePublicKey = isRight ? keyPair.publicKey : createKeyPair().publicKey
      const a = new SecretStream({ isInitiator: true, raw: inner, pattern, remotePublicKey })
      const raw = outer as unknown as RawDuplex
      const b = new SecretStream({ isInitiator: false, raw, pattern, keyPair })
      const [atA, atB] = [record(a), record(b)]
      b.send(fromUtf8('secret'))
      if (isRight) {
        await atA.arrived(1)
        t.alike(atA.texts, ['secret'], `${pattern}: the right key`)
        a.close()
        continue
      }
      const errors = [codeOf(await atA.closed), codeOf(await atB.closed)]
      t.ok(errors.includes('BAD_HANDSHAKE'), `${pattern}: another key`)
      t.is(atA.messages.length + atB.messages.length, 0)
      await t.exception(a.opened)
    }
  }
})

test('secret-stream: bad input ends the connection with a typed error', async (t) => {
  const bytes = (...values: number[]): Uint8Array => new Uint8Array(values)
  const inputs: [string, Uint8Array, string][] = [
    ['a length of zero', bytes(0, 0, 0), 'BAD_MESSAGE'],
    ['a length below the message', bytes(31, 0, 0), 'BAD_MESSAGE'],
    ['a length far above', bytes(255, 255, 255), 'LIMIT_EXCEEDED'],
    ['a key that is none', bytes(32, 0, 0, ...new Array<number>(32).fill(0)), 'BAD_HANDSHAKE'],
    ['HTTP', fromUtf8('GET / HTTP/1.1\r\n\r\n'), 'LIMIT_EXCEEDED']
  ]
  for (const [what, input, code] of inputs) {
    const raw = new ManualRaw()
    const stream = new SecretStream({ isInitiator: false, raw })
    const recorder = record(stream)
    raw.emit('data', input)
    t.is(codeOf(await recorder.closed), code, what)
    t.ok(raw.isDestroyed)
    t.is(codeOf(await stream.opened.catch((error: unknown) => error)), code)
  }
})

test('secret-stream: bad frames after the handshake', async (t) => {
  const cases: [string, (frame: Uint8Array) => Uint8Array, string][] = [
    ['a changed MAC', (frame) => flip(frame, frame.byteLength - 1), 'BAD_MESSAGE'],
    ['a changed length', (frame) => flip(frame, 0), 'BAD_MESSAGE'],
    ['a short frame', () => new Uint8Array([16, 0, 0]), 'BAD_MESSAGE'],
    ['a frame twice', (frame) => new Uint8Array([...frame, ...frame]), 'BAD_MESSAGE']
  ]
  for (const [what, change, code] of cases) {
    const { a, b, rawA, rawB, carry } = manualPair()
    const recorder = record(b)
    await carry()
    a.send(fromUtf8('hello'))
    await tick()
    const changed = change(rawA.written.splice(0)[0]!)
    rawB.emit('data', changed)
    rawB.emit('data', new Uint8Array(100))
    t.is(codeOf(await recorder.closed), code, what)
    a.destroy()
  }
})

test('secret-stream: a wrong header, a wrong role', async (t) => {
  const session = {
    tx: new Uint8Array(32),
    rx: new Uint8Array(32),
    hash: new Uint8Array(64),
    publicKey: createKeyPair().publicKey,
    remotePublicKey: createKeyPair().publicKey
  }
  const [rawA, rawB] = [new ManualRaw(), new ManualRaw()]
  const a = new SecretStream({ isInitiator: true, raw: rawA, handshake: session })
  const b = new SecretStream({ isInitiator: true, raw: rawB, handshake: session })
  const recorder = record(b)
  await tick()
  rawB.emit('data', rawA.written[0])
  t.is(codeOf(await recorder.closed), 'BAD_HANDSHAKE')
  a.destroy()
})

test('secret-stream: ends that are not clean', async (t) => {
  const midFrame = manualPair()
  const atB = record(midFrame.b)
  await midFrame.carry()
  midFrame.a.send(new Uint8Array(100))
  await tick()
  midFrame.rawB.emit('data', midFrame.rawA.written.splice(0)[0]!.subarray(0, 50))
  midFrame.rawB.emit('end')
  t.is(codeOf(await atB.closed), 'BAD_MESSAGE', 'inside a message')
  const atA = record(midFrame.a)
  midFrame.rawA.emit('close')
  t.is(codeOf(await atA.closed), 'CLOSED', 'cut off')

  const raw = new ManualRaw()
  const early = new SecretStream({ isInitiator: false, raw })
  const recorder = record(early)
  raw.emit('end')
  t.is(codeOf(await recorder.closed), 'BAD_HANDSHAKE', 'in the handshake')

  const failing = new ManualRaw()
  const failed = new SecretStream({ isInitiator: false, raw: failing })
  const atFailed = record(failed)
  failing.emit('error', new Error('ECONNRESET'))
  t.is(codeOf(await atFailed.closed), 'CLOSED', 'a raw error')
})

test('secret-stream: deadlines', async (t) => {
  const env = new ManualEnv()
  const raw = new ManualRaw()
  const silent = new SecretStream({ isInitiator: true, raw, env })
  const recorder = record(silent)
  env.advance(9_999)
  await tick()
  t.absent(silent.isClosed)
  env.advance(1)
  t.is(codeOf(await recorder.closed), 'TIMEOUT', 'the handshake')
  t.is(env.timerCount, 0, 'no timer is left')

  const closing = new ManualEnv()
  const { a, b } = memoryPair({ env: closing })
  record(a)
  record(b)
  await Promise.all([a.opened, b.opened])
  await tick()
  await tick()
  closing.advance(60_000)
  await tick()
  t.absent(a.isClosed || b.isClosed, 'an idle connection lives')
  a.destroy()
  b.destroy()
  t.is(closing.timerCount, 0)
})

test('secret-stream: keep-alive after silence only', async (t) => {
  const env = new ManualEnv()
  const raw = new ManualRaw()
  const key = new Uint8Array(32)
  const stream = new SecretStream({
    isInitiator: true,
    raw,
    env,
    handshake: { tx: key, rx: key, hash: new Uint8Array(64), publicKey: key, remotePublicKey: key }
  })
  await tick()
  raw.written.length = 0
  env.advance(3_000)
  stream.send(new Uint8Array(1))
  await tick()
  env.advance(4_999)
  await tick()
  t.is(raw.frames().length, 1)
  env.advance(1)
  await tick()
  t.alike(
    raw.frames().map((frame) => frame.byteLength),
    [21, 20],
    'an empty message 5 s after the last'
  )
  stream.destroy()
})

test('secret-stream: a message that drips is given up', async (t) => {
  const env = new ManualEnv()
  const { inner, outer } = createRawPair()
  const rawB = new ManualRaw()
  const a = new SecretStream({ isInitiator: true, raw: inner, env })
  outer.on('data', (bytes) => rawB.emit('data', bytes))
  const b = new SecretStream({ isInitiator: false, raw: rawB, env, keepAliveMs: 0 })
  const recorder = record(b)
  for (let i = 0; i < 10; i++) {
    await tick()
    for (const bytes of rawB.written.splice(0)) outer.write(bytes)
  }
  rawB.emit('data', new Uint8Array([255, 255, 0, 1]))
  for (let second = 0; second < 11 && !b.isClosed; second++) {
    env.advance(1_000)
    rawB.emit('data', new Uint8Array(100))
  }
  t.is(codeOf(await recorder.closed), 'TIMEOUT')
  a.destroy()
})

test('secret-stream: messages wait for a handler, errors of handlers end the connection', async (t) => {
  const { a, b } = memoryPair()
  a.send(fromUtf8('early'))
  await Promise.all([a.opened, b.opened])
  await tick()
  const atB = record(b)
  await atB.arrived(1)
  t.alike(atB.texts, ['early'])
  const bug = new Error('bug')
  const atA = new Promise((resolve) => {
    a.handle({
      onMessage() {
        throw bug
      },
      onClose: resolve
    })
  })
  b.send(fromUtf8('x'))
  t.is(await atA, bug)
  t.is(codeOf(await atB.closed), 'CLOSED')
})

test('secret-stream: limits of messages', async (t) => {
  const { a } = memoryPair()
  await t.exception(() => a.send(new Uint8Array(MAX_MESSAGE_BYTES + 1)), /at most/)
  await t.exception(() => a.alloc(MAX_MESSAGE_BYTES + 1), /at most/)
  a.destroy()
})

test('secret-stream: over TCP, the largest message, and destroy', async (t) => {
  const [socketA, socketB] = await tcpPair()
  const a = new SecretStream({ isInitiator: true, raw: socketA })
  const b = new SecretStream({ isInitiator: false, raw: socketB })
  const [atA, atB] = [record(a), record(b)]
  a.send(a.alloc(MAX_MESSAGE_BYTES).fill(7))
  await atB.arrived(1)
  t.is(atB.messages[0]?.byteLength, MAX_MESSAGE_BYTES)
  t.ok(atB.messages[0]?.every((byte) => byte === 7))
  const reason = new Error('enough')
  a.destroy(reason)
  t.is(await atA.closed, reason)
  await atB.closed
  t.ok(socketA.destroyed && socketB.destroyed)
})

test('raw pair: the end and the destruction of one half reach the other', async (t) => {
  const { inner, outer } = createRawPair()
  const a = new SecretStream({ isInitiator: true, raw: inner })
  const atA = record(a)
  outer.destroy(new Error('the user gives up'))
  t.is(codeOf(await atA.closed), 'CLOSED')

  const second = createRawPair()
  const b = new SecretStream({ isInitiator: true, raw: second.inner })
  const isGone = new Promise<void>((resolve) => second.outer.on('close', () => resolve()))
  b.destroy(new Error('bad input'))
  await isGone
  t.pass('the outer half closes too, and its error needs no listener')
})

test('raw pair: a reader that waits holds the writer', async (t) => {
  const { inner, outer } = createRawPair()
  let isFull = false
  for (let i = 0; i < 4; i++) isFull = !inner.write(new Uint8Array(50_000)) || isFull
  t.ok(isFull)
  await tick()
  await tick()
  const isDrained = new Promise<void>((resolve) => inner.on('drain', () => resolve()))
  let bytes = 0
  outer.on('data', (chunk) => {
    bytes += (chunk as Uint8Array).byteLength
  })
  await isDrained
  await tick()
  t.is(bytes, 200_000)
})

function flip(bytes: Uint8Array, index: number): Uint8Array {
  const changed = bytes.slice()
  changed[index]! ^= 1
  return changed
}
