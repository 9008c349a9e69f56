// The bytes of spec hamt.md section 16.
import { test } from 'brittle'
import { KeyValue } from '../../lib/keyvalue/keyvalue.ts'
import { Log } from '../../lib/log/log.ts'
import { toHex } from '../../lib/util/bytes.ts'

const SEED = new Uint8Array(32).fill(9)
const hex = (text: string): string => text.replace(/[\s|]/g, '')

async function blockOf(log: Log, index: number): Promise<string> {
  return toHex(await log.get(index))
}

test('single puts and a deletion, byte for byte', async (t) => {
  await using log = await Log.open(null)
  await using kv = await KeyValue.open<string, string>(log, { seed: SEED, valueEncoding: 'utf-8' })
  await kv.put('hello', 'world')
  await kv.put('npm/left-pad', '1.3.0')
  await kv.put('npm/tape', '5.0.0')
  await kv.del('hello')
  await kv.put('npm/left-pad', '1.3.1')
  const expected = [
    `004c574b56010001 ${'09'.repeat(32)} 00`,
    '09 00 01 | 04 01 05 68656c6c6f 05 776f726c64',
    '09 00 02 | 41 01 0001 01 | 04 02 03 6e706d 08 6c6566742d706164 05 312e332e30',
    '09 00 03 | 41 02 0001 02 | b1 c1 20 0010 01 | 04 02 03 6e706d 04 74617065 05 352e302e30',
    '19 00 02 | 01 01 05 68656c6c6f 03 | 02 01 0000 1000 01',
    '09 00 02 | 41 3f | c1 c2 20 0008 02 | 14 02 03 6e706d 08 6c6566742d706164 03 05 312e332e31'
  ]
  t.is(log.length, expected.length)
  for (const [index, bytes] of expected.entries()) t.is(await blockOf(log, index), hex(bytes))
  t.is((await kv.get('npm/left-pad'))?.value, '1.3.1')
  t.is((await kv.get('npm/tape'))?.value, '5.0.0')
  t.is(await kv.get('hello'), null)
  t.is(await kv.get('npm'), null)
})

test('a span, and a put behind it, byte for byte', async (t) => {
  await using log = await Log.open(null)
  const small = { seed: SEED, valueEncoding: 'utf-8', checkpoints: 'none' } as const
  const first = await KeyValue.open<string, string>(log, { ...small, pageBytes: 24 })
  const keys = Array.from({ length: 24 }, (_, i) => `k${i}`)
  await first.batch(keys.map((key) => ({ type: 'put', key, value: 'v' })))
  t.is(log.length, 19)
  await first.checkpoint()
  t.is(log.length, 36)
  await first.close()
  await using kv = await KeyValue.open<string, string>(log, small)
  await kv.put('new', '1')
  const expected: readonly (readonly [number, string])[] = [
    [19, '2a 00 | 11 45 8002 7101 | 0a 00 0000 4020 12'],
    [35, '29 10 18 00 22 01 00 00 01 10 | 03 00 01 10'],
    [36, '29 00 19 01 01 00 00 01 10 | 1d 00 01 | 51 05 0001 1b | 04 01 03 6e6577 01 31']
  ]
  for (const [index, bytes] of expected) t.is(await blockOf(log, index), hex(bytes))
  t.is(await kv.count(), 25)
  for (const key of keys) t.is((await kv.get(key))?.value, 'v')
})
