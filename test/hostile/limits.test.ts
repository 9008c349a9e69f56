// The limits of reliability.md section 16 that concern peers, each at one below, at, and one above.
import type { Assertions } from 'brittle'
import { test } from 'brittle'
import { MAX_LINKED, MAX_PATCH_NODES, MAX_SIGNERS } from '../../lib/core/limits.ts'
import { decodeManifest } from '../../lib/core/manifest.ts'
import { decodeEnvelope } from '../../lib/core/signature-envelope.ts'
import { LogwoodError } from '../../lib/errors.ts'
import { emptyRequest } from '../../lib/merkle/proof.ts'
import {
  MAX_BATCH_MESSAGES,
  MAX_CHANNEL_ID_BYTES,
  MAX_PROTOCOL_NAME_BYTES
} from '../../lib/mux/constants.ts'
import { openBody, readBatch } from '../../lib/mux/frames.ts'
import { CipherState } from '../../lib/noise/cipher-state.ts'
import { emptyMessageByteLength } from '../../lib/noise/patterns.ts'
import {
  MAX_ALL_ANSWERS_UNDER_WAY,
  MAX_BITFIELD_WORDS,
  MAX_EXTENSION_NAME_BYTES,
  MAX_FALSE_PROOFS_PER_MINUTE,
  MAX_INVALID_PER_MINUTE,
  MAX_PROOF_NODES,
  MAX_QUEUED_REQUESTS,
  MAX_QUEUED_REQUESTS_PER_CONNECTION
} from '../../lib/replication/constants.ts'
import { Limits } from '../../lib/replication/limits.ts'
import { bitfieldCodec, dataCodec, extensionCodec } from '../../lib/replication/messages.ts'
import type { PeerSender } from '../../lib/replication/peer-sender.ts'
import type { ReplicatedLog } from '../../lib/replication/replicated-log.ts'
import { ConnectionLoad } from '../../lib/replication/upload/connection-load.ts'
import { type Served, Service } from '../../lib/replication/upload/service.ts'
import { Uploader } from '../../lib/replication/upload/uploader.ts'
import { Assembly } from '../../lib/secret-stream/assembly.ts'
import {
  MAX_HANDSHAKE_PAYLOAD_BYTES,
  MAX_MESSAGE_BYTES
} from '../../lib/secret-stream/constants.ts'
import { Unframer, writeLengthPrefix } from '../../lib/secret-stream/framing.ts'
import { checkMessageLength } from '../../lib/secret-stream/outgoing.ts'
import { concat } from '../../lib/util/bytes.ts'
import { buffer, decode, encode, uint } from '../../lib/util/codec.ts'
import { RateCounter } from '../../lib/util/rate-counter.ts'
import { ManualEnv } from '../helpers/manual-env.ts'

function refuses(run: () => unknown): boolean {
  try {
    run()
    return false
  } catch (error) {
    if (error instanceof LogwoodError) return true
    throw error
  }
}

/** Also a broken invariant of ours, which no remote can reach. */
function throwsAny(run: () => unknown): boolean {
  try {
    run()
    return false
  } catch {
    return true
  }
}

/** Passes below and at the limit, is refused above. */
function assertLimit(
  t: Assertions,
  what: string,
  limit: number,
  run: (n: number) => unknown
): void {
  const found = [limit - 1, limit, limit + 1].map((n) => refuses(() => run(n)))
  t.alike(found, [false, false, true], `${what}: ${limit}`)
}

const node = new Uint8Array(34)
const many = (count: number, item: Uint8Array): Uint8Array =>
  concat([encode(uint, count), ...Array.from({ length: count }, () => item)])
const head = (...bytes: number[]): Uint8Array => new Uint8Array(bytes)
const signer = concat([head(0), new Uint8Array(64)])

