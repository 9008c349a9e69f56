// T-FORMAT: logs written in every format that was ever released open and read the same; one that needs a newer reader is
// refused by name, without a byte changed. And the limits on what goes into a log, one below, at and one above.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { test } from 'brittle'
import { MAX_BLOCK_BYTES, MAX_BLOCKS_PER_APPEND } from '../../lib/core/constants.ts'
import { Core } from '../../lib/core/core.ts'
import type { LogwoodError } from '../../lib/errors.ts'
import { checksum } from '../../lib/storage/checksum.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { memoryStorage } from '../../lib/storage/memory-storage.ts'
import { equalBytes } from '../../lib/util/bytes.ts'
import { decodeSparse, GOLDEN_FILES, goldenBlock, goldenKeyPair } from './golden.ts'

const GOLDEN = fileURLToPath(new URL('../../../test/storage/golden/', import.meta.url))

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: LogwoodError) => error.code
  )
}

async function laidOut(format: string, directory: string): Promise<Map<string, Uint8Array>> {
  await mkdir(directory, { recursive: true })
  const files = new Map<string, Uint8Array>()
  for (const name of GOLDEN_FILES) {
    const bytes = decodeSparse(await readFile(`${GOLDEN}${format}/${name}.txt`, 'utf-8'))
    await writeFile(`${directory}/${name}`, bytes)
    files.set(name, bytes)
  }
  return files
}

test('golden logs of every format', async (t) => {
  const formats = await readdir(GOLDEN)
  t.ok(formats.includes('format-1'), formats.join(', '))
  for (const format of formats) {
    const directory = `${await t.tmp()}/log`
    await laidOut(format, directory)
    const core = await Core.open(await LogFiles.open(directory), { keyPair: goldenKeyPair })
    t.alike([core.length, core.fork, core.damages.length], [20, 1, 0], format)
    for (let index = 0; index < 20; index++) {
      const [found, expected] = [await core.read(index), goldenBlock(index)]
      const same =
        found === null || expected === null ? found === expected : equalBytes(found, expected)
      if (!same) t.fail(`${format}: block ${index}`)
    }
    await core.append([new Uint8Array(3)])
    await core.close()
    const again = await Core.open(await LogFiles.open(directory), { keyPair: goldenKeyPair })
    t.is(again.length, 21)
    await again.close()
  }
})

test('a log that needs a newer reader is refused, and stays as it is', async (t) => {
  const directory = `${await t.tmp()}/log`
  const files = await laidOut('format-1', directory)
  const oplog = files.get('oplog')!
  const view = new DataView(oplog.buffer)
  for (const offset of [0, 512]) {
    view.setUint16(offset + 4, 9, true)
    view.setUint16(offset + 6, 9, true)
    view.setUint32(offset + 508, checksum(oplog.subarray(offset, offset + 508)), true)
  }
  await writeFile(`${directory}/oplog`, oplog)
  for (const readOnly of [false, true]) {
    const opened = LogFiles.open(directory, { readOnly }).then((each) => Core.open(each))
    t.is(await codeOf(opened), 'FORMAT_TOO_NEW')
  }
  for (const [name, bytes] of files) {
    t.ok(equalBytes(await readFile(`${directory}/${name}`), bytes), `${name} is as it was`)
  }
})

test('limits of an append: one below, at, one above', { timeout: 60_000 }, async (t) => {
  const core = await Core.open(await LogFiles.open(memoryStorage()))
  for (const more of [-1, 0, 1]) {
    const expected = more > 0 ? 'LIMIT_EXCEEDED' : 'none'
    const block = new Uint8Array(MAX_BLOCK_BYTES + more)
    t.is(await codeOf(core.append([block])), expected, `a block of ${block.byteLength} bytes`)
    const blocks = Array.from({ length: MAX_BLOCKS_PER_APPEND + more }, () => new Uint8Array(1))
    t.is(await codeOf(core.append(blocks)), expected, `${blocks.length} blocks`)
  }
  const { length } = core
  t.is(length, 2 + MAX_BLOCKS_PER_APPEND * 2 - 1, 'what was refused changed nothing')
  t.is((await core.read(0))?.byteLength, MAX_BLOCK_BYTES - 1)
  t.is((await core.read(length - 1))?.byteLength, 1)
  await core.close()
})
