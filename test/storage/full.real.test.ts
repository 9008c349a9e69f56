// T-FULL and T-RO on a real small file system in memory (Linux, as root; else skipped with the reason): a full disk loses
// nothing and goes on when there is room, without reopening; a log opens on it, and on one that is mounted read only.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFile, readdir, readFile, rm } from 'node:fs/promises'
import { type Assertions, test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import type { LogwoodError } from '../../lib/errors.ts'
import { emptyRequest } from '../../lib/merkle/proof.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { memoryStorage } from '../../lib/storage/memory-storage.ts'
import { equalBytes } from '../../lib/util/bytes.ts'
import { tellFigures } from '../helpers/long.ts'
import { seededRandom } from '../helpers/random.ts'

const DISK_BYTES = 2 * 1024 * 1024
const LIMITS = { halfBytes: 64 * 1024, inlineLimitBytes: 4000, retryAfterMs: 0 }

function run(command: string, ...args: string[]): string | null {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf-8' })
  return status === 0 ? null : (error?.message ?? stderr.trim())
}

/** Null: it cannot be had here, which is said. */
async function smallDisk(t: Assertions): Promise<string | null> {
  const directory = await t.tmp()
  const refused = run('mount', '-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', directory)
  if (refused !== null) {
    t.comment(`skipped: no file system of a given size can be mounted here: ${refused}`)
    return null
  }
  t.teardown(() => run('umount', '-l', directory), { order: -1 })
  return directory
}

/** Takes what room there is, to the last byte. */
async function fill(directory: string): Promise<void> {
  for (const byteLength of [65_536, 4096, 1]) {
    for (let full = false; !full; ) {
      await appendFile(`${directory}/filler`, new Uint8Array(byteLength)).catch(() => {
        full = true
      })
    }
  }
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: LogwoodError) => {
      let origin: unknown = error
      while ((origin as LogwoodError).cause !== undefined) origin = (origin as LogwoodError).cause
      return `${error.code} ${(origin as NodeJS.ErrnoException).code}`
    }
  )
}

async function holdsAll(core: Core, blocks: readonly Uint8Array[]): Promise<string | null> {
  if (core.tree.length !== blocks.length) return `length ${core.tree.length} of ${blocks.length}`
  for (let i = 0; i < blocks.length; i++) {
    const block = await core.read(i)
    if (block === null || !equalBytes(block, blocks[i]!)) return `block ${i}`
  }
  return core.damages.length === 0 ? null : 'damages'
}

async function appendUntilFull(core: Core, blocks: Uint8Array[], most: number): Promise<string> {
  const random = seededRandom(blocks.length + 1)
  for (let i = 0; i < most; i++) {
    const block = random.bytes(random.int(i % 7 === 0 ? 9000 : 900))
    const failure = await failureOf(core.append([block]))
    if (failure !== 'none') return failure
    blocks.push(block)
  }
  return 'none'
}

test('T-FULL: a writer', { timeout: 120_000 }, async (t) => {
  const disk = await smallDisk(t)
  if (disk === null) return
  const directory = `${disk}/log`
  const blocks: Uint8Array[] = []
  let core = await Core.open(await LogFiles.open(directory), { limits: LIMITS })
  await appendUntilFull(core, blocks, 30)
  for (let round = 0; round < 3; round++) {
    await fill(disk)
    t.is(await appendUntilFull(core, blocks, 10_000), 'WRITE_FAILED ENOSPC', `full, round ${round}`)
    t.is(await holdsAll(core, blocks), null, 'all that was acknowledged can be read')
    t.is(await failureOf(core.append([new Uint8Array(20_000)])), 'WRITE_FAILED ENOSPC')
    t.is(await holdsAll(core, blocks), null)
    await rm(`${disk}/filler`)
    t.is(await appendUntilFull(core, blocks, 20), 'none', 'with room the very next append works')
  }
  await fill(disk)
  // What cannot be brought to its place stays in the oplog, which close says.
  t.is(await failureOf(core.close()), 'WRITE_FAILED ENOSPC')
  core = await Core.open(await LogFiles.open(directory), { limits: LIMITS })
  t.is(core.readOnly, false, 'opens while the disk is full, if there is room for a lock')
  t.is(await holdsAll(core, blocks), null)
  t.is(await failureOf(core.append([new Uint8Array(9)])), 'WRITE_FAILED ENOSPC')
  t.is(await failureOf(core.close()), 'WRITE_FAILED ENOSPC')
  await fill(disk)
  core = await Core.open(await LogFiles.open(directory), { limits: LIMITS })
  t.is(core.readOnly, true, 'opens read only, if there is not')
  t.is(await holdsAll(core, blocks), null)
  await core.close()
  await rm(`${disk}/filler`)
  core = await Core.open(await LogFiles.open(directory), { limits: LIMITS })
  t.alike([core.readOnly, core.behind], [false, null])
  t.is(await appendUntilFull(core, blocks, 20), 'none')
  t.is(await holdsAll(core, blocks), null)
  await core.close()
  tellFigures(t, 'T-FULL', { rounds: 3, blocks: blocks.length })
})

