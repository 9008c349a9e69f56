// RestingCore: what is known and what can be done while a log rests is the same as while it is awake; who may not rest.
import { type Assertions, test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import type { CoreOptions } from '../../lib/core/opening.ts'
import { RestRoster } from '../../lib/core/rest-roster.ts'
import { RestingCore } from '../../lib/core/resting-core.ts'
import { emptyRequest, type Proof } from '../../lib/merkle/proof.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { memoryStorage } from '../../lib/storage/memory-storage.ts'
import { toHex } from '../../lib/util/bytes.ts'
import { ManualEnv } from '../helpers/manual-env.ts'
import { RecordedDisk } from '../helpers/recorded-disk.ts'
import { errorOf } from '../helpers/replication.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const upgradeTo = (length: number): typeof emptyRequest => ({
  ...emptyRequest,
  manifest: true,
  upgrade: { start: 0, length }
})

/** As text: bytes in hex, whatever class they are of. */
function plain(value: unknown): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key, each) {
    const bare = this[key]
    return bare instanceof Uint8Array ? toHex(bare) : each
  })
}

class Bed {
  readonly env = new ManualEnv()
  readonly roster: RestRoster = new RestRoster(this.env, {
    maxAwake: 2,
    restAfterMs: 10_000,
    crowdedRestAfterMs: 1_000
  })
  disk = new RecordedDisk()
  /** How often the files were opened. */
  openings = 0

  async open(options: CoreOptions = {}): Promise<RestingCore> {
    return RestingCore.open(new Uint8Array(32), options, {
      openFiles: async () => {
        this.openings++
        return LogFiles.open(this.disk.factory)
      },
      roster: this.roster
    })
  }

  async rested(blocks: readonly string[], options: CoreOptions = {}): Promise<RestingCore> {
    const core = await this.open(options)
    if (blocks.length > 0) await core.append(blocks.map(bytes))
    if (!(await core.rest())) throw new Error('It does not rest')
    return core
  }
}

/** All that is known without the files. */
function known(core: RestingCore): string[] {
  const parts = [
    [core.fork, core.length, core.byteLength, core.contiguousLength, core.durableLength],
    [core.writable, core.readOnly, core.frozen, core.hasManifest, core.canSync],
    [core.evidence, core.behind, core.conflict, [...core.damages]],
    [core.key, core.discoveryKey, core.keyPair, core.manifest, core.tree],
    [[...core.userDataNames], core.userData('who'), core.userData('nobody')],
    [0, 1, 31, 39, 40, 1e9].map((index) => [core.has(index), core.holds(index)]),
    [core.holdsAll(0, 40), core.holdsAll(39, 41), core.holdsAll(40, 40)],
    [0, 32, 64].map((start) => core.word(start)),
    [true, false].map((present) =>
      [
        [0, 40],
        [0, 41],
        [40, 90],
        [50, 90],
        [7, 7]
      ].map(([start = 0, end = 0]) => core.findBlock(start, end, present))
    )
  ]
  return parts.map(plain)
}

test('at rest the same is known, with no file open', async (t) => {
  const bed = new Bed()
  const core = await bed.open()
  await core.append(Array.from({ length: 40 }, (_, i) => bytes(`block ${i}`)))
  await core.setUserData('who', bytes('me'))
  const awake = known(core)
  t.ok(await core.rest())
  t.alike([core.isAwake, bed.roster.awakeCount], [false, 0])
  t.alike(known(core), awake)
  t.is(core.readNow(0), null, 'what would have to be read is not there at once')
  core.userData('who')?.fill(0)
  t.is(plain(core.userData('who')), plain(bytes('me')), 'a copy is given out')
  t.is(await core.rest(), false, 'it rests already')
  t.is(bed.openings, 1)
  await core.close()
})

