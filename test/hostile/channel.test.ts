// T-MAL below the log: handshakes, ciphertext, frames of the multiplexer. Numbers are those of testing.md section 9.
// M38 (unordered messages replayed) has nothing to attack: this library sends and takes no unordered messages.
// M36 concerns replays from other addresses, which are the matter of whoever maps addresses to connections; what a
// connection does with a replayed first message is tested here.
import type { Assertions } from 'brittle'
import { test } from 'brittle'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { message } from '../../lib/mux/channel.ts'
import { VAIN_OPENS_BURST } from '../../lib/mux/constants.ts'
import { Mux } from '../../lib/mux/mux.ts'
import { createRawPair } from '../../lib/secret-stream/raw-pair.ts'
import { SecretStream } from '../../lib/secret-stream/secret-stream.ts'
import { fromUtf8 } from '../../lib/util/bytes.ts'
import { raw } from '../../lib/util/codec.ts'
import { assertNothingEscaped, escaped, turns } from '../helpers/attacker.ts'
import { mutated } from '../helpers/decode-fuzz.ts'
import { seedsFor, tellFigures } from '../helpers/long.ts'
import { ManualEnv } from '../helpers/manual-env.ts'
import { seededRandom } from '../helpers/random.ts'
import { codeOf, ManualRaw, record } from '../secret-stream/peers.ts'

const TIMEOUT = { timeout: 60_000 }
type Options = Omit<ConstructorParameters<typeof SecretStream>[0], 'raw' | 'isInitiator'>

/** The code that a connection ended with; it ends soon or not at all. */
async function endOf(recorder: { readonly closed: Promise<Error | null> }): Promise<string> {
  return await Promise.race([recorder.closed.then(codeOf), turns(20).then(() => 'lives')])
}

/** Two ends whose bytes the test carries, chunk by chunk. */
function carried(a: Options = {}, b: Options = {}) {
  const env = new ManualEnv()
  const [rawA, rawB] = [new ManualRaw(), new ManualRaw()]
  const first = new SecretStream({ env, keepAliveMs: 0, ...a, isInitiator: true, raw: rawA })
  const second = new SecretStream({ env, keepAliveMs: 0, ...b, isInitiator: false, raw: rawB })
  const [atFirst, atSecond] = [record(first), record(second)]
  const exchange = async (): Promise<void> => {
    for (let i = 0; i < 8; i++) {
      await turns(1)
      for (const bytes of rawA.written.splice(0)) rawB.emit('data', bytes)
      for (const bytes of rawB.written.splice(0)) rawA.emit('data', bytes)
    }
  }
  return { env, rawA, rawB, first, second, atFirst, atSecond, exchange }
}

test(
  'M34 a man in the middle, a wrong static key, an expected key that differs',
  TIMEOUT,
  async (t) => {
    const [server, client, other] = [createKeyPair(), createKeyPair(), createKeyPair()]
    const honest = carried(
      { keyPair: client, remotePublicKey: server.publicKey },
      { keyPair: server }
    )
    await honest.exchange()
    t.ok(honest.first.remotePublicKey !== null, 'the expected one is let in')
    for (const pattern of ['XX', 'IK'] as const) {
      const wrong = carried(
        { pattern, keyPair: client, remotePublicKey: server.publicKey },
        { pattern, keyPair: other }
      )
      let failed = false
      wrong.first.opened.catch(() => {
        failed = true
      })
      wrong.first.send(fromUtf8('secret'))
      await wrong.exchange()
      if (pattern === 'XX') t.is(await endOf(wrong.atFirst), 'BAD_HANDSHAKE', 'XX')
      else t.is(await endOf(wrong.atSecond), 'BAD_HANDSHAKE', 'IK')
      t.alike(wrong.atSecond.texts, [], `${pattern}: nothing is said`)
      t.absent(wrong.second.isAuthenticated)
      t.is(failed, pattern === 'XX')
    }
    const picky = carried(
      { keyPair: other },
      { keyPair: server, remotePublicKey: client.publicKey }
    )
    await picky.exchange()
    t.is(await endOf(picky.atSecond), 'BAD_HANDSHAKE', 'a responder that expects somebody')
  }
)

