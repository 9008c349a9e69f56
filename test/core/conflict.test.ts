// Two histories under one key are told from one history, and from false accusations.
import { type Assertions, test } from 'brittle'
import { RESUME_FORK_STEP } from '../../lib/core/constants.ts'
import { Core } from '../../lib/core/core.ts'
import { type ConflictContext, compareHistories } from '../../lib/core/histories/conflict.ts'
import { verifyConflict } from '../../lib/core/histories/conflict-format.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { emptyRequest, type Proof } from '../../lib/merkle/proof.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { memoryStorage } from '../../lib/storage/memory-storage.ts'
import { fromUtf8, toUtf8 } from '../../lib/util/bytes.ts'
import { RecordedDisk } from '../helpers/recorded-disk.ts'
import { errorOf } from '../helpers/replication.ts'

const keyPair = createKeyPair(new Uint8Array(32).fill(3))

async function logOf(t: Assertions, texts: readonly string[]): Promise<Core> {
  const core = await Core.open(await LogFiles.open(memoryStorage()), { keyPair })
  t.teardown(() => core.close())
  await core.append(texts.map(fromUtf8))
  return core
}

function contextOf(core: Core): ConflictContext {
  const { key, manifest, tree } = core
  return { key, manifest, tree, proveUpTo: (length) => upTo(core, length) }
}

async function upTo(core: Core, length: number, fork = 0): Promise<Proof> {
  const proof = await core.prove({ ...emptyRequest, fork, upgrade: { start: 0, length } })
  if (proof === null) throw new Error('The log cannot be proven')
  return proof
}

function withSignature(proof: Proof, change: (signature: Uint8Array) => void): Proof {
  const signature = proof.upgrade!.signature.slice()
  change(signature)
  return { ...proof, upgrade: { ...proof.upgrade!, signature } }
}

const flipped = (signature: Uint8Array): void => {
  signature[10]! ^= 1
}

test('a conflict is what the signature proves, and nothing else', async (t) => {
  const local = await logOf(t, ['a', 'b', 'c', 'd', 'e'])
  const other = await logOf(t, ['a', 'b', 'c', 'X', 'Y', 'Z'])
  const context = contextOf(local)
  const compare = async (proof: Proof): Promise<string> => {
    const found = await compareHistories(context, proof)
    return typeof found === 'string' ? found : `conflict at ${found.length}`
  }

  t.is(await compare(await upTo(other, 5)), 'conflict at 5', 'another history')
  t.is(await compare(await upTo(other, 4)), 'conflict at 4')
  t.is(await compare(await upTo(other, 3)), 'same', 'the same up to there')
  t.is(await compare(await upTo(other, 6)), 'unknown', 'longer than ours: not comparable')
  t.is(await compare(await upTo(local, 5)), 'same', 'our own history')

  const proof = await upTo(other, 5)
  const forged = withSignature(proof, flipped)
  t.is(await errorOf(compare(forged)), 'ProofError BAD_SIGNATURE', 'its sender is to blame')
  t.is(await compare({ ...proof, fork: 1 }), 'unknown', 'another fork is another history')
  t.is(await compare({ ...proof, upgrade: null }), 'unknown')
  const unknown = { ...context, proveUpTo: () => Promise.resolve(null) }
  t.is(await compareHistories(unknown, proof), 'unknown', 'we could not prove our side')
})

test('a conflict is kept, freezes the log, and convinces third parties', async (t) => {
  const disk = new RecordedDisk()
  const open = async (): Promise<Core> => Core.open(await LogFiles.open(disk.factory), { keyPair })
  const other = await logOf(t, ['a', 'b', 'c', 'X', 'Y', 'Z'])
  let core = await open()
  await core.append(['a', 'b', 'c', 'd', 'e'].map(fromUtf8))
  t.is(await core.judge(await upTo(other, 5)), 'conflict')
  for (const when of ['at once', 'after reopening']) {
    t.ok(core.frozen, when)
    t.alike(core.conflict && [core.conflict.fork, core.conflict.length], [0, 5])
    t.is(await errorOf(core.append([fromUtf8('f')])), 'StateError FROZEN')
    t.is(await errorOf(core.resume({ trust: 'peers' })), 'StateError FROZEN')
    t.is(toUtf8((await core.read(4))!), 'e', 'it can be read')
    t.is(await core.accept(await upTo(other, 5)), 'outdated', 'nothing is taken in')
    await core.close()
    core = await open()
  }
  const { proof } = core.conflict!
  t.alike(verifyConflict(core.key, proof), { fork: 0, length: 5 })
  t.is(await errorOf(() => verifyConflict(new Uint8Array(32), proof)), 'ProofError BAD_MANIFEST')
  let accepted = 0
  for (let bit = 0; bit < proof.byteLength * 8; bit++) {
    const damaged = proof.slice()
    damaged[bit >> 3]! ^= 1 << (bit & 7)
    const outcome = await errorOf(() => verifyConflict(core.key, damaged))
    if (outcome === 'none') accepted++
    else if (!outcome.startsWith('ProofError')) t.fail(`bit ${bit}: ${outcome}`)
  }
  t.is(accepted, 0, `${proof.byteLength * 8} flipped bits`)

  await core.truncate(3)
  t.absent(core.frozen, 'the owner goes on under the next fork number')
  t.is(core.fork, 1)
  await core.append([fromUtf8('d2')])
  t.ok(core.conflict, 'the proof is kept')
  await core.close()
})

