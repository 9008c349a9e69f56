// Counts and explanations, against twins that look at one block after the other and know no words or ranks.
import { test } from 'brittle'
import { countHeld, countOffered, countShared } from '../../lib/replication/model/counting.ts'
import { Exchange } from '../../lib/replication/model/exchange.ts'
import type { RemoteLog } from '../../lib/replication/model/remote-log.ts'
import type { LocalLog, PeerId } from '../../lib/replication/model/types.ts'
import { seedsFor } from '../helpers/long.ts'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'

const SPAN = 400
const SEEDS = seedsFor(60, 3_000)

class Held implements LocalLog {
  readonly fork = 1
  readonly length: number
  readonly byteLength: number
  readonly hasManifest = true
  frozen = false
  readonly bits: boolean[]

  constructor(random: SeededRandom) {
    this.length = random.int(SPAN)
    this.byteLength = this.length * 100
    const share = random.next()
    this.bits = Array.from({ length: this.length }, () => random.next() < share)
  }

  get contiguousLength(): number {
    const missing = this.bits.indexOf(false)
    return missing === -1 ? this.length : missing
  }

  has(index: number): boolean {
    return this.bits[index] === true
  }

  word(start: number): number {
    let word = 0
    for (let i = 0; i < 32; i++) if (this.has(start + i)) word |= 1 << i
    return word >>> 0
  }

  findBlock(start: number, end: number, present: boolean): number {
    for (let index = start; index < end; index++) if (this.has(index) === present) return index
    return -1
  }
}

interface Other {
  readonly id: PeerId
  readonly remote: RemoteLog
  readonly refused: Set<number>
  isOn: boolean
}

function addPeer(random: SeededRandom, exchange: Exchange): Other {
  const { id, remote } = exchange.addPeer(0)
  const refused = new Set<number>()
  if (random.int(6) === 0) return { id, remote, refused, isOn: true }
  const flags = { canUpgrade: random.int(2) === 0, downloading: true, allowPush: false }
  remote.sync(
    {
      ...flags,
      fork: [1, 1, 1, 1, 0, 2][random.int(6)]!,
      length: random.int(SPAN),
      remoteLength: random.int(2),
      uploading: random.int(5) > 0,
      hasManifest: true
    },
    1
  )
  for (let i = 0; i < 6; i++) {
    const start = random.int(3) === 0 ? 0 : random.int(SPAN)
    remote.setRange({ drop: random.int(4) === 0, start, length: random.int(100) })
  }
  for (let i = 0; i < 20; i++) {
    const index = random.int(SPAN)
    remote.lacks(index)
    refused.add(index)
  }
  remote.rootsStored = random.int(2) === 0
  remote.distrusted = random.int(6) === 0
  const isOn = random.int(5) > 0
  exchange.setOn(id, isOn)
  return { id, remote, refused, isOn }
}

test('counts by words equal counts by blocks', (t) => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = seededRandom(seed)
    const log = new Held(random)
    const { remote } = addPeer(random, new Exchange(log, () => 0.5))
    for (let i = 0; i < 20; i++) {
      const start = random.int(SPAN)
      const end = start + random.int(SPAN)
      const [held, offered, shared] = [0, 0, 0]
      const naive = { held, offered, shared }
      for (let index = start; index < end; index++) {
        if (log.has(index)) naive.held++
        if (remote.has(index)) naive.offered++
        if (log.has(index) && remote.has(index)) naive.shared++
      }
      const counted = {
        held: countHeld(log, start, end),
        offered: countOffered(remote, start, end),
        shared: countShared(log, remote, start, end)
      }
      if (JSON.stringify(counted) !== JSON.stringify(naive)) {
        t.alike(counted, naive, `seed ${seed}: [${start}, ${end})`)
      }
    }
  }
  t.pass(`${SEEDS} seeds`)
})

test('a length out of this world is counted at once', (t) => {
  const { remote } = new Exchange(new Held(seededRandom(1)), () => 0.5).addPeer(0)
  remote.setRange({ drop: false, start: 2 ** 40, length: 64 })
  t.is(countOffered(remote, 0, Number.MAX_SAFE_INTEGER), 64)
})

/** Every reason that keeps one peer, in plain order of the questions that one would ask. */
function naiveReason(log: Held, peer: Other, index: number): string {
  const { remote, isOn, refused } = peer
  if (!remote.synced) return 'not-heard'
  if (remote.length <= index) return 'beyond-log'
  if (remote.fork !== log.fork) return 'other-fork'
  if (!remote.has(index)) return refused.has(index) ? 'refused' : 'nobody-has-it'
  if (remote.distrusted) return 'distrusted'
  if (!remote.uploading) return 'not-uploading'
  if (!isOn) return 'download-off'
  if (index >= log.length) return 'behind-upgrade'
  return remote.length < log.length && !remote.rootsStored ? 'unprovable' : 'queued'
}

const FURTHEST_FIRST =
  'beyond-log nobody-has-it refused not-heard other-fork distrusted not-uploading download-off behind-upgrade unprovable queued'.split(
    ' '
  )

function naive(log: Held, peers: readonly Other[], wanted: ReadonlySet<number>, index: number) {
  if (log.has(index)) return 'here'
  const reasons = peers.map((peer) => naiveReason(log, peer, index))
  const best = FURTHEST_FIRST.filter((reason) => reasons.includes(reason)).at(-1)
  const isUnknown = index >= log.length && (best === undefined || best === 'beyond-log')
  if (!wanted.has(index)) return isUnknown ? 'beyond-log' : 'not-wanted'
  if (log.frozen) return 'frozen'
  return best ?? 'no-peers'
}

test('explanations equal those of a twin, and what is asked next was queued', (t) => {
  const seen = new Set<string>()
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = seededRandom(seed)
    const log = new Held(random)
    log.frozen = random.int(10) === 0
    const exchange = new Exchange(log, () => random.next())
    const peers = Array.from({ length: random.int(4) }, () => addPeer(random, exchange))
    const wanted = new Set(Array.from({ length: 150 }, () => random.int(SPAN)))
    for (const index of wanted) if (!log.has(index)) exchange.addNeed({ kind: 'block', index })
    const before = new Map<number, string>()
    for (let index = 0; index < SPAN; index++) {
      const { reason } = exchange.explain(index, 0)
      before.set(index, reason)
      seen.add(reason)
      const expected = naive(log, peers, wanted, index)
      if (reason !== expected) t.is(reason, expected, `seed ${seed}, block ${index}`)
    }
    for (const { id } of peers) {
      const index = exchange.nextRequest(id, 5)?.request.block?.index
      if (index === undefined) continue
      const reason = before.get(index)!
      if (!['queued', 'behind-upgrade'].includes(reason)) t.is(reason, 'queued', `seed ${seed}`)
      const now = exchange.explain(index, 12)
      if (now.reason !== 'in-flight' || now.forMs !== 7) t.fail(`seed ${seed}: ${now.reason}`)
      seen.add(now.reason)
    }
  }
  t.ok(seen.size >= 14, `${SEEDS} seeds, reasons met: ${[...seen].join(', ')}`)
})