test('limits of what decodes', (t) => {
  assertLimit(t, 'nodes of a proof', MAX_PROOF_NODES, (n) =>
    decode(dataCodec, concat([head(2, 1, 0, 0), many(n, node)]))
  )
  assertLimit(t, 'words of a bitfield', MAX_BITFIELD_WORDS, (n) =>
    decode(bitfieldCodec, concat([head(0), encode(uint, n), new Uint8Array(n * 4)]))
  )
  assertLimit(t, 'bytes of an extension name', MAX_EXTENSION_NAME_BYTES, (n) =>
    decode(extensionCodec, encode(buffer, new Uint8Array(n).fill(0x61)))
  )
  assertLimit(t, 'bytes of a protocol name', MAX_PROTOCOL_NAME_BYTES, (n) =>
    decode(openBody, concat([head(1), encode(buffer, new Uint8Array(n).fill(0x61)), head(0)]))
  )
  assertLimit(t, 'bytes of a channel id', MAX_CHANNEL_ID_BYTES, (n) =>
    decode(openBody, concat([head(1, 1, 0x61), encode(buffer, new Uint8Array(n))]))
  )
  assertLimit(t, 'messages of a batch', MAX_BATCH_MESSAGES, (n) => {
    const bytes = concat([head(1), ...Array.from({ length: n }, () => head(1, 0))])
    readBatch({ start: 0, end: bytes.byteLength, buffer: bytes }, () => true)
  })
  assertLimit(t, 'switches of channel in a batch', MAX_BATCH_MESSAGES, (n) => {
    const bytes = concat([head(1), ...Array.from({ length: n }, () => head(0, 1))])
    readBatch({ start: 0, end: bytes.byteLength, buffer: bytes }, () => true)
  })
  assertLimit(t, 'signers of a manifest', MAX_SIGNERS, (n) =>
    decodeManifest(concat([head(1, 0, 0, 1), many(n, signer)]))
  )
  assertLimit(t, 'linked keys of a manifest', MAX_LINKED, (n) =>
    decodeManifest(concat([head(2, 4, 0, 1), many(1, signer), many(n, new Uint8Array(32))]))
  )
  assertLimit(t, 'signatures of an envelope', MAX_SIGNERS, (n) =>
    decodeEnvelope(1, concat([many(n, new Uint8Array(66)), head(0)]))
  )
  assertLimit(t, 'nodes of an envelope', MAX_PATCH_NODES, (n) =>
    decodeEnvelope(1, concat([head(0), many(n, node)]))
  )
})

test('limits of frames and messages', (t) => {
  assertLimit(t, 'bytes of a message', MAX_MESSAGE_BYTES, checkMessageLength)
  for (const [pattern, index] of [
    ['XX', 0],
    ['XX', 1],
    ['XX', 2],
    ['IK', 0],
    ['IK', 1]
  ] as const) {
    const min = emptyMessageByteLength(pattern, index)
    const announce = (byteLength: number): void => {
      const prefix = new Uint8Array(3)
      writeLengthPrefix(prefix, 0, byteLength)
      const unframer = new Unframer()
      unframer.push(prefix)
      unframer.next(min, min + MAX_HANDSHAKE_PAYLOAD_BYTES)
    }
    assertLimit(t, `handshake ${pattern} ${index}`, min + MAX_HANDSHAKE_PAYLOAD_BYTES, announce)
    t.ok(
      refuses(() => announce(min - 1)),
      'and not shorter'
    )
  }
})

test('C5: the last nonce is used, the one after it is not', (t) => {
  const cipher = new CipherState()
  const [ad, plain] = [new Uint8Array(0), new Uint8Array(3)]
  cipher.initializeKey(new Uint8Array(32).fill(1), Number.MAX_SAFE_INTEGER - 1)
  t.ok(cipher.encryptWithAd(ad, plain).byteLength > 0)
  t.ok(throwsAny(() => cipher.encryptWithAd(ad, plain)))
  t.ok(throwsAny(() => cipher.decryptWithAd(ad, new Uint8Array(19))))
})

