// T-ROT: any damage to any file of a closed or killed log. Every block is right, or there is an error, or it is known
// to be absent; a log that lost acknowledged entries says so and signs nothing beside what it signed before, also when
// it is opened twice or told to go on; the audit sees what did harm; repair, with salvage where the log does not open,
// and a sound peer make every block right again.
import { type Assertions, test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import { salvage } from '../../lib/core/rescue/salvage.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { LogwoodError, StorageError } from '../../lib/errors.ts'
import { depthOf, endOf, rootsOf } from '../../lib/merkle/flat-tree.ts'
import { emptyRequest } from '../../lib/merkle/proof.ts'
import type { TreeHead } from '../../lib/merkle/tree.ts'
import { checksum } from '../../lib/storage/checksum.ts'
import { NODE_BYTES } from '../../lib/storage/constants.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { emptyBytes, equalBytes, toHex } from '../../lib/util/bytes.ts'
import { writeUint64 } from '../../lib/util/codec.ts'
import { seedsFor, tellFigures } from '../helpers/long.ts'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'
import { type Images, RecordedDisk } from '../helpers/recorded-disk.ts'
import { copyImages, damage, KINDS, type OtherImages, ROT_FILES } from '../helpers/rot.ts'

const LIMITS = { halfBytes: 8192, inlineLimitBytes: 600 }

/** A log, all heads it ever signed, and a copy that a peer holds. */
interface Subject extends OtherImages {
  readonly name: string
  readonly images: Images
  readonly blocks: readonly Uint8Array[]
  /** Of each fork, all blocks it ever had. */
  readonly histories: readonly (readonly Uint8Array[])[]
  readonly key: Uint8Array
  readonly signed: ReadonlyMap<string, string>
  readonly peer: Core
}

const open = async (images: Images | RecordedDisk, key?: Uint8Array): Promise<Core> => {
  const disk = images instanceof RecordedDisk ? images : new RecordedDisk(images)
  return Core.open(await LogFiles.open(disk.factory), {
    createIfMissing: false,
    limits: LIMITS,
    ...(key === undefined ? {} : { key })
  })
}

const nameOf = (head: TreeHead): string => `${head.fork}/${head.length}`

/** Appends, truncations, and an older copy on the way; closed at the end, or left as a kill leaves it. */
async function record(closed: boolean, seed: number): Promise<Omit<Subject, 'foreign' | 'peer'>> {
  const random = seededRandom(seed)
  const disk = new RecordedDisk()
  const owner = { keyPair: createKeyPair(random.bytes(32)), limits: LIMITS }
  let core = await Core.open(await LogFiles.open(disk.factory), owner)
  const { key } = core
  const signed = new Map<string, string>()
  const blocks: Uint8Array[] = []
  const histories: Uint8Array[][] = []
  const note = (head: TreeHead): void => void signed.set(nameOf(head), toHex(head.rootHash))
  const append = async (calls: number): Promise<void> => {
    for (let i = 0; i < calls; i++) {
      const more = Array.from({ length: 1 + random.int(4) }, () =>
        random.bytes(20 + random.int(200))
      )
      blocks.push(...more)
      note(await core.append(more))
    }
  }
  const cut = async (count: number): Promise<void> => {
    histories.push(blocks.slice())
    blocks.length -= count
    note(await core.truncate(blocks.length))
  }
  await append(12)
  await cut(6)
  await append(3)
  await core.close()
  const older = copyImages(disk.images)
  core = await open(disk)
  await append(5)
  await cut(9)
  await append(10)
  histories.push(blocks)
  if (closed) await core.close()
  const images = copyImages(disk.images)
  if (!closed) await core.close()
  return { name: closed ? 'closed' : 'killed', images, older, blocks, histories, key, signed }
}

/** Another log of that history, as a peer that has all of it would hold it. */
async function copyOf(images: Images, key: Uint8Array): Promise<Core> {
  const source = await open(copyImages(images))
  const disk = new RecordedDisk()
  const core = await Core.open(await LogFiles.open(disk.factory), { key, limits: LIMITS })
  await catchUp(core, source)
  await source.close()
  return core
}

/** What replication does, without the wire: the head, then each block that is not held. */
async function catchUp(core: Core, peer: Core): Promise<void> {
  const { fork, length } = peer
  const start = core.fork === fork ? core.length : 0
  const isBehind = core.fork !== fork || core.length < length
  if (isBehind && length > 0) {
    const upgrade = { start, length: length - start }
    const proof = await peer.prove({
      ...emptyRequest,
      fork,
      manifest: core.manifest === null,
      upgrade
    })
    if (proof !== null) await core.accept(proof)
  }
  for (let index = 0; index < core.length; index++) {
    if (core.holds(index)) continue
    const root = rootsOf(length).find((each) => index < endOf(each)) ?? 0
    const block = { index, nodes: depthOf(root) }
    const proof = await peer.prove({ ...emptyRequest, fork, block })
    if (proof !== null) await core.accept(proof)
  }
}

async function makeSubject(closed: boolean): Promise<Subject> {
  const log = await record(closed, closed ? 5 : 6)
  const foreign = (await record(closed, closed ? 7 : 8)).images
  return { ...log, foreign, peer: await copyOf(log.images, log.key) }
}

class Failure extends Error {}

/** All that a log gives out after the damage: 'right', 'absent', 'error', 'behind'. @throws Failure */
async function read(core: Core, { blocks, histories }: Subject): Promise<string> {
  if (core.behind === null && core.writable && core.length !== blocks.length) {
    throw new Failure(`LOSS UNNOTICED: length ${core.length}`)
  }
  let result = core.behind === null && core.length === blocks.length ? 'right' : 'behind'
  const history = histories[core.fork]
  for (let index = 0; index < core.length; index++) {
    try {
      const block = await core.read(index)
      if (block === null) result = 'absent'
      else if (history !== undefined && !equalBytes(block, history[index] ?? emptyBytes)) {
        throw new Failure(`WRONG BYTES in block ${index}`)
      }
    } catch (error) {
      if (!(error instanceof LogwoodError)) throw error
      result = 'error'
    }
  }
  return result
}

/** Signs what the log lets us sign. @throws Failure if it stands beside what was signed before */
async function sign(core: Core, { signed }: Subject): Promise<void> {
  if (!core.writable) return
  const made: TreeHead[] = []
  const push = async (): Promise<void> => void made.push(await core.append([new Uint8Array([1])]))
  await push().catch(refused)
  if (core.behind !== null && core.manifest !== null) {
    await core.resume({ trust: 'local' }).catch(refused)
    for (let i = 0; i < 3; i++) await push().catch(refused)
  }
  for (const head of made) {
    const before = signed.get(nameOf(head))
    if (before !== undefined && before !== toHex(head.rootHash)) {
      throw new Failure(`SECOND HISTORY SIGNED at ${nameOf(head)}`)
    }
  }
}

function refused(error: unknown): null {
  if (!(error instanceof LogwoodError)) throw error
  return null
}

/** Outcome of opening and reading, twice, and of signing. @throws Failure, or what is no error of ours */
async function outcome(images: Images, subject: Subject): Promise<string> {
  const disk = new RecordedDisk(images)
  let result = 'error'
  for (const turn of [1, 2]) {
    let core: Core
    try {
      core = await open(disk)
    } catch (error) {
      if (error instanceof LogwoodError) return 'error'
      throw error
    }
    if (!equalBytes(core.key, subject.key)) {
      if (core.writable) throw new Failure('OTHER KEY, writable')
      await core.close()
      return 'other key'
    }
    const now = await read(core, subject)
    if (turn === 1) result = now
    else await sign(core, subject)
    await core.close()
  }
  return result
}

/** What the audit says of the damaged files, read only; null: they do not open. */
async function audited(images: Images): Promise<string[] | null> {
  const disk = new RecordedDisk(images)
  try {
    const files = await LogFiles.open(disk.factory, { readOnly: true })
    const core = await Core.open(files, { createIfMissing: false, readOnly: true, limits: LIMITS })
    const { findings } = await core.audit({ deep: true })
    await core.close()
    if (disk.trace.some((op) => op.kind !== 'sync')) throw new Failure('the audit wrote')
    return findings.map(({ kind, file, byteOffset }) => `${kind} ${file} ${byteOffset}`)
  } catch (error) {
    if (error instanceof LogwoodError) return null
    throw error
  }
}

/** Repair, after salvage if need be, and a sound peer. @throws Failure if a block is not right then */
async function healed(images: Images, subject: Subject): Promise<string> {
  const disk = new RecordedDisk(images)
  const { key, peer, blocks } = subject
  let how = 'repair'
  let core: Core
  try {
    core = await open(disk, key)
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    how = 'salvage'
    await salvage(await LogFiles.open(disk.factory), { key, limits: LIMITS })
    core = await open(disk, key)
    if (core.behind === null && core.writable) throw new Failure('salvaged, and appendable at once')
  }
  const before = core.length
  await core.repair()
  if (core.length < before) throw new Failure('repair made the log shorter')
  await catchUp(core, peer)
  await core.repair()
  await catchUp(core, peer)
  await core.close()
  const again = await open(disk, key)
  if (again.length !== blocks.length) throw new Failure(`healed to length ${again.length}`)
  for (let index = 0; index < blocks.length; index++) {
    const block = await again.read(index)
    if (block === null || !equalBytes(block, blocks[index]!)) {
      throw new Failure(`block ${index} is not right after ${how}`)
    }
  }
  const left = (await again.audit({ deep: true })).findings.filter(
    ({ severity }) => severity === 'damage'
  )
  await again.close()
  if (left.length > 0) throw new Failure(`after ${how}: ${left[0]!.message}`)
  return how
}

async function attempt(
  t: Assertions,
  what: string,
  tally: Map<string, number>,
  work: () => Promise<string>
): Promise<string> {
  let result: string
  try {
    result = await work()
  } catch (error) {
    result = 'FAILED'
    t.fail(`${what}: ${error instanceof Failure ? error.message : (error as Error).stack}`)
  }
  tally.set(result, (tally.get(result) ?? 0) + 1)
  return result
}

for (const closed of [true, false]) {
  test(`rot, ${closed ? 'closed' : 'killed'}`, { timeout: 1_800_000 }, async (t) => {
    const subject = await makeSubject(closed)
    t.is(await outcome(copyImages(subject.images), subject), 'right', 'undamaged')
    t.alike(
      await audited(copyImages(subject.images)),
      [],
      'an audit of the undamaged finds nothing'
    )
    const rounds = seedsFor(340, 3400)
    const tally = new Map<string, number>()
    for (let round = 0; round < rounds; round++) {
      const file = ROT_FILES[round % ROT_FILES.length]!
      const kind = KINDS[Math.floor(round / ROT_FILES.length) % KINDS.length]!
      const damaged = copyImages(subject.images)
      damage(damaged, file, kind, seededRandom(1000 + round), subject)
      const what = `${kind}, ${file}, round ${round}`
      const found = await audited(copyImages(damaged))
      const result = await attempt(t, what, tally, () => outcome(copyImages(damaged), subject))
      if (result !== 'right' && found !== null && found.length === 0 && !isKeyLost(file, kind)) {
        t.fail(`${what}: ${result}, and the audit finds nothing`)
      }
      await attempt(t, `${what}, healing`, tally, () => healed(copyImages(damaged), subject))
    }
    tellFigures(t, `T-ROT ${subject.name}`, { damages: rounds, ...Object.fromEntries(tally) })
    t.is(tally.get('FAILED') ?? 0, 0)
    await subject.peer.close()
  })
}

/** Without its secret a log is a reader's, and nothing is wrong with that. */
function isKeyLost(file: string, kind: string): boolean {
  return file === 'secret' && (kind === 'removed' || kind === 'nothing')
}

test('rot, two damages at once', { timeout: 1_800_000 }, async (t) => {
  const rounds = seedsFor(200, 2000)
  const tally = new Map<string, number>()
  for (const closed of [true, false]) {
    const subject = await makeSubject(closed)
    for (let round = 0; round < rounds / 2; round++) {
      const random: SeededRandom = seededRandom(round)
      const damaged = copyImages(subject.images)
      const list: string[] = []
      for (let i = 0; i < 2; i++) {
        const file = ROT_FILES[random.int(ROT_FILES.length)]!
        const kind = KINDS[random.int(KINDS.length)]!
        damage(damaged, file, kind, random, subject)
        list.push(`${kind}, ${file}`)
      }
      await attempt(t, `${list.join(' and ')}, round ${round}`, tally, () =>
        outcome(damaged, subject)
      )
    }
    await subject.peer.close()
  }
  tellFigures(t, 'T-ROT two at once', { damages: rounds, ...Object.fromEntries(tally) })
  t.is(tally.get('FAILED') ?? 0, 0)
})

test('repair and salvage can be begun again wherever they were cut short', {
  timeout: 600_000
}, async (t) => {
  const subject = await makeSubject(true)
  const cases = [
    ['64 random bytes', 'nodes'],
    ['flip at head', 'blocks'],
    ['older', 'oplog'],
    ['nothing', 'oplog'],
    ['zeroed page', 'presence'],
    ['of another log', 'nodes']
  ] as const
  const tally = new Map<string, number>()
  let cuts = 0
  for (const [kind, file] of cases) {
    const damaged = copyImages(subject.images)
    damage(damaged, file, kind, seededRandom(17), subject)
    const disk = new RecordedDisk(damaged)
    await open(disk, subject.key)
      .catch(async () => {
        await salvage(await LogFiles.open(disk.factory), { key: subject.key, limits: LIMITS })
        return open(disk, subject.key)
      })
      .then(async (core) => {
        await core.repair()
        await core.close()
      })
    const step = Math.max(1, Math.floor(disk.trace.length / seedsFor(12, 200)))
    for (let cut = 0; cut <= disk.trace.length; cut += step) {
      const torn = cut % 2 === 0 ? 0 : 13
      const images = disk.killedAt(cut, torn)
      await attempt(t, `${kind}, ${file}, cut ${cut}`, tally, () => healed(images, subject))
      const core = await open(disk.killedAt(cut, torn), subject.key).catch(refused)
      if (core !== null) {
        await attempt(t, `${kind}, ${file}, cut ${cut}, signing`, tally, async () => {
          await sign(core, subject)
          return 'signed nothing twice'
        })
        await core.close()
      }
      cuts++
    }
  }
  await subject.peer.close()
  tellFigures(t, 'T-ROT repair cut short', { cuts, ...Object.fromEntries(tally) })
  t.is(tally.get('FAILED') ?? 0, 0)
})

test('each bit of an inner node that nobody reads is seen by the audit', async (t) => {
  const { images } = await record(true, 9)
  const random = seededRandom(3)
  const nodes = images.get('nodes')!
  let tried = 0
  for (let nodeIndex = 1; nodeIndex < 60; nodeIndex += 4) {
    const damaged = copyImages(images)
    damaged.get('nodes')![nodeIndex * 48 + random.int(44)]! ^= 1 << random.int(8)
    if (nodes.subarray(nodeIndex * 48, nodeIndex * 48 + 48).every((byte) => byte === 0)) continue
    const found = await audited(damaged)
    t.ok(
      found?.some((each) => each === `node nodes ${nodeIndex * 48}`),
      `node ${nodeIndex}: ${found?.join(', ')}`
    )
    tried++
  }
  t.ok(tried > 8)
})

test('a sound record of another hash is seen by the audit, and repaired', async (t) => {
  const log = await record(true, 9)
  const peer = await copyOf(log.images, log.key)
  for (const nodeIndex of [3, 9, 0, 15]) {
    const damaged = copyImages(log.images)
    const at = nodeIndex * NODE_BYTES
    const node = damaged.get('nodes')!.subarray(at, at + NODE_BYTES)
    node[20]! ^= 1
    const position = new Uint8Array(8)
    writeUint64(position, 0, nodeIndex)
    const crc = checksum(node.subarray(0, 40), checksum(position))
    new DataView(node.buffer, node.byteOffset).setUint32(40, crc, true)
    const found = await audited(copyImages(damaged))
    t.ok(
      found?.some((each) => each.startsWith('parent-hash nodes')),
      `node ${nodeIndex}: ${found?.join(', ')}`
    )
    t.is(await healed(damaged, { ...log, foreign: log.older, peer }), 'repair')
  }
  await peer.close()
})
