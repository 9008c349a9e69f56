// Bitfield against a Set of numbers, in seeded random steps.
import { test } from 'brittle'
import { Bitfield, PAGE_BITS } from '../../lib/util/bitfield.ts'
import { seedsFor } from '../helpers/long.ts'
import { seededRandom } from '../helpers/random.ts'

const SPAN = PAGE_BITS * 3 + 100
const SEEDS = seedsFor(15, 300)

test('bitfield equals a set of numbers', (t) => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = seededRandom(seed)
    const bits = new Bitfield()
    const model = new Uint8Array(SPAN)
    for (let step = 0; step < 40; step++) {
      const start = random.int(SPAN)
      const end = Math.min(SPAN, start + 1 + random.int(random.int(2) === 0 ? 70 : SPAN))
      const present = random.int(3) > 0
      if (random.int(4) === 0) {
        bits.set(start, present)
        model[start] = present ? 1 : 0
      } else {
        bits.setRange(start, end, present)
        model.fill(present ? 1 : 0, start, end)
      }
    }
    const difference = firstDifference(bits, model)
    if (difference !== -1) t.fail(`seed ${seed}: bit ${difference}`)
    for (let i = 0; i < 50; i++) {
      const start = random.int(SPAN)
      const end = start + random.int(SPAN - start)
      const found = model.subarray(start, end).indexOf(1)
      const expected = found === -1 ? -1 : start + found
      if (bits.first(start, end) !== expected) t.fail(`seed ${seed}: first(${start}, ${end})`)
    }
  }
  t.pass(`${SEEDS} seeds`)
})

test('a bitfield with a page limit stays within it', (t) => {
  const bits = new Bitfield(2)
  bits.setRange(0, 10 * PAGE_BITS, true)
  t.is(bits.pageCount, 2)
  t.ok(bits.has(2 * PAGE_BITS - 1))
  t.absent(bits.has(2 * PAGE_BITS))
  bits.setRange(0, Number.MAX_SAFE_INTEGER, false)
  t.is(bits.pageCount, 0)
  t.is(bits.first(0, Number.MAX_SAFE_INTEGER), -1)
})

function firstDifference(bits: Bitfield, model: Uint8Array): number {
  for (let start = 0; start < SPAN; start += 32) {
    let word = 0
    for (let i = 0; i < 32; i++) if (model[start + i] === 1) word |= 1 << i
    if (bits.word(start) !== word >>> 0) return start
  }
  return model.findIndex((bit, index) => bits.has(index) !== (bit === 1))
}
