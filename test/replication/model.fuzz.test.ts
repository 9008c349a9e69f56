// The model of what to ask whom (Exchange), against fake peers in virtual time: partial holdings, loss, churn, slow
// verification, peers that lie about what they hold. Checked after every step: the invariants of the architecture,
// section 7; in the end: every need that an honest peer could meet is met, and no block was stored twice for nothing.
import { test } from 'brittle'
import { DUPLICATE_AFTER_MS, REQUEST_TIMEOUT_MS, TICK_MS } from '../../lib/replication/constants.ts'
import { Exchange } from '../../lib/replication/model/exchange.ts'
import type { RemoteLog } from '../../lib/replication/model/remote-log.ts'
import type { Asked, LocalLog, NeedId, PeerId } from '../../lib/replication/model/types.ts'
import { lowestBit } from '../../lib/util/bitfield.ts'
import { seedsFor } from '../helpers/long.ts'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'

const SEEDS = seedsFor(60, 2_000)
const MAX_STEPS = 4_000

/** A local log: an array of what is held. */
class FakeLog implements LocalLog {
  readonly fork = 0
  readonly byteLength: number
  readonly hasManifest = true
  readonly frozen = false
  readonly held: boolean[]

  constructor(readonlyLength: number, blockBytes: number) {
    this.held = new Array<boolean>(readonlyLength).fill(false)
    this.byteLength = readonlyLength * blockBytes
  }

  get length(): number {
    return this.held.length
  }

  get contiguousLength(): number {
    const missing = this.held.indexOf(false)
    return missing === -1 ? this.length : missing
  }

