// Sparse remote readers: over a connection, and with npm hypercore 11 in the middle, which sees a plain log.
import { test } from 'brittle'
import { KeyValue } from '../../lib/keyvalue/keyvalue.ts'
import { join, openLog, openReader, openReference, until } from '../helpers/replication.ts'

const TIMEOUT = { timeout: 30_000 }
const COUNT = 3000
const OPTIONS = { valueEncoding: 'utf-8' } as const

test('a reader fetches what its walks need, not the log', TIMEOUT, async (t) => {
  const log = await openLog(t)
  const writer = await KeyValue.open<string, string>(log, OPTIONS)
  const value = 'v'.repeat(32)
  for (let start = 0; start < COUNT; start += 300) {
    await writer.batch(
      Array.from({ length: 300 }, (_, i) => ({ type: 'put', key: `dir/key ${start + i}`, value }))
    )
  }
  await writer.put('last', 'x')
  const copy = await openReader(t, log)
  await join(t, log, copy, {})
  const reader = await KeyValue.open<string, string>(copy, OPTIONS)
  t.is((await reader.get('last'))?.value, 'x', 'the first get asks for the head')
  t.is((await reader.get('dir/key 1234'))?.value, value)
  t.is(await reader.get('dir/key 5000'), null, 'absent, from signed blocks')
  let held = 0
  for (let i = 0; i < copy.length; i++) if (copy.has(i)) held++
  t.ok(held < 20, `${held} of ${copy.length} blocks`)
  const keys: string[] = []
  for await (const { key } of reader.entries({ prefix: 'dir' })) keys.push(key)
  t.is(keys.length, COUNT)

  const snapshot = await reader.snapshot()
  const grown = until(
    copy,
    'append',
    () => copy.length === log.length && copy.length > snapshot.version
  )
  await writer.put('dir/new', 'y')
  await grown
  t.is((await reader.get('dir/new'))?.value, 'y')
  t.is(await snapshot.get('dir/new'), null)
  const changed: string[] = []
  for await (const { key } of reader.diff(snapshot.version)) changed.push(key)
  t.alike(changed, ['dir/new'])
})

test('through hypercore 11 in the middle', TIMEOUT, async (t) => {
  const log = await openLog(t)
  const writer = await KeyValue.open<string, string>(log, OPTIONS)
  for (let i = 0; i < 40; i++) await writer.put(`key ${i}`, `value ${i}`)
  await writer.del('key 7')
  const middle = await openReference(t, '11', log.key)
  await join(t, log, middle, {})
  await middle.update({ wait: true })
  await middle.download({ start: 0, end: log.length }).done()
  const copy = await openReader(t, log)
  await join(t, copy, middle, {})
  const reader = await KeyValue.open<string, string>(copy, OPTIONS)
  for (let i = 0; i < 40; i++) {
    const entry = await reader.get(`key ${i}`)
    t.is(entry?.value ?? null, i === 7 ? null : `value ${i}`)
  }
  t.is(await reader.count(), 39)
})
