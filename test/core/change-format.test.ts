// The worked examples of change-format.ts, and that bytes from a damaged or hostile disk give an error at worst.
import { test } from 'brittle'
import { emptyChange } from '../../lib/core/change.ts'
import { ChangeBody, decodeChange, decodeHeader } from '../../lib/core/change-format.ts'
import { userDataCodec } from '../../lib/core/user-data.ts'
import { StorageError } from '../../lib/errors.ts'
import { fromUtf8, toHex } from '../../lib/util/bytes.ts'
import { encode } from '../../lib/util/codec.ts'
import { seededRandom } from '../helpers/random.ts'

function written(body: ChangeBody): Uint8Array {
  const bytes = new Uint8Array(body.byteLength)
  body.write(bytes)
  return bytes
}

test('worked examples', (t) => {
  const clear = { ...emptyChange(9), presence: { start: 2, length: 2, present: false } }
  t.is(toHex(written(new ChangeBody(clear, 0, false))), '040202')
  const present = {
    ...emptyChange(9),
    presence: { start: 1, length: 1, present: true },
    blocks: { byteOffset: 3, parts: [fromUtf8('hi')] }
  }
  const body = new ChangeBody(present, 2, false)
  const bytes = written(body)
  t.is(toHex(bytes), '2c010103' + '0102' + '6869')
  t.is(toHex(body.inlineBytes ?? new Uint8Array(0)), '6869')
  const decoded = decodeChange(bytes, false)
  t.alike(decoded.presence, present.presence)
  t.is(decoded.blocks?.byteOffset, 3)
  t.is(toHex(written(new ChangeBody(present, 2, true))), '2c010103' + '0102', 'outside')
  const note = { ...emptyChange(9), userData: { name: 'a', value: new Uint8Array([1, 2]) } }
  t.is(toHex(written(new ChangeBody(note, 0, false))), '00016101' + '020102', 'user data')
  t.is(toHex(encode(userDataCodec, new Map([['a', new Uint8Array([1, 2])]]))), '010161020102')
})

test('any bytes decode or are CORRUPT', (t) => {
  const random = seededRandom(3)
  let refused = 0
  for (let round = 0; round < 20_000; round++) {
    const bytes = random.bytes(random.int(80))
    for (const decode of [
      decodeHeader,
      (body: Uint8Array) => decodeChange(body, round % 2 === 0)
    ]) {
      try {
        decode(bytes)
      } catch (error) {
        if (!(error instanceof StorageError)) t.fail(`${toHex(bytes)}: ${error}`)
        refused++
      }
    }
  }
  t.ok(refused > 20_000, `${refused} of 40,000 refused`)
})
