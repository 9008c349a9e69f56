// Room that goes back to the disk: clear punches holes into `blocks` and says how many bytes the disk really got;
// info tells what the files take up; purge leaves nothing, also if it is cut short. Real files.
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'brittle'
import type { Finding } from '../../lib/core/rescue/finding.ts'
import { Log } from '../../lib/log/log.ts'
import { fromUtf8, toHex, toUtf8 } from '../../lib/util/bytes.ts'
import { seededRandom } from '../helpers/random.ts'
import { join as connect, errorOf } from '../helpers/replication.ts'

const KIB = 1024
const TIMEOUT = { timeout: 30_000 }
const random = seededRandom(11)
const large = Array.from({ length: 64 }, () => random.bytes(64 * KIB))

function taken(directory: string): number {
  return statSync(join(directory, 'blocks')).blocks * 512
}

const isDamage = ({ kind }: Finding): boolean => kind !== 'rights'

test('clear gives whole pages back, and says how many', TIMEOUT, async (t) => {
  const directory = await t.tmp()
  let log = await Log.open(directory)
  await log.append(large)
  await log.flush()
  const before = taken(directory)
  const { freedBytes } = await log.clear(8, 40)
  if (freedBytes === 0) return t.comment('skipped: this file system cannot punch holes')
  t.is(freedBytes, before - taken(directory), 'what it says is so')
  t.ok(freedBytes >= 31 * 64 * KIB, `${freedBytes} bytes of 32 blocks`)
  t.alike(await log.clear(8, 40), { freedBytes: 0 }, 'once')
  const { storage } = await log.info({ storage: true })
  t.is(storage.blocks, taken(directory))
  t.is(storage.total, storage.oplog + storage.blocks + storage.nodes + storage.presence)
  await log.close()
  log = await Log.open(directory)
  for (const [i, block] of large.entries()) {
    const found = await log.read(i)
    t.is(found === null ? null : toHex(found), i >= 8 && i < 40 ? null : toHex(block))
  }
  t.is((await log.audit({ deep: true })).findings.filter(isDamage).length, 0)
  await log.close()
})

test('many small clears free the pages between them', TIMEOUT, async (t) => {
  const directory = await t.tmp()
  const log = await Log.open(directory)
  const small = Array.from({ length: 2000 }, () => random.bytes(100))
  await log.append(small)
  let freed = 0
  for (let i = 0; i < 1900; i += 10) {
    const end = i + 10
    freed += (await log.clear(i, end)).freedBytes
  }
  await log.close()
  if (freed === 0 && taken(directory) > 100 * KIB) return t.comment('skipped: no holes here')
  t.ok(taken(directory) <= 24 * KIB, `${taken(directory)} bytes for 100 blocks of 100`)
})

test('a block that comes again while its range is cleared is kept', TIMEOUT, async (t) => {
  const writer = await Log.open(null)
  await writer.append(large)
  const reader = await Log.open(await t.tmp(), { key: writer.key })
  const connection = await connect(t, writer, reader)
  for (let round = 0; round < 10; round++) {
    const ranges = [0, 16, 32, 48].map((start) => reader.clear(start, start + 12))
    const gets = Array.from({ length: 64 }, (_, i) => reader.get((i * 37 + round) % 64))
    await Promise.all([...ranges, ...gets])
    for (let i = 0; i < 64; i++) t.is(toHex(await reader.get(i)), toHex(large[i] as Uint8Array))
  }
  t.is((await reader.audit({ deep: true })).findings.filter(isDamage).length, 0)
  await connection.cut()
  await reader.close()
  await writer.close()
})

test('purge leaves nothing, for all sessions', TIMEOUT, async (t) => {
  const directory = join(await t.tmp(), 'log')
  const log = await Log.open(directory)
  const session = log.session()
  await log.append(large.slice(0, 3))
  let closed = 0
  log.on('close', () => closed++)
  await log.purge()
  t.absent(existsSync(directory))
  t.is(closed, 1)
  t.is(await errorOf(session.append(large[0] as Uint8Array)), 'StateError CLOSED')
  t.is(await errorOf(session.get(0)), 'StateError CLOSED')
  await session.close()
  t.is(await errorOf(Log.open(directory, { createIfMissing: false })), 'StorageError NOT_FOUND')
})

test('files of others stay', async (t) => {
  const directory = await t.tmp()
  const log = await Log.open(directory)
  writeFileSync(join(directory, 'notes.txt'), 'mine')
  await log.purge()
  t.alike(readdirSync(directory), ['notes.txt'])
})

test('a purge that was cut short is finished by whoever opens next', TIMEOUT, async (t) => {
  for (const gone of [[], ['blocks'], ['oplog', 'blocks', 'nodes']]) {
    const directory = await t.tmp()
    const log = await Log.open(directory)
    const { key } = log
    await log.append(fromUtf8('to be forgotten'))
    await log.close()
    writeFileSync(join(directory, 'purged'), '')
    for (const name of gone) rmSync(join(directory, name))
    const missing = await errorOf(Log.open(directory, { readOnly: true }))
    t.is(missing, 'StorageError NOT_FOUND', `without ${gone}`)
    const next = await Log.open(directory)
    t.unlike(next.key, key)
    t.is(next.length, 0)
    await next.append(fromUtf8('new'))
    await next.close()
    const again = await Log.open(directory, { readOnly: true })
    t.is(toUtf8(await again.get(0)), 'new')
    await again.close()
  }
})

test('a purge that fails midway has ended the log all the same', TIMEOUT, async (t) => {
  const directory = await t.tmp()
  const log = await Log.open(directory)
  const { key } = log
  await log.append(fromUtf8('to be forgotten'))
  rmSync(join(directory, 'nodes'))
  mkdirSync(join(directory, 'nodes', 'in the way'), { recursive: true })
  t.is(await errorOf(log.purge()), 'StorageError WRITE_FAILED')
  rmSync(join(directory, 'nodes'), { recursive: true })
  const next = await Log.open(directory)
  t.unlike(next.key, key)
  await next.close()
})

test('read only: no purge', async (t) => {
  const directory = await t.tmp()
  await (await Log.open(directory)).close()
  const log = await Log.open(directory, { readOnly: true })
  t.is(await errorOf(log.purge()), 'StateError NOT_WRITABLE')
  t.is(log.status, 'open', 'nothing is closed by what is refused')
  t.is((await log.info()).length, 0)
  await log.close()
})

test('in memory', async (t) => {
  const log = await Log.open(null)
  await log.append(large)
  const before = await log.info({ storage: true })
  t.ok(before.storage.blocks >= 64 * 64 * KIB)
  const { freedBytes } = await log.clear(0, 32)
  t.ok(freedBytes >= 31 * 64 * KIB, `${freedBytes}`)
  await log.purge()
})