test('whatever needs the files wakes it, and gives what it gives awake', async (t) => {
  const bed = new Bed()
  const core = await bed.rested(['a', 'bc', 'def'])
  const other = await Core.open(await LogFiles.open(memoryStorage()), { key: core.key })
  let woken = 0
  const wakes = async (name: string, work: () => Promise<unknown>, is: unknown): Promise<void> => {
    const got = await work()
    t.is(plain(got), plain(is), name)
    t.ok(core.isAwake && bed.openings === ++woken + 1, `${name} wakes it`)
    t.ok(await core.rest(), `rests after ${name}`)
  }
  await wakes('read', () => core.read(1), bytes('bc'))
  await wakes('byteOffset', () => core.byteOffset(2), 3)
  await wakes('canUpgradeFrom', () => core.canUpgradeFrom(1), true)
  await wakes('treeHash', async () => (await core.treeHash())?.byteLength, 32)
  await wakes('seek', async () => (await core.seek(4)) !== null, true)
  await wakes('audit', async () => (await core.audit()).findings.length, 0)
  await wakes('a proof of a block', () => proven(other, core, 1), bytes('bc'))
  await wakes('storage', async () => (await core.storage()) !== null, true)
  await wakes('setUserData', () => core.setUserData('k', bytes('v')), undefined)
  await wakes('append', async () => (await core.append([bytes('4')])).length, 4)
  await wakes('draftAppend', async () => (await core.draftAppend([bytes('5')])).length, 5)
  await wakes('truncate', async () => (await core.truncate(3)).length, 3)
  t.is(plain([core.length, core.fork, core.userData('k')]), plain([3, 1, bytes('v')]))
  await core.close()
  await other.close()
})

async function proven(other: Core, core: RestingCore, index: number): Promise<unknown> {
  const block = { index, nodes: 0 }
  const proof = await core.prove({ ...upgradeTo(core.length), fork: core.fork, block })
  if (proof !== null) await other.accept(proof)
  return other.read(index)
}

test('what peers ask and tell first is answered at rest', async (t) => {
  const bed = new Bed()
  const core = await bed.rested(['a', 'b', 'c'])
  const proof: Proof | null = await core.prove(upgradeTo(3))
  const reader = await Core.open(await LogFiles.open(memoryStorage()), { key: core.key })
  if (proof !== null) await reader.accept(proof)
  t.is(reader.length, 3, 'the proof of the head convinces')
  t.alike([await core.canUpgradeFrom(0), await core.canUpgradeFrom(3)], [true, true])
  t.is(await core.canUpgradeFrom(4), false)
  t.is(proof && (await core.judge(proof)), 'same')
  await core.flush()
  t.alike([core.isAwake, bed.openings], [false, 1])
  await reader.close()
  await core.close()
})

test('events go on after waking, from the core that is awake, once', async (t) => {
  const core = await new Bed().rested(['a'])
  const heard: unknown[] = []
  core.onChange((change) => heard.push(change.ancestor))
  const off = core.on('applied', (change) => heard.push(['applied', change.ancestor]))
  await core.append([bytes('b')])
  t.ok(await core.rest())
  off()
  await core.append([bytes('c')])
  t.alike(heard, [['applied', 1], 1, 2])
  await core.close()
})

test('calls of one moment wake it once, and take effect in order', async (t) => {
  const bed = new Bed()
  const core = await bed.rested([])
  const heads = await Promise.all(
    Array.from({ length: 20 }, (_, i) => core.append([bytes(`${i}`)]))
  )
  t.alike(
    heads.map((head) => head.length),
    Array.from({ length: 20 }, (_, i) => i + 1)
  )
  t.is(bed.openings, 2)
  await core.close()
})

test('nobody is sent to rest who is in use, lacks a block, or has something unsynced', async (t) => {
  const bed = new Bed()
  const core = await bed.open({ durability: 'process' })
  await core.append([bytes('a')])
  t.absent(await core.rest(), 'not synced')
  await core.flush()
  const under = core.append([bytes('b')])
  t.absent(await core.rest(), 'a call is under way')
  await under
  await core.flush()
  const reading = core.read(0)
  t.absent(await core.rest(), 'a read is under way')
  t.is(plain(await reading), plain(bytes('a')))
  await core.flush()
  t.ok(await core.rest())
  await core.clear(0, 1)
  await core.flush()
  t.absent(await core.rest(), 'a block is missing')
  t.alike([core.has(0), core.has(1)], [false, true])
  await core.close()
  t.absent(await core.rest(), 'closed')
})

