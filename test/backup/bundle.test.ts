// Bundles: what goes in comes out, whole and in ranges, into new and existing logs; nothing goes backwards; a restored
// key pair signs nothing before its owner says so; a bundle of a log that changes meanwhile is right or fails.
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'brittle'
import { createBundle } from '../../lib/backup/backup.ts'
import { RecordWriter } from '../../lib/backup/bundle-records.ts'
import { restoreBundle, verifyBundle } from '../../lib/backup/restore.ts'
import type { LogwoodError } from '../../lib/errors.ts'
import { Log } from '../../lib/log/log.ts'
import { equalBytes, toHex } from '../../lib/util/bytes.ts'
import { join as connect, openLog, openReader, until } from '../helpers/replication.ts'
import { collect, inPieces, makeBlocks, makeBundle } from './bundles.ts'

const CHEAP = { opsLimit: 1, memLimitBytes: 8192 }
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'fine',
    (error: LogwoodError) => error.code
  )

test('the worked example of the format', async (t) => {
  const writer = new RecordWriter()
  const preamble = writer.preamble()
  const end = writer.end()
  t.is(toHex(preamble), '4c47574201000100')
  t.is(toHex(end.subarray(0, 13)), 'ff280000000000000000000000')
  t.is(end.byteLength, 5 + 40 + 4)
  t.alike(await verifyBundle(inPieces(await collect(createBundle([])))), [])
})

test('two logs there and back; pieces of any size', async (t) => {
  const dir = await t.tmp()
  const blocks = [makeBlocks(100, 1), makeBlocks(33, 2)]
  const logs = [await Log.open(null), await Log.open(null)]
  for (const [i, log] of logs.entries()) for (const block of blocks[i]!) await log.append(block)
  const bundle = await collect(createBundle(logs.map((log) => ({ log }))))
  for (const size of [1, 7, 4096, bundle.byteLength]) {
    const found = await verifyBundle(inPieces(bundle, size))
    t.alike(
      found.map((each) => each.blocks),
      [100, 33]
    )
  }
  const restored = await restoreBundle(inPieces(bundle), (_key, n) => join(dir, String(n)))
  t.alike(
    restored.map(({ length, stored, skipped, keyPair }) => ({ length, stored, skipped, keyPair })),
    [
      { length: 100, stored: 100, skipped: 0, keyPair: 'none' },
      { length: 33, stored: 33, skipped: 0, keyPair: 'none' }
    ]
  )
  for (const [i, log] of logs.entries()) {
    const copy = await Log.open(join(dir, String(i)))
    t.ok(equalBytes(copy.key, log.key))
    t.is(toHex(await copy.treeHash()), toHex(await log.treeHash()))
    for (const [index, block] of blocks[i]!.entries()) {
      if (!equalBytes((await copy.read(index))!, block)) t.fail(`block ${index}`)
    }
    t.alike((await copy.audit({ deep: true })).findings, [])
    t.is(copy.writable, false)
    await copy.close()
    await log.close()
  }
})

test('a range is a sparse log; blocks that were cleared are named as missing', async (t) => {
  const log = await Log.open(null)
  await log.append(makeBlocks(50, 3))
  await log.clear(12, 15)
  const bundle = await collect(createBundle([{ log, start: 10, end: 20 }]))
  const dir = join(await t.tmp(), 'log')
  const [restored] = await restoreBundle(inPieces(bundle), () => dir)
  t.alike(restored?.missing, [{ start: 12, end: 15 }])
  const copy = await Log.open(dir)
  t.is(copy.length, 50)
  const held = Array.from({ length: 50 }, (_, index) => index).filter((index) => copy.has(index))
  t.alike(held, [10, 11, 15, 16, 17, 18, 19])
  t.alike((await copy.audit({ deep: true })).findings, [], 'a sparse log is sound')
  await copy.close()
  await log.close()
})

test('an existing log is filled, not overwritten, and never goes back', async (t) => {
  const dir = join(await t.tmp(), 'log')
  const log = await Log.open(dir)
  await log.append(makeBlocks(20, 4))
  const old = await collect(createBundle([{ log }]))
  await log.append(makeBlocks(20, 5))
  await log.clear(3, 6)
  await log.close()
  const [filled] = await restoreBundle(inPieces(old), () => dir)
  t.is(filled?.stored, 3)
  const again = await Log.open(dir)
  t.is(again.length, 40)
  t.ok(again.has(0, 40))
  await again.truncate(10)
  await again.close()
  const [cut] = await restoreBundle(inPieces(old), () => dir)
  t.alike([cut?.stored, cut?.skipped], [0, 20])
  const last = await Log.open(dir)
  t.alike([last.length, last.fork], [10, 1], 'an older fork changes nothing')
  await last.close()
  const foreign = await makeBundle(5, 6)
  t.is(await codeOf(restoreBundle(inPieces(foreign), () => dir)), 'WRONG_KEY')
})

