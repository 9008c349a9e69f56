// Status towards peers, the moment of having caught up, and why a block is not here.
import { test } from 'brittle'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { fromUtf8 } from '../../lib/util/bytes.ts'
import { attack, claimAll, connectAttacker, turns } from '../helpers/attacker.ts'
import { seededRandom } from '../helpers/random.ts'
import {
  errorOf,
  join,
  openLog,
  openReader,
  openReference,
  randomBlocks,
  tcpPair,
  until,
  VERSIONS
} from '../helpers/replication.ts'

const TIMEOUT = { timeout: 10_000 }
const BLOCKS = randomBlocks(seededRandom(1), 100, 100)

test('synced fetches all, and status says so', TIMEOUT, async (t) => {
  const writer = await openLog(t)
  await writer.append(BLOCKS)
  const reader = await openReader(t, writer)
  const synced = reader.synced()
  let isDone = false
  synced.then(() => {
    isDone = true
  })
  await turns(20)
  t.absent(isDone, 'not while nobody is connected')
  t.is(reader.explain(0).reason, 'no-peers')
  await join(t, reader, writer)
  await synced
  t.ok(reader.has(0, 100), 'all is here at the moment at which it resolves')
  const { length, held, missing, peers } = reader.sync
  t.alike({ length, held, missing }, { length: 100, held: 100, missing: 0 })
  const [peer] = peers
  t.is(peer?.have, 100)
  t.is(peer?.want, 0)
  t.ok((peer?.bytesPerSecond.down ?? 0) > 0)
  t.ok((peer?.roundTripMs ?? -1) >= 0)
  t.is(peer?.waitingBecause, null)
  await reader.synced()
  await writer.append(fromUtf8('one more'))
  await reader.synced({ start: 50, end: 101 })
  t.ok(reader.has(100))
  t.is(reader.explain(7).reason, 'here')
  t.is(reader.explain(101).reason, 'beyond-log')
})

test(
  'not while a peer has not said what it has, nor while one is known to be ahead',
  TIMEOUT,
  async (t) => {
    const writer = await openLog(t)
    await writer.append(BLOCKS)
    const reader = await openReader(t, writer)
    await join(t, reader, writer)
    await reader.synced()
    let isDone = false
    const silent = await connectAttacker(t, reader)
    silent.open()
    await silent.opened.promise
    const synced = reader.synced().then(() => {
      isDone = true
    })
    await turns(100)
    t.absent(isDone, 'it may have more')
    silent.sync({ length: 500, canUpgrade: false })
    await turns(100)
    t.absent(isDone, 'it says that it has more')
    const claimed = reader.explain(300)
    t.is(claimed.reason, 'nobody-has-it')
    silent.range(300, 1)
    await turns(20)
    t.is(reader.explain(300).reason, 'behind-upgrade')
    silent.stream.destroy()
    await synced
    t.ok(isDone, 'it is gone')
  }
)

test('with one peer of several', TIMEOUT, async (t) => {
  const writer = await openLog(t)
  await writer.append(BLOCKS)
  const reader = await openReader(t, writer)
  const [client, accepted] = await tcpPair()
  const friend = createKeyPair()
  const synced = reader.synced({ with: friend.publicKey })
  const liar = await attack(t, reader)
  await liar.next('sync')
  liar.sync({ length: 500, canUpgrade: false })
  writer.replicateOver(client, { isInitiator: true, keyPair: friend })
  reader.replicateOver(accepted, { isInitiator: false })
  await synced
  t.ok(reader.has(0, 100), 'what others claim does not matter')
})

test('why a block does not come', TIMEOUT, async (t) => {
  const writer = await openLog(t)
  await writer.append(BLOCKS)
  await writer.clear(9)
  const reader = await openReader(t, writer)
  await join(t, reader, writer)
  await until(reader, 'append', () => reader.length === 100)
  await turns(20)
  t.is(reader.explain(8).reason, 'not-wanted')
  const wait = reader.get(9)
  await turns(50)
  t.is(reader.explain(9).reason, 'nobody-has-it')
  const { onMessage = () => {} } = claimAll(writer, () => null)
  const mute = await attack(t, reader, { onMessage })
  await mute.next('request')
  await turns(5)
  const told = reader.explain(9)
  t.is(told.reason, 'in-flight')
  t.ok('peer' in told && told.peer !== null)
  t.is(reader.sync.peers[1]?.inFlight.blocks, 1)
  const question = mute.all<{ id: number }>('request').at(-1)!
  mute.noData({ id: question.id, reason: 1 })
  await turns(50)
  t.is(reader.explain(9).reason, 'refused')
  reader.setDownload(false)
  mute.range(9, 1)
  await turns(20)
  t.is(reader.explain(9).reason, 'download-off')
  t.is(reader.sync.peers[0]?.waitingBecause, 'download-off')
  wait.catch(() => {})
})

test('given up, closed, and misused', TIMEOUT, async (t) => {
  const log = await openLog(t)
  const controller = new AbortController()
  const given = errorOf(log.synced({ signal: controller.signal }))
  controller.abort()
  t.is(await given, 'AbortError ABORTED')
  const closing = errorOf(log.synced())
  t.is(await errorOf(log.synced({ start: 2, end: 1 })), 'ArgumentError INVALID_ARGUMENT')
  t.is(await errorOf(log.synced({ with: new Uint8Array(3) })), 'ArgumentError INVALID_ARGUMENT')
  t.is(await errorOf(() => log.explain(-1)), 'ArgumentError INVALID_ARGUMENT')
  await log.synced({ end: 0 })
  await log.close()
  t.is(await closing, 'StateError CLOSED')
})

for (const version of VERSIONS) {
  test(`synced with hypercore ${version}`, TIMEOUT, async (t) => {
    const core = await openReference(t, version)
    await core.append(BLOCKS)
    const log = await openReader(t, core)
    const synced = log.synced()
    await join(t, log, core)
    await synced
    t.ok(log.has(0, 100))
    t.is(log.sync.peers[0]?.have, 100)
  })
}
