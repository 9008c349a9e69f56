// What flows: switches per log and per peer, who is authorized, and what is closed when nobody wants anything.
import { test } from 'brittle'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import type { Log } from '../../lib/log/log.ts'
import type { AuthorizeQuestion } from '../../lib/log/traffic.ts'
import { emptyRequest } from '../../lib/merkle/proof.ts'
import { MAX_BELATED_QUESTIONS } from '../../lib/replication/constants.ts'
import type { Request, Sync } from '../../lib/replication/messages.ts'
import { fromUtf8 } from '../../lib/util/bytes.ts'
import { type Attacker, attack, claimAll, connectAttacker, turns } from '../helpers/attacker.ts'
import { seededRandom } from '../helpers/random.ts'
import {
  errorOf,
  join,
  openLog,
  openReader,
  randomBlocks,
  sameBytes,
  tcpPair,
  until
} from '../helpers/replication.ts'

const TIMEOUT = { timeout: 10_000 }
const BLOCKS = randomBlocks(seededRandom(1), 200, 100)

/** Connects two logs with identities of their own; what they are. */
async function joinAs(a: Log, b: Log): Promise<{ first: Uint8Array; second: Uint8Array }> {
  const [client, accepted] = await tcpPair()
  const [first, second] = [createKeyPair(), createKeyPair()]
  a.replicateOver(client, { isInitiator: true, keyPair: first })
  b.replicateOver(accepted, { isInitiator: false, keyPair: second })
  return { first: first.publicKey, second: second.publicKey }
}

test('upload off and on again, by its option and by its switch', TIMEOUT, async (t) => {
  const writer = await openLog(t, { upload: false })
  await writer.append(BLOCKS)
  const reader = await openReader(t, writer)
  await join(t, reader, writer)
  await until(reader, 'peer-add', () => reader.peers.length > 0)
  const got = reader.get(3)
  await turns(50)
  t.is(reader.length, 0, 'not even the length is to be had')
  writer.setUpload(true)
  t.ok(sameBytes(await got, BLOCKS[3]!))
  writer.setUpload(false)
  await turns(20)
  const later = reader.get(4)
  await turns(50)
  t.absent(reader.has(4))
  writer.setUpload(true)
  t.ok(sameBytes(await later, BLOCKS[4]!))
})

test(
  'what was asked before the peer could know of it is answered, the rest waits',
  TIMEOUT,
  async (t) => {
    const writer = await openLog(t)
    await writer.append(BLOCKS)
    const peer = await attack(t, writer)
    await peer.next('sync')
    peer.sync({})
    writer.setUpload(false)
    const told = await peer.next<Sync>('sync')
    t.absent(told.uploading)
    for (let index = 0; index < BLOCKS.length; index++) {
      const proof = { ...emptyRequest, block: { index, nodes: 0 } }
      peer.send('request', { id: index + 1, proof, priority: 0 } satisfies Request)
    }
    await turns(200)
    t.is(peer.all('data').length, MAX_BELATED_QUESTIONS)
    t.is(peer.all('noData').length, 0, 'nothing is refused')
    peer.send('cancel', BLOCKS.length)
    await turns(20)
    writer.setUpload(true)
    await turns(200)
    t.is(peer.all('data').length, BLOCKS.length - 1, 'all that was not cancelled')
  }
)

test('one peer of several', TIMEOUT, async (t) => {
  const writer = await openLog(t, { upload: false })
  await writer.append(BLOCKS)
  const friend = await openReader(t, writer)
  const other = await openReader(t, writer)
  const { first } = await joinAs(friend, writer)
  await joinAs(other, writer)
  writer.setUpload(true, { peer: first })
  t.ok(sameBytes(await friend.get(0), BLOCKS[0]!))
  const got = other.get(0)
  await turns(50)
  t.is(other.length, 0)
  writer.setUpload(null, { peer: first })
  const late = friend.get(1)
  await turns(50)
  t.absent(friend.has(1), 'as the log again')
  writer.setUpload(true)
  t.ok(sameBytes(await got, BLOCKS[0]!))
  t.ok(sameBytes(await late, BLOCKS[1]!))
})

test('download off: nothing is asked, what was is cancelled', TIMEOUT, async (t) => {
  const writer = await openLog(t)
  await writer.append(BLOCKS)
  const reader = await openReader(t, writer)
  const { onMessage = () => {} } = claimAll(writer, () => null)
  const peer = await attack(t, reader, { onMessage })
  const got = reader.get(0)
  const question = await peer.next<Request>('request')
  reader.setDownload(false)
  t.is(await peer.next<number>('cancel'), question.id)
  t.absent(peer.all<Sync>('sync').at(-1)?.downloading)
  const asked = peer.all('request').length
  await join(t, reader, writer)
  await turns(100)
  t.is(reader.length, 0)
  t.is(peer.all('request').length, asked, 'nothing more is asked')
  reader.setDownload(true)
  t.ok(sameBytes(await got, BLOCKS[0]!))
})

