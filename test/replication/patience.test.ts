// Peers that do not answer, or cannot: how long they are left alone, and that nothing they told before counts longer
// than it is true.
import { test } from 'brittle'
import {
  ASSUMED_ROUND_TRIP_MS,
  DUPLICATE_AFTER_ROUND_TRIPS,
  MAX_UPGRADE_RETRY_MS,
  MIN_PACE_REQUESTS,
  UPGRADE_RETRY_MS,
  UPGRADE_TIMEOUT_MS
} from '../../lib/replication/constants.ts'
import { Exchange } from '../../lib/replication/model/exchange.ts'
import type { RemoteLog } from '../../lib/replication/model/remote-log.ts'
import { climbLimit } from '../../lib/replication/model/rules/rule.ts'
import type { LocalLog, PeerId } from '../../lib/replication/model/types.ts'

const TICK_MS = 50

function localLog(length: number): LocalLog {
  return {
    fork: 0,
    length,
    byteLength: 100 * length,
    contiguousLength: 0,
    hasManifest: true,
    frozen: false,
    has: () => false,
    word: () => 0,
    findBlock: (start, end, present) => (present || start >= end ? -1 : start)
  }
}

function told(remote: RemoteLog, length: number, localLength: number): void {
  const flags = { uploading: true, downloading: true, hasManifest: true, allowPush: false }
  remote.sync({ fork: 0, length, remoteLength: localLength, canUpgrade: true, ...flags }, 0)
}

/** Asks the peer again and again; the answer: when it was asked for what. */
function* asking(
  exchange: Exchange,
  peer: PeerId,
  untilMs: number
): Iterable<{ at: number; index: number | null; isUpgrade: boolean }> {
  for (let now = 0; now <= untilMs; now += TICK_MS) {
    exchange.expire(now)
    const asked = exchange.nextRequest(peer, now)
    if (asked === null) continue
    const { block, upgrade } = asked.request
    yield { at: now, index: block?.index ?? null, isUpgrade: upgrade !== null }
  }
}

test('who leaves an upgrade open is asked again, more and more rarely', (t) => {
  const exchange = new Exchange(localLog(5), () => 0)
  const { id, remote } = exchange.addPeer(0)
  told(remote, 8, 5)
  exchange.addNeed({ kind: 'range', start: 0, end: 100, linear: false, blocks: null })
  const times = [...asking(exchange, id, 600_000)].filter((asked) => asked.isUpgrade)
  const waits = times.slice(1).map(({ at }, i) => at - times[i]!.at - UPGRADE_TIMEOUT_MS)
  const expected = [1, 2, 4, 8, 16, 32, 64, 64, 64].map((factor) => factor * UPGRADE_RETRY_MS)
  t.is(64 * UPGRADE_RETRY_MS, MAX_UPGRADE_RETRY_MS)
  t.alike(waits.slice(0, 9), expected)
})

test('… and at once if it tells of its head again', (t) => {
  const exchange = new Exchange(localLog(5), () => 0)
  const { id, remote } = exchange.addPeer(0)
  told(remote, 8, 5)
  exchange.addNeed({ kind: 'range', start: 0, end: 100, linear: false, blocks: null })
  t.is([...asking(exchange, id, UPGRADE_TIMEOUT_MS)].length, 1)
  t.absent(exchange.nextRequest(id, UPGRADE_TIMEOUT_MS + 1))
  told(remote, 9, 5)
  t.ok(exchange.nextRequest(id, UPGRADE_TIMEOUT_MS + 2))
})

test('what was found out about the roots of one length does not count for another', (t) => {
  const local = localLog(69)
  const { remote } = new Exchange(local, () => 0).addPeer(0)
  told(remote, 52, 69)
  t.is(climbLimit(local, remote), 0)
  remote.rootsStored = true
  t.is(climbLimit(local, remote), 52)
  told(remote, 52, 69)
  t.is(climbLimit(local, remote), 52)
  told(remote, 66, 69)
  t.is(climbLimit(local, remote), 0)
})

test('a block is late when it takes several of its peer’s round trips', (t) => {
  for (const roundTripMs of [null, 2_000]) {
    const exchange = new Exchange(localLog(2), () => 0)
    const [slow, other] = [exchange.addPeer(0), exchange.addPeer(0)]
    for (const { remote } of [slow, other]) {
      told(remote, 2, 2)
      remote.setRange({ drop: false, start: 0, length: 2 })
    }
    exchange.addNeed({ kind: 'range', start: 0, end: 2, linear: false, blocks: null })
    const first = exchange.nextRequest(slow.id, 0)
    const second = exchange.nextRequest(slow.id, 0)
    if (roundTripMs !== null) {
      exchange.settle(exchange.arrived(slow.id, first!.id, 100, roundTripMs)!, 100)
      // Nobody stored it: it is asked for anew, of the other one.
      exchange.nextRequest(other.id, roundTripMs)
    }
    t.is(second?.request.block?.index, 1)
    const waiting = roundTripMs === null ? 0 : 1
    const late = [...asking(exchange, other.id, 20_000)].find(({ index }) => index === waiting)
    const expected = DUPLICATE_AFTER_ROUND_TRIPS * (roundTripMs ?? ASSUMED_ROUND_TRIP_MS)
    t.is(late?.at, expected, `a round trip of ${roundTripMs} ms`)
  }
})

test('one of several peers holds up no more than its pace', (t) => {
  for (const peers of [1, 2]) {
    const exchange = new Exchange(localLog(500), () => 0)
    const all = Array.from({ length: peers }, () => exchange.addPeer(0))
    for (const { remote } of all) {
      told(remote, 500, 500)
      remote.setRange({ drop: false, start: 0, length: 500 })
    }
    exchange.addNeed({ kind: 'range', start: 0, end: 500, linear: false, blocks: null })
    const { id } = all[0]!
    const ask = (now: number): number[] => {
      const ids: number[] = []
      for (
        let asked = exchange.nextRequest(id, now);
        asked;
        asked = exchange.nextRequest(id, now)
      ) {
        ids.push(asked.id)
      }
      return ids
    }
    const first = ask(0)
    t.is(first.length, peers === 1 ? 500 : MIN_PACE_REQUESTS)
    if (peers === 1) continue
    for (const each of first) exchange.arrived(id, each, 100, 100)
    t.is(ask(100).length, 2 * first.length, 'twice as much as it delivered')
  }
})