test('questions per connection', (t) => {
  const paused: boolean[] = []
  const connection = { pause: () => paused.push(true), resume: () => paused.push(false) }
  const load = ConnectionLoad.of(connection)
  t.is(ConnectionLoad.of(connection), load, 'one for all logs')
  load.queue(MAX_QUEUED_REQUESTS_PER_CONNECTION - 1)
  t.alike(paused, [])
  load.queue(1)
  t.alike(paused, [true])
  load.queue(1)
  t.alike(paused, [true])
  load.queue(-2)
  t.alike(paused, [true, false])
  t.ok(MAX_QUEUED_REQUESTS < MAX_QUEUED_REQUESTS_PER_CONNECTION)
})

test('questions per peer and log', (t) => {
  const told: boolean[] = []
  const uploader = new Uploader({
    log: { length: 1, byteLength: 1 } as ReplicatedLog,
    send: { drained: false } as PeerSender,
    env: new ManualEnv(),
    load: ConnectionLoad.of({ pause() {}, resume() {} }),
    limits: new Limits([]),
    onFull: (full) => told.push(full),
    onUpgrade() {},
    onUpload() {}
  })
  const ask = (id: number): void => uploader.enqueue({ id, proof: emptyRequest, priority: 0 })
  for (let id = 1; id < MAX_QUEUED_REQUESTS; id++) ask(id)
  t.alike(told, [], 'below')
  ask(MAX_QUEUED_REQUESTS - 1)
  t.alike(told, [], 'the same id again is no other question')
  ask(MAX_QUEUED_REQUESTS)
  t.alike(told, [true], 'at')
  ask(MAX_QUEUED_REQUESTS + 1)
  uploader.cancel(1)
  t.alike(told, [true], 'above')
  uploader.cancel(2)
  t.alike(told, [true, false])
  uploader.close()
})

test('rates', (t) => {
  for (const limit of [MAX_INVALID_PER_MINUTE, MAX_FALSE_PROOFS_PER_MINUTE]) {
    const counter = new RateCounter()
    for (let i = 1; i <= limit + 1; i++) t.is(counter.count(1_000), i)
    t.is(counter.count(61_000), limit + 2, 'still the same minute')
    t.is(counter.count(61_001), 1, 'the next')
  }
})

test('messages being assembled: the largest wait, and nothing stands still', (t) => {
  const cap = new Assembly(1_000)
  const log: string[] = []
  const one = (name: string) => ({
    isPaused: false,
    hold: () => log.push(`hold ${name}`),
    release: () => log.push(`release ${name}`),
    giveUp() {
      log.push(`give up ${name}`)
      cap.set(this, 0)
    }
  })
  const [a, b, c] = [one('a'), one('b'), one('c')]
  cap.set(a, 300)
  cap.set(b, 199)
  t.alike(log, [], 'below')
  cap.set(b, 200)
  t.alike(log, [], 'at')
  cap.set(b, 201)
  t.alike(log.splice(0), ['hold a'], 'above, the largest')
  cap.set(c, 50)
  t.alike(log.splice(0), ['hold b'])
  cap.set(c, 60)
  t.alike(log.splice(0)[0], 'hold c')
  t.ok(cap.totalBytes <= 500, 'as all waited, one was given up')
})

test('service: in turn, by bytes', async (t) => {
  const served: string[] = []
  let most = 0
  let underWay = 0
  const service = new Service()
  const peer = (name: string, questions: number, byteLength: number): Served => {
    let left = questions
    return {
      get isReady() {
        return left > 0
      },
      async begin() {
        left--
        most = Math.max(most, ++underWay)
        await Promise.resolve()
        served.push(name)
        underWay--
        return byteLength
      }
    }
  }
  service.wake(peer('large', 400, 60_000))
  service.wake(peer('small', 400, 100))
  while (served.length < 800) await new Promise((resolve) => setImmediate(resolve))
  const lastSmall = served.lastIndexOf('small')
  const largeBefore = served.slice(0, lastSmall).filter((name) => name === 'large').length
  t.ok(largeBefore < 60, `${largeBefore} large answers while 400 small ones were made`)
  t.is(most, MAX_ALL_ANSWERS_UNDER_WAY)
})
