// T-ROT, the small form. Any byte of any file damaged: the right bytes, an error, or absent, never wrong bytes, never
// a shorter log without a word.
import { test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { LogwoodError } from '../../lib/errors.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { equalBytes } from '../../lib/util/bytes.ts'
import { seededRandom } from '../helpers/random.ts'
import { type Images, RecordedDisk } from '../helpers/recorded-disk.ts'

const LIMITS = { halfBytes: 8192, inlineLimitBytes: 600 }
const keyPair = createKeyPair(new Uint8Array(32).fill(4))

async function makeImages(closed: boolean): Promise<{ images: Images; blocks: Uint8Array[] }> {
  const random = seededRandom(5)
  const disk = new RecordedDisk()
  const core = await Core.open(await LogFiles.open(disk.factory), { keyPair, limits: LIMITS })
  const blocks = Array.from({ length: 60 }, () => random.bytes(20 + random.int(200)))
  for (let i = 0; i < 60; i += 3) await core.append(blocks.slice(i, i + 3))
  if (closed) await core.close()
  return { images: new Map([...disk.images].map(([name, bytes]) => [name, bytes.slice()])), blocks }
}

/** 'right', 'error', 'behind', 'absent', or what is wrong. */
async function outcome(images: Images, blocks: readonly Uint8Array[]): Promise<string> {
  let core: Core
  try {
    const files = await LogFiles.open(new RecordedDisk(images).factory)
    core = await Core.open(files, { keyPair, limits: LIMITS })
  } catch (error) {
    return error instanceof LogwoodError ? 'error' : `throws ${error}`
  }
  let result = core.behind === null ? 'right' : 'behind'
  if (core.length !== blocks.length && core.behind === null) return `LOSS: length ${core.length}`
  for (let index = 0; index < core.length; index++) {
    try {
      const block = await core.read(index)
      if (block === null) result = 'absent'
      else if (!equalBytes(block, blocks[index]!)) return `WRONG bytes in block ${index}`
    } catch (error) {
      if (!(error instanceof LogwoodError)) return `throws ${error}`
      result = 'error'
    }
  }
  await core.close()
  return result
}

for (const closed of [true, false]) {
  test(`rot, ${closed ? 'after close' : 'without close'}`, { timeout: 60_000 }, async (t) => {
    const { images, blocks } = await makeImages(closed)
    const random = seededRandom(6)
    const tally: Record<string, number> = {}
    for (let round = 0; round < 400; round++) {
      const name = ['oplog', 'blocks', 'nodes', 'presence', 'secret'][round % 5]!
      const damaged = new Map([...images].map(([file, bytes]) => [file, bytes.slice()]))
      const bytes = damaged.get(name) ?? new Uint8Array(0)
      if (bytes.byteLength === 0) continue
      const kind = random.int(8)
      const at = random.int(bytes.byteLength)
      if (kind === 0) damaged.delete(name)
      else if (kind === 1) damaged.set(name, bytes.slice(0, at))
      else if (kind === 2) bytes.fill(0, at - (at % 512), at - (at % 512) + 512)
      else if (kind === 3) bytes.fill(0)
      else bytes[at]! ^= 1 << random.int(8)
      const result = await outcome(damaged, blocks)
      tally[result] = (tally[result] ?? 0) + 1
      if (/LOSS|WRONG|throws/.test(result)) t.fail(`${name}, kind ${kind}, byte ${at}: ${result}`)
    }
    t.comment(JSON.stringify(tally))
    t.pass()
  })
}
