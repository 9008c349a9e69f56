// One suite for all storages: a directory, our memory, random-access-memory (which reads only asynchronously).

import { type Assertions, test } from 'brittle'
import RandomAccessMemory from 'random-access-memory'
import { Core } from '../../lib/core/core.ts'
import type { StorageFactory } from '../../lib/storage/file.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { memoryStorage } from '../../lib/storage/memory-storage.ts'
import { seededRandom } from '../helpers/random.ts'

const backEnds: { name: string; make: (t: Assertions) => Promise<string | StorageFactory> }[] = [
  { name: 'directory', make: async (t) => `${await t.tmp()}/log` },
  { name: 'memory', make: async () => memoryStorage() },
  { name: 'random-access-memory', make: async () => RandomAccessMemory.reusable() }
]

for (const { name, make } of backEnds) {
  test(`${name}: what was appended is there after reopening`, async (t) => {
    const storage = await make(t)
    const random = seededRandom(1)
    const blocks = [0, 1, 100, 5000, 40_000, 300_000].map((byteLength) => random.bytes(byteLength))
    let core = await Core.open(await LogFiles.open(storage))
    const { key } = core
    for (const block of blocks) await core.append([block])
    await core.append(blocks)
    t.is(core.length, 12)
    await core.close()
    core = await Core.open(await LogFiles.open(storage), { key })
    t.alike([core.length, core.contiguousLength, core.writable], [12, 12, true])
    for (let index = 0; index < 12; index++) {
      t.alike(Buffer.from((await core.read(index))!), Buffer.from(blocks[index % 6]!))
    }
    t.is(await core.byteOffset(8), 345_102, 'byte offset')
    t.is(await core.read(12), null)
    await core.close()
  })

  test(`${name}: truncate, clear and append again`, async (t) => {
    const storage = await make(t)
    let core = await Core.open(await LogFiles.open(storage))
    await core.append([1, 2, 3, 4, 5].map((value) => new Uint8Array([value])))
    await core.truncate(3)
    await core.clear(1, 2)
    await core.append([new Uint8Array([9])])
    await core.close()
    core = await Core.open(await LogFiles.open(storage))
    t.alike([core.fork, core.length, core.contiguousLength], [1, 4, 1])
    t.alike([core.has(0), core.has(1), core.has(2), core.has(3)], [true, false, true, true])
    t.is(core.word(0), 0b1101)
    t.alike([core.findBlock(0, 9, false), core.findBlock(2, 9, false)], [1, 4])
    t.is(core.findBlock(1, 9, true), 2)
    t.is((await core.read(3))?.[0], 9)
    t.is(await core.read(1), null)
    await core.close()
  })
}

test('a storage that cannot sync does not offer level power', async (t) => {
  const files = await LogFiles.open(memoryStorage())
  t.is(files.canSync, false)
  await t.exception(Core.open(files, { durability: 'power' }), /cannot be synced/)
})
