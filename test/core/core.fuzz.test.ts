// Core against an array: append, truncate, clear, read, seek, reopen, in the dark of a seed.
import { test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { toHex } from '../../lib/util/bytes.ts'
import { seededRandom } from '../helpers/random.ts'
import { RecordedDisk } from '../helpers/recorded-disk.ts'
import { pick, seededEnv } from '../helpers/seeded-env.ts'

async function run(seed: number, steps: number): Promise<string | null> {
  const random = seededRandom(seed)
  const env = seededEnv(random)
  const disk = new RecordedDisk()
  const limits = { halfBytes: pick(random, [4096, 16_384, 1024 * 1024]), inlineLimitBytes: 2000 }
  const open = async (): Promise<Core> =>
    Core.open(await LogFiles.open(disk.factory, { cacheBytes: 100_000 }), { env, limits })
  let core = await open()
  let blocks: (Uint8Array | null)[] = []
  let fork = 0
  for (let step = 0; step < steps; step++) {
    const dice = random.next()
    if (dice < 0.45) {
      const batches = Array.from({ length: 1 + random.int(3) }, () =>
        Array.from({ length: random.int(4) }, () =>
          random.bytes(random.int(pick(random, [3, 300, 3000])))
        )
      )
      await Promise.all(
        batches.map((batch) =>
          core.append(batch, { durability: pick(random, ['power', 'process']) })
        )
      )
      blocks.push(...batches.flat())
    } else if (dice < 0.55) {
      const length = random.int(blocks.length + 1)
      await core.truncate(length)
      blocks = blocks.slice(0, length)
      fork++
    } else if (dice < 0.65) {
      const start = random.int(blocks.length + 1)
      const end = start + random.int(5)
      await core.clear(start, end)
      blocks = blocks.map((block, index) => (index >= start && index < end ? null : block))
    } else if (dice < 0.72) {
      await core.close()
      core = await open()
    }
    const fault = await difference(core, fork, blocks, random.int(blocks.length + 1))
    if (fault !== null) return `seed ${seed}, step ${step}: ${fault}`
  }
  await core.close()
  return null
}

async function difference(
  core: Core,
  fork: number,
  blocks: readonly (Uint8Array | null)[],
  index: number
): Promise<string | null> {
  if (core.tree.fork !== fork || core.tree.length !== blocks.length) {
    return `head ${core.tree.fork}/${core.tree.length}, expected ${fork}/${blocks.length}`
  }
  const expected = blocks[index] ?? null
  const found = await core.read(index)
  const same =
    found === null || expected === null ? found === expected : toHex(found) === toHex(expected)
  if (!same) return `block ${index} is ${found?.byteLength}, expected ${expected?.byteLength}`
  const firstMissing = blocks.indexOf(null)
  await core.flush()
  const contiguous = firstMissing === -1 ? blocks.length : firstMissing
  if (core.contiguousLength !== contiguous)
    return `contiguous ${core.contiguousLength}, expected ${contiguous}`
  const next = blocks.findIndex((block, at) => at >= index && block !== null)
  if (core.findBlock(index, blocks.length, true) !== next) return `findBlock from ${index}`
  return core.damages.length === 0 ? null : `damage: ${JSON.stringify(core.damages)}`
}

test('core behaves like an array', { timeout: 60_000 }, async (t) => {
  const given = process.env['LOGWOOD_SEED']
  const seeds = given === undefined ? Array.from({ length: 30 }, (_, i) => i + 1) : [Number(given)]
  for (const seed of seeds) t.is(await run(seed, 60), null, `seed ${seed}`)
})