  has(index: number): boolean {
    return this.held[index] === true
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

interface FakePeer {
  readonly id: PeerId
  readonly remote: RemoteLog
  /** What it really has, of what it announced. */
  readonly has: Set<number>
  readonly announced: Set<number>
  readonly isHonest: boolean
  readonly delayMs: number
}

interface Task {
  readonly at: number
  readonly order: number
  run(): void
}

class World {
  readonly log: FakeLog
  readonly exchange: Exchange
  readonly peers: Map<PeerId, FakePeer> = new Map()
  readonly failures: string[] = []
  readonly waiting: Map<NeedId, Set<number>> = new Map()
  now = 0
  stored = 0
  duplicates = 0
  requests = 0
  loss: number
  #tasks: Task[] = []
  #order = 0
  readonly random: SeededRandom
  readonly #storeMs: number
  /** Times a block was asked while it was claimed already. */
  readonly asked: Map<number, Set<PeerId>> = new Map()

  constructor(seed: number) {
    this.random = seededRandom(seed)
    this.log = new FakeLog(32 + this.random.int(400), [10, 2_000, 500_000][this.random.int(3)]!)
    this.exchange = new Exchange(this.log, () => this.random.next())
    this.loss = [0, 0, 0.05, 0.3][this.random.int(4)]!
    this.#storeMs = [0, 3, 400][this.random.int(3)]!
  }

  addPeer(isFull: boolean): void {
    const { random, log } = this
    const { id, remote } = this.exchange.addPeer(this.now)
    const share = isFull ? 1 : random.next()
    const isHonest = isFull || random.int(4) > 0
    const announced = new Set<number>()
    for (let i = 0; i < log.length; i++) if (isFull || random.next() < share) announced.add(i)
    const has = new Set([...announced].filter(() => isHonest || random.int(2) === 0))
    const delayMs = 1 + random.int(random.int(3) === 0 ? 700 : 40)
    this.peers.set(id, { id, remote, has, announced, isHonest, delayMs })
    const flags = { canUpgrade: false, uploading: true, downloading: true }
    remote.sync(
      {
        ...flags,
        fork: 0,
        length: log.length,
        remoteLength: log.length,
        hasManifest: true,
        allowPush: false
      },
      0
    )
    if (isFull) remote.setRange({ drop: false, start: 0, length: log.length })
    else for (const index of announced) remote.setRange({ drop: false, start: index, length: 1 })
    this.exchange.heardFrom(id)
  }

  removePeer(id: PeerId): void {
    this.peers.delete(id)
    this.exchange.removePeer(id)
    for (const askers of this.asked.values()) askers.delete(id)
  }

  addNeed(): void {
    const { random, log } = this
    const start = random.int(log.length)
    const end = Math.min(log.length, start + 1 + random.int(80))
    const pick = random.int(3)
    const list = Array.from({ length: 5 }, () => random.int(log.length))
    const id =
      pick === 0
        ? this.exchange.addNeed({ kind: 'block', index: start })
        : this.exchange.addNeed({
            kind: 'range',
            start: pick === 1 ? start : Math.min(...list),
            end: pick === 1 ? end : Math.max(...list) + 1,
            linear: random.int(2) === 0,
            blocks: pick === 1 ? null : list
          })
    const blocks = new Set(pick === 0 ? [start] : list)
    if (pick === 1) {
      blocks.clear()
      for (let i = start; i < end; i++) blocks.add(i)
    }
    if (pick === 0 && log.has(start)) {
      this.exchange.dropNeed(id)
      return
    }
    const range = this.exchange.demand.ranges.get(id)
    if (range !== undefined && this.exchange.demand.isMet(range, log)) this.exchange.dropNeed(id)
    else this.waiting.set(id, blocks)
  }

  dropNeed(id: NeedId): void {
    this.waiting.delete(id)
    for (const asked of this.exchange.dropNeed(id)) this.forget(asked)
  }

  forget({ peer, request }: Asked): void {
    if (request.block !== null) this.asked.get(request.block.index)?.delete(peer)
  }

  pump(): void {
    for (const asked of this.exchange.expire(this.now)) this.forget(asked)
    let again = true
    while (again) {
      again = false
      for (const peer of [...this.peers.values()]) {
        const asked = this.exchange.nextRequest(peer.id, this.now)
        if (asked === null) continue
        again = true
        this.#send(peer, asked)
        this.check()
      }
    }
  }

  at(delayMs: number, run: () => void): void {
    this.#tasks.push({ at: this.now + delayMs, order: this.#order++, run })
  }

  /** One due task, or a tick; false when there is nothing to wait for. */
  step(): boolean {
    this.#tasks.sort((a, b) => a.at - b.at || a.order - b.order)
    const next = this.#tasks[0]
    const tickAt = this.now + TICK_MS
    if (next !== undefined && next.at <= tickAt) {
      this.#tasks.shift()
      this.now = next.at
      next.run()
    } else {
      this.now = tickAt
    }
    this.pump()
    this.check()
    return next !== undefined || this.exchange.inflight.totalAsked() > 0
  }

  check(): void {
    try {
      this.exchange.assertInvariants()
    } catch (error) {
      this.failures.push(String(error))
    }
  }

  fail(message: string): void {
    this.failures.push(`${message} at ${this.now} ms`)
  }

  #send(peer: FakePeer, asked: Asked): void {
    this.requests++
    const index = asked.request.block?.index
    if (index === undefined) {
      this.fail('a question for no block')
      return
    }
    if (!peer.announced.has(index)) this.fail(`block ${index} asked of a peer without it`)
    if (this.log.has(index)) this.fail(`block ${index} asked though it is held`)
    const askers = this.asked.get(index) ?? new Set()
    this.asked.set(index, askers)
    if (askers.has(peer.id)) this.fail(`block ${index} asked twice of one peer at a time`)
    askers.add(peer.id)
    if (this.random.next() < this.loss) return
    this.at(peer.delayMs + this.random.int(5), () => this.#answer(peer, asked, index))
  }

  #answer(peer: FakePeer, asked: Asked, index: number): void {
    if (!this.peers.has(peer.id)) return
    const bytes = peer.has.has(index) ? 100 : 0
    const arrived = this.exchange.arrived(peer.id, asked.id, bytes, this.now)
    this.exchange.heardFrom(peer.id)
    if (arrived === null) return
    if (bytes === 0) {
      peer.remote.lacks(index)
      peer.announced.delete(index)
      this.forget(asked)
      this.#met(this.exchange.settle(asked, 0))
      return
    }
    this.at(this.random.int(this.#storeMs + 1), () => this.#store(asked, index))
  }

  #store(asked: Asked, index: number): void {
    if (this.log.has(index)) this.duplicates++
    this.log.held[index] = true
    this.stored++
    this.forget(asked)
    this.#met(this.exchange.settle(asked, 100))
    const presence = { start: index, length: 1, present: true }
    this.#met(this.exchange.advanced({ headChanged: false, cutTo: null, presence }))
  }

  #met(ids: readonly NeedId[]): void {
    for (const id of ids) {
      const blocks = this.waiting.get(id)
      if (blocks === undefined) this.fail(`need ${id} was met twice, or after it was dropped`)
      for (const index of blocks ?? []) {
        if (!this.log.has(index)) this.fail(`need ${id} was met without block ${index}`)
      }
      this.waiting.delete(id)
    }
  }
}

function live(seed: number): World {
  const world = new World(seed)
  const { random } = world
  const peerCount = 1 + random.int(5)
  for (let i = 0; i < peerCount; i++) world.addPeer(false)
  for (let i = 0; i < 8; i++) world.addNeed()
  // The storm: loss, churn, new wishes and wishes given up.
  for (let i = 0; i < 300; i++) {
    world.step()
    const event = random.int(40)
    if (event === 0) world.addPeer(false)
    else if (event === 1) world.addNeed()
    else if (event === 2 && world.peers.size > 0) {
      world.removePeer([...world.peers.keys()][random.int(world.peers.size)]!)
    } else if (event === 3 && world.waiting.size > 0) {
      world.dropNeed([...world.waiting.keys()][random.int(world.waiting.size)]!)
    }
    world.check()
  }
  // The calm: nothing is lost, and one honest peer has all.
  world.loss = 0
  world.addPeer(true)
  const calmFrom = world.now
  for (let i = 0; i < MAX_STEPS && world.waiting.size > 0; i++) world.step()
  if (world.waiting.size > 0) world.fail(`${world.waiting.size} needs are not met`)
  const tookMs = world.now - calmFrom
  if (tookMs > 3 * REQUEST_TIMEOUT_MS) world.fail(`the needs took ${tookMs} ms`)
  for (let i = 0; i < MAX_STEPS && world.step(); i++);
  for (let i = 0; i < world.log.length; i++) {
    if (world.exchange.inflight.isClaimed(i)) world.fail(`block ${i} is still claimed`)
  }
  if (world.exchange.demand.count !== 0) world.fail('demand is left')
  if (world.exchange.inflight.verifyingCount !== 0) world.fail('something is being verified')
  return world
}

test('Exchange and fake peers', { timeout: seedsFor(30_000, 900_000) }, (t) => {
  let [requests, stored, duplicates] = [0, 0, 0]
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = live(seed)
    if (world.failures.length > 0) {
      t.fail(`seed ${seed}: ${world.failures.length} failures: ${world.failures[0]}`)
    }
    requests += world.requests
    stored += world.stored
    duplicates += world.duplicates
  }
  t.ok(stored > SEEDS * 20, `${stored} blocks stored in ${requests} questions`)
  t.ok(duplicates < stored * 0.2, `${duplicates} stored twice, after ${DUPLICATE_AFTER_MS} ms`)
})

test('without loss, and with fast peers, nothing is stored twice', { timeout: 20_000 }, (t) => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new World(seed)
    world.loss = 0
    const fast = 3
    for (let i = 0; i < fast; i++) world.addPeer(true)
    const calm = [...world.peers.values()].every(({ delayMs }) => delayMs < 60)
    for (let i = 0; i < 6; i++) world.addNeed()
    world.pump()
    for (let i = 0; i < MAX_STEPS && world.waiting.size > 0; i++) world.step()
    if (world.failures.length > 0) t.fail(`seed ${seed}: ${world.failures[0]}`)
    if (world.waiting.size > 0) t.fail(`seed ${seed}: ${world.waiting.size} needs are left`)
    if (calm && world.duplicates > 0) t.fail(`seed ${seed}: ${world.duplicates} stored twice`)
  }
  t.pass(`${SEEDS} seeds`)
})

test('words of the fake log agree with its blocks', (t) => {
  const log = new FakeLog(70, 1)
  log.held[33] = true
  t.is(log.word(0), 0)
  t.is(lowestBit(log.word(32)), 1)
})