test('M35 M36 a recorded handshake replayed', TIMEOUT, async (t) => {
  const server = createKeyPair()
  const count = seedsFor(300, 10_000)
  let authenticated = 0
  let ended = 0
  for (const pattern of ['XX', 'IK'] as const) {
    const { rawA, rawB, first, atSecond, exchange } = carried(
      pattern === 'IK' ? { pattern, remotePublicKey: server.publicKey } : {},
      { pattern, keyPair: server }
    )
    const said: Uint8Array[] = []
    const write = rawA.write.bind(rawA)
    rawA.write = (bytes) => {
      said.push(bytes.slice())
      return write(bytes)
    }
    // The first message left in the constructor.
    said.push(...rawA.written.map((bytes) => bytes.slice()))
    first.send(fromUtf8('once'))
    await exchange()
    t.alike(atSecond.texts, ['once'])
    t.ok(rawB.writes > 0)
    const env = new ManualEnv()
    for (let i = 0; i < count; i++) {
      const fresh = new ManualRaw()
      const victim = new SecretStream({
        isInitiator: false,
        raw: fresh,
        env,
        pattern,
        keyPair: server
      })
      const messages: Uint8Array[] = []
      victim.handle({ onMessage: (bytes) => messages.push(bytes) })
      for (const bytes of said) fresh.emit('data', bytes.slice())
      if (victim.isAuthenticated || messages.length > 0) authenticated++
      if (victim.isClosed) ended++
      victim.destroy()
    }
    t.is(env.timerCount, 0, `${pattern}: nothing is left of them`)
  }
  t.is(authenticated, 0, 'none is taken for the one who said it')
  t.is(ended, 2 * count, 'each ends')
  tellFigures(t, 'T-MAL M35', { replays: 2 * count })
})

test('M37 ciphertext flipped, cut, swapped, doubled, of another connection', TIMEOUT, async (t) => {
  const bends: Record<string, (frames: Uint8Array[]) => Uint8Array[]> = {
    flipped: ([a, ...rest]) => {
      const bytes = a!.slice()
      bytes[bytes.byteLength - 1]! ^= 1
      return [bytes, ...rest]
    },
    cut: ([a, ...rest]) => {
      const bytes = a!.slice(0, a!.byteLength - 1)
      bytes[0]! -= 1
      return [bytes, ...rest]
    },
    swapped: ([a, b, ...rest]) => [b!, a!, ...rest],
    doubled: ([a, ...rest]) => [a!, a!.slice(), ...rest],
    dropped: ([, ...rest]) => rest
  }
  const another = carried()
  await another.exchange()
  another.first.send(fromUtf8('elsewhere'))
  await turns(1)
  const foreign = another.rawA.frames()
  bends['of another connection'] = (frames) => [...foreign, ...frames]
  for (const [name, bend] of Object.entries(bends)) {
    const { first, rawA, rawB, atSecond, exchange } = carried()
    await exchange()
    for (const text of ['one', 'two', 'three']) first.send(fromUtf8(text))
    await turns(1)
    for (const frame of bend(rawA.frames().map((frame) => frame.slice()))) rawB.emit('data', frame)
    t.is(await endOf(atSecond), 'BAD_MESSAGE', name)
    t.ok(['', 'one'].includes(atSecond.texts.join()), `${name}: nothing but what came in order`)
  }
})