test('a conflict that cannot be kept is found again', async (t) => {
  const disk = new RecordedDisk()
  const core = await Core.open(await LogFiles.open(disk.factory), { keyPair })
  const other = await logOf(t, ['a', 'X'])
  await core.append(['a', 'b'].map(fromUtf8))
  disk.fault = (kind) => (kind === 'write' ? new Error('ENOSPC') : null)
  const proof = await upTo(other, 2)
  t.is(await errorOf(core.judge(proof)), 'StorageError WRITE_FAILED')
  t.absent(core.frozen)
  disk.fault = () => null
  t.is(await core.judge(proof), 'conflict')
  t.ok(core.frozen)
  await core.close()
})

test('a conflict, and what settles it, survive a crash at any write', async (t) => {
  const disk = new RecordedDisk()
  const open = async (from: RecordedDisk): Promise<Core> =>
    Core.open(await LogFiles.open(from.factory), { keyPair })
  const other = await logOf(t, ['a', 'X'])
  const core = await open(disk)
  await core.append(['a', 'b'].map(fromUtf8))
  const called = disk.trace.length
  await core.judge(await upTo(other, 2))
  const kept = disk.trace.length
  await core.resume({ trust: 'local' })
  const settled = disk.trace.length
  await core.close()
  let disks = 0
  for (let cut = called; cut <= disk.trace.length; cut++) {
    for (const images of [
      disk.killedAt(cut),
      disk.powerCutAt(cut, () => false),
      disk.powerCutAt(cut, (i) => i % 2 === 0),
      disk.powerCutAt(cut, (i, n) => i === n - 1)
    ]) {
      disks++
      const found = await open(new RecordedDisk(images))
      const how = `cut ${cut} of ${called}, ${kept}, ${settled}`
      if (cut >= kept && found.conflict === null) t.fail(`${how}: the proof is lost`)
      if (cut >= settled && found.fork !== 1) t.fail(`${how}: fork ${found.fork}`)
      if (found.frozen !== (found.conflict !== null && found.fork === 0)) t.fail(`${how}: frozen?`)
      if (found.conflict !== null) verifyConflict(found.key, found.conflict.proof)
      await found.close()
    }
  }
  t.ok(disks > 20, `${disks} disks`)
})

test('what is behind stays so over reopening, until it is resumed', async (t) => {
  const disk = new RecordedDisk()
  const open = async (): Promise<Core> => Core.open(await LogFiles.open(disk.factory), { keyPair })
  const ahead = await logOf(t, ['a', 'b', 'c'])
  let core = await open()
  await core.append([fromUtf8('a')])
  await core.accept((await ahead.prove({ ...emptyRequest, upgrade: { start: 1, length: 2 } }))!)
  t.is(core.length, 3)
  for (let i = 0; i < 2; i++) {
    t.is(core.behind, 'peer-ahead')
    t.is(await errorOf(core.append([fromUtf8('x')])), 'StateError BEHIND')
    await core.close()
    core = await open()
  }
  await core.resume({ trust: 'peers' })
  await core.close()
  core = await open()
  t.is(core.behind, null)
  await core.append([fromUtf8('d')])
  t.alike([core.fork, core.length], [0, 4])
  await core.close()
})

test('lost entries are not forgotten by reopening', async (t) => {
  const disk = new RecordedDisk()
  const open = async (): Promise<Core> => Core.open(await LogFiles.open(disk.factory), { keyPair })
  let core = await open()
  for (let i = 0; i < 4; i++) await core.append([fromUtf8(`block ${i}`)])
  // As a killed process leaves it, and then a byte of an acknowledged entry flips.
  const images = new Map([...disk.images].map(([name, bytes]) => [name, bytes.slice()]))
  await core.close()
  const oplog = images.get('oplog')!
  const at = indexOf(oplog, fromUtf8('block 2'))
  oplog[at]! ^= 1
  for (const [name, bytes] of images) disk.images.set(name, bytes)
  for (let i = 0; i < 3; i++) {
    core = await open()
    t.is(core.length, 2)
    t.is(core.behind, 'damaged')
    await core.close()
  }
  core = await open()
  await core.resume({ trust: 'local' })
  await core.close()
  core = await open()
  t.alike([core.behind, core.fork, core.length], [null, RESUME_FORK_STEP, 2])
  await core.close()
})

test('an older oplog is still noticed if the opening that noticed it first was cut short', async (t) => {
  const recorded = new RecordedDisk()
  const open = async (disk: RecordedDisk): Promise<Core> =>
    Core.open(await LogFiles.open(disk.factory), { keyPair })
  const append = async (): Promise<Uint8Array> => {
    const core = await open(recorded)
    for (let i = 0; i < 4; i++) await core.append([fromUtf8(`block ${i}`)])
    await core.close()
    return recorded.images.get('oplog')!.slice()
  }
  const older = await append()
  await append()
  const disk = new RecordedDisk(new Map(recorded.images).set('oplog', older))
  await (await open(disk)).close()
  const { length } = disk.trace
  t.ok(length > 5, `${length} operations`)
  const forgotten: string[] = []
  for (let cut = 0; cut <= length; cut++) {
    const killed = disk.killedAt(cut)
    const powerless = disk.powerCutAt(cut, () => false)
    for (const [name, images] of Object.entries({ killed, powerless })) {
      const core = await open(new RecordedDisk(images))
      if (core.behind !== 'damaged') forgotten.push(`${name} at ${cut}: ${core.behind}`)
      await core.close()
    }
  }
  t.alike(forgotten, [])
})

function indexOf(bytes: Uint8Array, part: Uint8Array): number {
  return Buffer.from(bytes).indexOf(part)
}
