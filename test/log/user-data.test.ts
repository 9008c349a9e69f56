// User data: kept beside a copy of a log over reopening, new halves of the oplog and truncations; within limits; never
// part of what peers get.
import { test } from 'brittle'
import { Log } from '../../lib/log/log.ts'
import { fromUtf8, toUtf8 } from '../../lib/util/bytes.ts'
import { join, openLog } from '../helpers/replication.ts'

test('set, read, set anew, removed; after reopening', async (t) => {
  const place = await t.tmp()
  let log = await Log.open(place)
  t.is(log.getUserData('note'), null)
  await log.setUserData('note', fromUtf8('first'))
  await log.setUserData('empty', new Uint8Array(0))
  await log.setUserData('gone', fromUtf8('x'))
  await log.append(Array.from({ length: 100 }, (_, i) => new Uint8Array(20_000).fill(i)))
  await log.setUserData('note', fromUtf8('second'))
  await log.setUserData('gone', null)
  await log.truncate(50)
  await log.close()
  log = await Log.open(place)
  t.is(toUtf8(log.getUserData('note') ?? new Uint8Array(0)), 'second')
  t.is(log.getUserData('empty')?.byteLength, 0)
  t.is(log.getUserData('gone'), null)
  await log.close()
})

test('what was given and what is read may be changed', async (t) => {
  const log = await openLog(t)
  const bytes = fromUtf8('mine')
  const kept = log.setUserData('note', bytes)
  bytes.fill(0)
  await kept
  log.getUserData('note')?.fill(1)
  t.is(toUtf8(log.getUserData('note') as Uint8Array), 'mine')
})

test('limits: names of 1 to 256 bytes, 64 KiB in all', async (t) => {
  const log = await openLog(t)
  await log.setUserData('n'.repeat(256), new Uint8Array(60_000))
  const bad: readonly [string, Uint8Array | null, RegExp][] = [
    ['', new Uint8Array(1), /1 to 256 bytes/],
    ['n'.repeat(257), new Uint8Array(1), /1 to 256 bytes/],
    ['more', new Uint8Array(6000), /at most 65536 bytes/],
    ['text', 'text' as unknown as Uint8Array, /Uint8Array|slice/]
  ]
  for (const [name, value, what] of bad) await t.exception(log.setUserData(name, value), what)
  t.is(log.getUserData('more'), null)
  await log.setUserData('n'.repeat(256), null)
  await log.setUserData('more', new Uint8Array(6000))
})

test('a reader has its own; peers get none', { timeout: 20_000 }, async (t) => {
  const writer = await openLog(t)
  await writer.append(fromUtf8('block'))
  await writer.setUserData('note', fromUtf8('of the writer'))
  const reader = await openLog(t, { key: writer.key })
  await reader.setUserData('note', fromUtf8('of the reader'))
  await join(t, writer, reader)
  t.is(toUtf8(await reader.get(0)), 'block')
  t.is(toUtf8(reader.getUserData('note') as Uint8Array), 'of the reader')
  t.is(toUtf8(writer.getUserData('note') as Uint8Array), 'of the writer')
})