test('M12 mutated frames on whole connections, an honest one beside', TIMEOUT, async (t) => {
  const random = seededRandom(71)
  const count = seedsFor(200, 5_000)
  const honest = muxPair()
  let received = 0
  const figures = { connections: count, frames: 0, mutated: 0, ended: 0 }
  honest.b.pair({ protocol: 'x' }, () => {
    honest.b.open({ protocol: 'x', messages: [message(raw, () => received++)] })
  })
  const channel = honest.a.open({ protocol: 'x', messages: [message(raw)] })
  for (let i = 0; i < count; i++) {
    const { a, b } = muxPair()
    b.pair({ protocol: 'p' }, () => {
      b.open({ protocol: 'p', messages: [message(raw, () => {}), message(raw, () => {})] })
    })
    const { stream } = a
    const send = stream.send.bind(stream)
    stream.send = (frame) => {
      figures.frames++
      if (random.int(10) !== 0) return send(frame)
      figures.mutated++
      return send(new Uint8Array(mutated(frame, random.bytes(20), random)))
    }
    for (let round = 0; round < 6; round++) {
      const own = a.open({ protocol: 'p', messages: [message(raw), message(raw)] })
      for (let j = 0; j < 4; j++) own?.send(j % 2, random.bytes(random.int(40)))
      if (round % 2 === 1) for (const each of a.channels) each.close()
      channel?.send(0, new Uint8Array([i]))
      await turns(2)
    }
    if (b.isClosed) figures.ended++
    a.destroy()
    b.destroy()
  }
  await turns(5)
  t.is(received, 6 * count, 'the honest one got all')
  t.ok(figures.ended > 0)
  honest.a.destroy()
  tellFigures(t, 'T-MAL M12 mux', figures)
  assertNothingEscaped(t)
})

test('M13 unknown types, unknown flags, empty frames at speed', TIMEOUT, async (t) => {
  const { a, b } = muxPair()
  let received = 0
  const handlers = [message(raw, () => received++)]
  b.pair({ protocol: 'x' }, () => {
    b.open({ protocol: 'x', messages: handlers })
  })
  const channel = a.open({ protocol: 'x', messages: [message(raw), message(raw), message(raw)] })
  await turns(3)
  for (let i = 0; i < 2_000; i++) {
    channel?.send(1 + (i % 2), new Uint8Array(i % 50))
    a.stream.send(new Uint8Array([0, 77, i & 127]))
    a.stream.send(new Uint8Array(0))
    a.stream.send(new Uint8Array([99, 1, 2, 3]))
    if (i % 100 === 99) await turns(1)
  }
  channel?.send(0, new Uint8Array([1]))
  await turns(5)
  t.is(received, 1, 'ignored, and what is meant still arrives')
  t.absent(b.isClosed)
  a.destroy()
  assertNothingEscaped(t)
})

test('M15 open and close of one topic in a loop', TIMEOUT, async (t) => {
  const env = new ManualEnv()
  const { a, b } = muxPair(env)
  let opened = 0
  b.pair({ protocol: 'x' }, () => {
    b.open({ protocol: 'x', messages: [], onOpen: () => opened++ })
  })
  let rounds = 0
  for (let i = 0; i < 6_000; i++) {
    const channel = a.open({ protocol: 'x', messages: [] })
    if (channel !== null) {
      rounds++
      await turns(2)
      channel.close()
    }
    await turns(1)
    if (opened > 0 && i > 4 * VAIN_OPENS_BURST) break
  }
  t.ok(opened <= VAIN_OPENS_BURST + 2, `${opened} of ${rounds} were served, then it is slowed`)
  const before = opened
  env.advance(1_000)
  await turns(10)
  t.ok(b.channels.length <= 1)
  t.comment(`${before} before, ${opened} after a second`)
  a.destroy()
  assertNothingEscaped(t)
})

function muxPair(env?: ManualEnv): { a: Mux; b: Mux } {
  const { inner, outer } = createRawPair()
  const options = env === undefined ? {} : { env }
  return {
    a: new Mux(new SecretStream({ isInitiator: true, raw: inner, ...options }), options),
    b: new Mux(
      new SecretStream({ isInitiator: false, raw: outer as unknown as typeof inner, ...options }),
      options
    )
  }
}

test('what escapes fails a test', async (t) => {
  const before = escaped.length
  void Promise.reject(new Error('meant to be seen'))
  await turns(3)
  t.is(escaped.length, before + 1, 'an unhandled rejection is seen')
  setImmediate(() => {
    throw new Error('this too')
  })
  await turns(3)
  t.is(escaped.length, before + 2, 'and so is an uncaught exception')
  const failed: unknown[] = []
  assertNothingEscaped({ alike: (a: unknown) => failed.push(a) } as unknown as Assertions)
  t.is(failed.length, 1)
  t.is((failed[0] as unknown[]).length, escaped.length)
  escaped.length = before
})