test('a restored key pair does not sign before it is told to', async (t) => {
  const dir = await t.tmp()
  const source = join(dir, 'source')
  const target = join(dir, 'target')
  const log = await Log.open(source)
  await log.append(makeBlocks(10, 7))
  const withKey = { log, keyFrom: source }
  t.is(await codeOf(collect(createBundle([withKey]))), 'INVALID_ARGUMENT', 'no passphrase')
  const options = { passphrase: 'correct horse', cost: CHEAP }
  const bundle = await collect(createBundle([withKey], options))
  const secret = (await readFile(join(source, 'secret'))).subarray(40, 72)
  t.is(Buffer.from(bundle).indexOf(secret), -1, 'the seed is not in the bundle')
  await log.append(makeBlocks(1, 70))
  const head = toHex(await log.treeHash())
  await log.close()

  const [without] = await verifyBundle(inPieces(bundle))
  t.is(without?.keyPair, 'left out')
  const wrong = { passphrase: 'wrong' }
  t.is(await codeOf(restoreBundle(inPieces(bundle), () => target, wrong)), 'INVALID_ARGUMENT')
  const [restored] = await restoreBundle(inPieces(bundle), () => target, options)
  t.is(restored?.keyPair, 'restored')
  t.is((await stat(join(target, 'secret'))).mode & 0o777, 0o600)
  for (const _ of [1, 2]) {
    const copy = await Log.open(target)
    t.ok(copy.writable)
    t.is(copy.behind, 'copied')
    t.is(await codeOf(copy.append(makeBlocks(1, 71))), 'BEHIND')
    t.ok((await copy.audit()).findings.some(({ kind }) => kind === 'behind'))
    await copy.close()
  }
  const copy = await Log.open(target)
  await copy.resume({ trust: 'local' })
  await copy.append(makeBlocks(1, 72))
  t.ok(copy.fork > 0 && toHex(await copy.treeHash()) !== head)
  await copy.close()
  const [once] = await restoreBundle(inPieces(bundle), () => target, options)
  t.is(once?.keyPair, 'already here')
})

test('an old bundle, restored while a peer holds newer blocks, never forks the log', async (t) => {
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(alive))
  const dir = await t.tmp()
  const source = join(dir, 'source')
  const target = join(dir, 'target')
  const log = await Log.open(source)
  await log.append(makeBlocks(10, 7))
  const options = { passphrase: 'correct horse', cost: CHEAP }
  const bundle = await collect(createBundle([{ log, keyFrom: source }], options))
  await log.append(makeBlocks(15, 8))
  const reader = await openReader(t, log)
  const toWriter = await connect(t, reader, log)
  await reader.update()
  await reader.download().done()
  await toWriter.cut()
  await log.close()

  await restoreBundle(inPieces(bundle), () => target, options)
  const restored = await openLog(t, { settleMs: 30 }, target)
  t.alike([restored.length, restored.behind], [10, 'copied'])
  await connect(t, restored, reader)
  await until(restored, 'append', () => restored.length === 25)
  t.is(await codeOf(restored.append(makeBlocks(1, 9))), 'BEHIND', 'not yet')
  await until(restored, 'resumed', () => restored.behind === null)
  await restored.append(makeBlocks(1, 9))
  t.alike([restored.fork, restored.length], [0, 26])
  await until(reader, 'append', () => reader.length === 26)
  t.is(reader.conflict, null)
  await restored.close()
  const again = await openLog(t, {}, target)
  t.is(again.behind, null, 'also after reopening')
})

test('appends meanwhile do not matter; a cut fails clearly', async (t) => {
  const log = await Log.open(null)
  await log.append(makeBlocks(30, 8))
  const parts: Uint8Array[] = []
  for await (const part of createBundle([{ log }])) {
    parts.push(part)
    if (parts.length % 5 === 0) await log.append(makeBlocks(3, parts.length))
  }
  const [found] = await verifyBundle(
    (async function* () {
      yield* parts
    })()
  )
  t.alike([found?.length, found?.blocks], [30, 30])
  const cut = async (): Promise<void> => {
    let count = 0
    for await (const _ of createBundle([{ log }])) if (++count === 10) await log.truncate(5)
  }
  t.is(await codeOf(cut()), 'NOT_AVAILABLE')
  const controller = new AbortController()
  controller.abort()
  t.is(await codeOf(collect(createBundle([{ log }], { signal: controller.signal }))), 'ABORTED')
  await log.close()
})

test('a log of no blocks; a newer format; a bundle in a file', async (t) => {
  const empty = await makeBundle(0)
  t.is((await verifyBundle(inPieces(empty)))[0]?.length, 0)
  const newer = new Uint8Array(empty)
  newer[6] = 2
  t.is(await codeOf(verifyBundle(inPieces(newer))), 'FORMAT_TOO_NEW')
  const path = join(await t.tmp(), 'bundle')
  await writeFile(path, await makeBundle(3))
  t.is((await verifyBundle(inPieces(await readFile(path))))[0]?.blocks, 3)
})