test('T-FULL: a reader', { timeout: 120_000 }, async (t) => {
  const disk = await smallDisk(t)
  if (disk === null) return
  const random = seededRandom(2)
  const blocks = Array.from({ length: 256 }, () => random.bytes(3000))
  const writer = await Core.open(await LogFiles.open(memoryStorage()))
  await writer.append(blocks)
  const files = await LogFiles.open(`${disk}/log`)
  const reader = await Core.open(files, { key: writer.key, limits: LIMITS })
  const take = async (part: Partial<typeof emptyRequest>): Promise<string> => {
    const proof = await writer.prove({ ...emptyRequest, ...part })
    return proof === null ? 'no proof' : failureOf(reader.accept(proof))
  }
  t.is(await take({ manifest: true, upgrade: { start: 0, length: 256 } }), 'none')
  t.is(await take({ block: { index: 0, nodes: 8 } }), 'none')
  await fill(disk)
  let stored = 1
  let failure = 'none'
  for (; failure === 'none' && stored < 256; stored++) {
    failure = await take({ block: { index: stored, nodes: 8 } })
  }
  t.is(failure, 'WRITE_FAILED ENOSPC')
  let held = 0
  for (let i = 0; i < 256; i++) {
    const block = await reader.read(i)
    if (block === null) continue
    held++
    if (!equalBytes(block, blocks[i]!)) t.fail(`block ${i}`)
  }
  t.is(held, stored - 1, 'what was taken can be read')
  await rm(`${disk}/filler`)
  for (let index = 0; index < 256; index++) {
    const result = await take({ block: { index, nodes: 8 } })
    if (result !== 'none') t.fail(`block ${index}: ${result}`)
  }
  t.is(reader.contiguousLength, 256, 'with room it goes on')
  await reader.close()
  await writer.close()
})

async function digest(directory: string): Promise<string> {
  const hash = createHash('sha1')
  for (const name of (await readdir(directory)).sort()) {
    hash.update(`${name};`).update(await readFile(`${directory}/${name}`))
  }
  return hash.digest('hex')
}

test('T-RO: a read-only mount', { timeout: 60_000 }, async (t) => {
  const disk = await smallDisk(t)
  if (disk === null) return
  const directory = `${disk}/log`
  const blocks: Uint8Array[] = []
  const writer = await Core.open(await LogFiles.open(directory), { limits: LIMITS })
  await appendUntilFull(writer, blocks, 40)
  await writer.flush()
  // As a killed owner leaves it, with entries to replay: copied while it is open.
  run('cp', '-r', directory, `${disk}/killed`)
  await rm(`${disk}/killed/lock`)
  await writer.close()
  for (const name of ['log', 'killed']) {
    const refused = run('mount', '-o', 'remount,ro', disk)
    if (refused !== null) return t.comment(`skipped: cannot be made read only: ${refused}`)
    const before = await digest(`${disk}/${name}`)
    const core = await Core.open(await LogFiles.open(`${disk}/${name}`), { limits: LIMITS })
    t.alike([core.readOnly, core.writable], [true, false], name)
    t.is(await holdsAll(core, blocks), null, `${name}: all can be read`)
    t.is(core.length, blocks.length)
    for (const work of [core.append([new Uint8Array(1)]), core.truncate(1), core.clear(0, 1)]) {
      t.is((await failureOf(work)).split(' ')[0], 'NOT_WRITABLE')
    }
    await core.close()
    t.is(await digest(`${disk}/${name}`), before, 'no byte is changed')
    run('mount', '-o', 'remount,rw', disk)
  }
})