test(
  'nobody wants anything: the channel closes, and opens again for a call',
  TIMEOUT,
  async (t) => {
    const quiet = { active: false, lingerMs: 0 }
    const writer = await openLog(t, quiet)
    await writer.append(BLOCKS)
    const reader = await openLog(t, { key: writer.key, ...quiet })
    await join(t, reader, writer)
    await turns(50)
    t.is(reader.peers.length, 0, 'not opened')
    for (let index = 0; index < 3; index++) {
      t.ok(sameBytes(await reader.get(index), BLOCKS[index]!))
      await until(writer, 'peer-remove', () => writer.peers.length === 0)
      await until(reader, 'peer-remove', () => reader.peers.length === 0)
    }
    const session = reader.session({ active: true })
    await until(writer, 'peer-add', () => writer.peers.length === 1)
    await writer.append(fromUtf8('news'))
    await until(reader, 'append', () => reader.length === BLOCKS.length + 1)
    await session.close()
    await until(writer, 'peer-remove', () => writer.peers.length === 0)
    await writer.append(fromUtf8('unheard'))
    await turns(50)
    t.is(reader.length, BLOCKS.length + 1, 'an inactive log follows nobody')
    t.ok(await reader.update(), 'until it is asked to')
  }
)

test('a log that lingers keeps its channel', TIMEOUT, async (t) => {
  const writer = await openLog(t, { active: false, lingerMs: 60_000 })
  await writer.append(BLOCKS)
  const reader = await openLog(t, { key: writer.key, active: false, lingerMs: 60_000 })
  await join(t, reader, writer)
  await reader.get(0)
  await turns(100)
  t.is(reader.peers.length, 1)
})

test(
  'who is not authorized sees what somebody sees who asks for an unknown log',
  TIMEOUT,
  async (t) => {
    const questions: AuthorizeQuestion[] = []
    const answers: (() => boolean | Promise<boolean>)[] = [
      () => false,
      () => Promise.resolve(false),
      () => Promise.reject(new Error('no')),
      () => 'yes' as never
    ]
    for (const answer of answers) {
      const writer = await openLog(t, {
        authorize: (question) => {
          questions.push(question)
          return answer()
        }
      })
      await writer.append(BLOCKS)
      const peer = await attack(t, writer)
      await peer.closed.promise
      t.is(peer.received.length, 0, 'nothing was said')
      t.absent(peer.channel.isOpen)
      t.is(writer.peers.length, 0)
    }
    t.ok(questions.every(({ peer, log }) => peer?.byteLength === 32 && log.byteLength === 32))
    t.alike([...new Set(questions.map(({ direction }) => direction))], ['upload', 'download'])
  }
)

test('one direction only', TIMEOUT, async (t) => {
  const writer = await openLog(t)
  await writer.append(BLOCKS)
  const middle = await openLog(t, {
    key: writer.key,
    authorize: ({ direction }) => direction === 'download'
  })
  await join(t, middle, writer)
  await middle.download({ end: BLOCKS.length }).done()
  const reader = await openReader(t, writer)
  await join(t, reader, middle)
  await until(reader, 'peer-add', () => reader.peers.length > 0)
  const peer = await attack(t, middle)
  const told = await peer.next<Sync>('sync')
  t.absent(told.uploading)
  const proof = { ...emptyRequest, block: { index: 0, nodes: 0 } }
  peer.send('request', { id: 1, proof, priority: 0 } satisfies Request)
  await turns(100)
  t.is(reader.length, 0)
  t.is(peer.all('data').length, 0, 'not even to who asks all the same')
})

test('authorized no longer, and again', TIMEOUT, async (t) => {
  let allowed = true
  const writer = await openLog(t, { authorize: () => allowed })
  await writer.append(BLOCKS)
  const reader = await openReader(t, writer)
  await join(t, reader, writer)
  await reader.get(0)
  allowed = false
  const gone = until(reader, 'peer-remove', () => reader.peers.length === 0)
  await writer.reauthorize()
  await gone
  const got = reader.get(1)
  await turns(50)
  t.absent(reader.has(1))
  allowed = true
  await writer.reauthorize()
  t.ok(sameBytes(await got, BLOCKS[1]!))
})

test('an open that comes while authorize thinks waits for it', TIMEOUT, async (t) => {
  let answer: (allowed: boolean) => void = () => {}
  const asked = new Promise<boolean>((resolve) => {
    answer = resolve
  })
  const writer = await openLog(t, { authorize: () => asked })
  await writer.append(BLOCKS)
  const peer: Attacker = await connectAttacker(t, writer)
  peer.open()
  await turns(20)
  t.absent(peer.channel.isOpen)
  answer(true)
  await peer.opened.promise
  t.ok(peer.channel.isOpen)
})

test('bad options', TIMEOUT, async (t) => {
  t.is(await errorOf(openLog(t, { upload: 1 as never })), 'ArgumentError INVALID_ARGUMENT')
  t.is(await errorOf(openLog(t, { lingerMs: -1 })), 'ArgumentError INVALID_ARGUMENT')
  t.is(await errorOf(openLog(t, { authorize: {} as never })), 'ArgumentError INVALID_ARGUMENT')
  const log = await openLog(t)
  const INVALID = 'ArgumentError INVALID_ARGUMENT'
  t.is(await errorOf(() => log.setUpload('no' as never)), INVALID)
  t.is(await errorOf(() => log.setDownload(true, { peer: new Uint8Array(31) })), INVALID)
  t.is(
    await errorOf(() => log.setUpload(true, { who: 1 } as never)),
    'ArgumentError UNKNOWN_OPTION'
  )
})
