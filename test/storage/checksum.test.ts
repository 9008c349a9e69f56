// The two ways to a CRC-32 agree.
import { test } from 'brittle'
import { checksum, shortChecksum } from '../../lib/storage/checksum.ts'
import { fromUtf8 } from '../../lib/util/bytes.ts'
import { seededRandom } from '../helpers/random.ts'

test('short and long checksums', (t) => {
  t.is(checksum(fromUtf8('123456789')), 0xcbf43926, 'the check value of the polynomial')
  const random = seededRandom(7)
  for (let i = 0; i < 500; i++) {
    const bytes = random.bytes(4 * random.int(16))
    const before = random.int(2) === 0 ? 0 : random.int(2 ** 32)
    const short = shortChecksum(bytes, 0, bytes.byteLength, before)
    if (short !== checksum(bytes, before)) t.fail(`${bytes.byteLength} bytes after ${before}`)
  }
  t.pass('500 inputs')
})
