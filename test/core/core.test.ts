// Core: levels, group commit, proofs between two cores, the fence, opening with the wrong key.
import { cp } from 'node:fs/promises'
import { test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import type { LogwoodError } from '../../lib/errors.ts'
import { emptyRequest } from '../../lib/merkle/proof.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { memoryStorage } from '../../lib/storage/memory-storage.ts'
import { seededRandom } from '../helpers/random.ts'
import { RecordedDisk } from '../helpers/recorded-disk.ts'

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: LogwoodError) => error.code
  )
}

const one = (value: number): Uint8Array => new Uint8Array([value])

test('appends of one moment share a sync', async (t) => {
  const disk = new RecordedDisk()
  const core = await Core.open(await LogFiles.open(disk.factory))
  const before = disk.count('sync')
  const heads = await Promise.all(Array.from({ length: 100 }, (_, i) => core.append([one(i)])))
  t.is(disk.count('sync') - before, 1)
  t.alike([core.length, heads[41]?.length], [100, 42])
  await core.close()
})

test('level process resolves before the sync, publishes after it', async (t) => {
  const disk = new RecordedDisk()
  const core = await Core.open(await LogFiles.open(disk.factory), { durability: 'process' })
  const before = disk.count('sync')
  const heard: number[] = []
  core.onChange((change) => heard.push(change.ancestor))
  await core.append([one(1)])
  await core.append([one(2)])
  t.alike([disk.count('sync') - before, core.tree.length, core.durableLength], [0, 2, 0])
  t.alike([core.has(0), core.holds(0), heard.length], [false, true, 0])
  await core.flush()
  t.alike([disk.count('sync') - before, core.durableLength, core.has(1)], [1, 2, true])
  t.alike(heard, [0, 1])
  await core.append([one(3)])
  // The log's own timer does not keep a process alive.
  const alive = setInterval(() => {}, 1000)
  await new Promise<void>((resolve) => core.onChange(() => resolve()))
  clearInterval(alive)
  t.is(core.durableLength, 3, 'synced by itself after a while')
  await core.close()
})

test('a reader follows by proofs, block by block, and through a truncation', async (t) => {
  const random = seededRandom(7)
  const blocks = Array.from({ length: 40 }, () => random.bytes(1 + random.int(400)))
  const writer = await Core.open(await LogFiles.open(memoryStorage()))
  const storage = memoryStorage()
  let reader = await Core.open(await LogFiles.open(storage), { key: writer.key })
  const ask = async (request: Partial<typeof emptyRequest>): Promise<string> => {
    const proof = await writer.prove({ ...emptyRequest, fork: writer.fork, ...request })
    if (proof === null) return 'no proof'
    return reader.accept(proof)
  }
  await writer.append(blocks)
  t.is(await ask({ manifest: true, upgrade: { start: 0, length: 40 } }), 'stored')
  t.alike([reader.length, reader.hasManifest, reader.contiguousLength], [40, true, 0])
  const order = [17, 0, 39, 16, 18, 5]
  const asked = order.map((index) => ask({ block: { index, nodes: 6 - (index > 31 ? 3 : 1) } }))
  t.alike(new Set(await Promise.all(asked)), new Set(['stored']))
  for (const index of order)
    t.alike(Buffer.from((await reader.read(index))!), Buffer.from(blocks[index]!))
  t.is(await ask({ block: { index: 5, nodes: 0 } }), 'already-here')
  await reader.close()
  reader = await Core.open(await LogFiles.open(storage), { key: writer.key })
  for (const index of order)
    t.alike(Buffer.from((await reader.read(index))!), Buffer.from(blocks[index]!))
  t.is(reader.findBlock(6, 40, true), 16)
  await writer.truncate(20)
  await writer.append([one(1), one(2)])
  t.is(await ask({ upgrade: { start: 0, length: 22 } }), 'stored')
  t.alike([reader.fork, reader.length, reader.has(39)], [1, 22, false])
  t.alike(await reader.treeHash(), await writer.treeHash())
  await reader.close()
  await writer.close()
})

test('a copied log is behind until told otherwise', async (t) => {
  const dir = await t.tmp()
  let core = await Core.open(await LogFiles.open(`${dir}/a`))
  await core.append([one(1), one(2)])
  await core.close()
  await cp(`${dir}/a`, `${dir}/b`, { recursive: true })
  core = await Core.open(await LogFiles.open(`${dir}/b`))
  t.is(core.behind, 'copied')
  t.is((await core.read(1))?.[0], 2)
  t.is(await codeOf(core.append([one(3)])), 'BEHIND')
  await core.resume({ trust: 'local' })
  t.is((await core.append([one(3)])).fork, 1)
  await core.close()
  core = await Core.open(await LogFiles.open(`${dir}/b`))
  t.alike([core.behind, core.length, core.fork], [null, 3, 1])
  await core.close()
})

test('arguments, keys, closing', async (t) => {
  const storage = memoryStorage()
  const core = await Core.open(await LogFiles.open(storage))
  t.is(await codeOf(core.append([new Uint8Array(15 * 1024 * 1024 + 1)])), 'LIMIT_EXCEEDED')
  t.is((await core.append([new Uint8Array(15 * 1024 * 1024)])).length, 1)
  t.is(await codeOf(core.truncate(2)), 'INVALID_ARGUMENT')
  t.is(await codeOf(core.truncate(0, { fork: 0 })), 'INVALID_ARGUMENT')
  t.is((await core.truncate(0, { fork: 7 })).fork, 7)
  t.is(await codeOf(core.append(Array.from({ length: 16_385 }, () => one(1)))), 'LIMIT_EXCEEDED')
  t.is((await core.append(Array.from({ length: 16_384 }, () => one(1)))).length, 16_384)
  await core.close()
  t.is(await codeOf(core.append([one(1)])), 'CLOSED')
  const wrong = Core.open(await LogFiles.open(storage), { key: new Uint8Array(32) })
  t.is(await codeOf(wrong), 'WRONG_KEY')
  const missing = Core.open(await LogFiles.open(memoryStorage()), { createIfMissing: false })
  t.is(await codeOf(missing), 'NOT_FOUND')
})

test('a block that comes again while it is cleared keeps its bytes', async (t) => {
  const random = seededRandom(5)
  const core = await Core.open(await LogFiles.open(memoryStorage()))
  const blocks = Array.from({ length: 8 }, () => random.bytes(100_000))
  await core.append(blocks)
  const proof = await core.prove({ ...emptyRequest, block: { index: 3, nodes: 0 } })
  // Between the change that gives it up, and the freeing of its bytes.
  const again = new Promise((resolve) => {
    const off = core.on('applied', () => {
      off()
      resolve(core.accept(proof!))
    })
  })
  await core.clear(2, 6)
  t.is(await again, 'stored')
  for (const index of [0, 1, 3, 6, 7]) {
    t.ok(Buffer.from((await core.read(index))!).equals(blocks[index]!), `block ${index}`)
  }
  for (const index of [2, 4, 5]) t.absent(core.has(index))
  await core.close()
})