test('a copy whose last block is not yet synced stays awake', async (t) => {
  const writer = await Core.open(await LogFiles.open(memoryStorage()))
  await writer.append([bytes('a')])
  const bed = new Bed()
  const { key } = writer
  const copy = await bed.open({ key })
  const head = await writer.prove(upgradeTo(1))
  if (head !== null) await copy.accept(head)
  const block = await writer.prove({ ...emptyRequest, block: { index: 0, nodes: 0 } })
  if (block !== null) await copy.accept(block)
  t.alike([copy.length, copy.contiguousLength], [1, 1])
  t.absent(await copy.rest())
  await copy.flush()
  t.ok(await copy.rest())
  await copy.close()
  await writer.close()
})

test('a rest that is begun is waited for', async (t) => {
  const bed = new Bed()
  const core = await bed.open()
  await core.append([bytes('a')])
  const resting = core.rest()
  t.is(plain(await core.read(0)), plain(bytes('a')))
  t.ok(await resting)
  t.is(bed.openings, 2)
  const again = core.rest()
  await core.close()
  t.ok(await again)
  t.is(await errorOf(core.read(0)), 'StateError CLOSED')
  t.is(core.readNow(0), null)
})

test('closed while it wakes up', async (t) => {
  const bed = new Bed()
  const core = await bed.rested(['a'])
  const read = core.read(0)
  await core.close()
  const outcome = await errorOf(read)
  t.ok(outcome === 'none' || outcome === 'StateError CLOSED', outcome)
  t.alike([core.status, bed.roster.awakeCount, bed.env.timerCount], ['closed', 0, 0])
})

test('purged at rest: its files are gone', async (t) => {
  const bed = new Bed()
  const core = await bed.rested(['a'])
  await core.purge()
  t.is(core.status, 'closed')
  t.is(await errorOf(core.append([bytes('b')])), 'StateError CLOSED')
})

test('the disk fell back meanwhile: told as a change, nothing is signed twice', async (t) => {
  const bed = new Bed()
  const core = await bed.open()
  await core.append([bytes('a')])
  t.ok(await core.rest())
  const older = new Map([...bed.disk.images].map(([name, image]) => [name, image.slice()]))
  await core.append([bytes('b')])
  t.ok(await core.rest())
  bed.disk = new RecordedDisk(older)
  const heard: number[] = []
  core.onChange((change) => heard.push(change.ancestor))
  t.is(core.length, 2)
  t.is(plain(await core.read(0)), plain(bytes('a')))
  t.alike([core.length, core.has(1), heard], [1, false, [1]])
  await core.close()
})

test('files that do not open are an error to who needs them, and no end of the log', async (t) => {
  const bed = new Bed()
  const core = await bed.rested(['a'])
  bed.disk.fault = (kind) => (kind === 'read' ? new Error('EIO') : null)
  t.is(await errorOf(core.read(0)), 'StorageError READ_FAILED')
  t.alike([core.length, core.has(0), core.isAwake], [1, true, false])
  bed.disk.fault = () => null
  t.is(plain(await core.read(0)), plain(bytes('a')))
  await core.close()
})

test('the roster sends to rest who was not used for a while, sooner in a crowd', async (t) => {
  const bed = new Bed()
  const first = await bed.open()
  await first.append([bytes('a')])
  await advance(bed, 9_000)
  t.ok(first.isAwake)
  await first.read(0)
  await advance(bed, 9_000)
  t.ok(first.isAwake, 'used meanwhile')
  await advance(bed, 3_000)
  t.absent(first.isAwake)
  t.is(bed.env.timerCount, 0, 'no timer while nobody is awake')

  const others = [first]
  await first.read(0)
  for (let i = 0; i < 2; i++) others.push(await crowdMember(t, bed))
  t.is(bed.roster.awakeCount, 3)
  await advance(bed, 2_500)
  t.is(bed.roster.awakeCount, 0, 'more than two are awake: a second is enough')
  for (const core of others) await core.close()
})

async function crowdMember(t: Assertions, bed: Bed): Promise<RestingCore> {
  const core = await RestingCore.open(
    new Uint8Array(32),
    {},
    { openFiles: () => LogFiles.open(memoryStorage()), roster: bed.roster }
  )
  t.ok(core.isAwake)
  return core
}

async function advance(bed: Bed, ms: number): Promise<void> {
  for (let done = 0; done < ms; done += 500) {
    bed.env.advance(500)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
