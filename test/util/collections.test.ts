// LazyMap, LazySet, ClockRing: like the language's own, through random programs.
import { test } from 'brittle'
import { ClockRing, NO_SLOT } from '../../lib/util/clock-ring.ts'
import { LazyMap, LazySet } from '../../lib/util/lazy.ts'
import { seededRandom } from '../helpers/random.ts'

test('a lazy map and set do what Map and Set do', (t) => {
  const random = seededRandom(5)
  const lazy = new LazyMap<number, number>()
  const map = new Map<number, number>()
  const lazySet = new LazySet<number>()
  const set = new Set<number>()
  let differences = 0
  for (let step = 0; step < 5_000; step++) {
    const key = random.int(5)
    const move = random.int(20)
    if (move < 8) {
      lazy.set(key, step)
      map.set(key, step)
      lazySet.add(key)
      set.add(key)
    } else if (move < 19) {
      if (lazy.delete(key) !== map.delete(key)) differences++
      if (lazySet.delete(key) !== set.delete(key)) differences++
    } else {
      lazy.clear()
      map.clear()
      lazySet.clear()
      set.clear()
    }
    const ours = [[...lazy], [...lazy.keys()], [...lazy.values()], lazy.size, lazy.get(key)]
    const theirs = [[...map], [...map.keys()], [...map.values()], map.size, map.get(key)]
    const sets = [
      [[...lazySet], lazySet.size, lazySet.has(key), lazy.has(key)],
      [[...set], set.size, set.has(key), map.has(key)]
    ]
    if (JSON.stringify([ours, sets[0]]) !== JSON.stringify([theirs, sets[1]])) differences++
  }
  t.is(differences, 0)
})

test('the hand of a ring comes to everyone, whoever is added and removed', (t) => {
  const random = seededRandom(6)
  const ring = new ClockRing<{ slot: number }>()
  const inside = new Set<{ slot: number }>()
  const outside = { slot: NO_SLOT }
  t.is(ring.atHand(), undefined)
  t.absent(ring.remove(outside))
  for (let step = 0; step < 3_000; step++) {
    const move = random.int(10)
    if (move < 4) {
      const element = { slot: NO_SLOT }
      ring.add(element)
      inside.add(element)
    } else if (move < 7) {
      const element = random.int(2) === 0 ? ring.atHand() : [...inside][random.int(inside.size)]
      if (element !== undefined && ring.remove(element) !== inside.delete(element)) {
        t.fail('removes what is there')
      }
      if (element !== undefined && ring.remove(element)) t.fail('removed twice')
    } else ring.skip()
    if (ring.size !== inside.size) t.fail('size')
  }
  const seen = new Set<unknown>()
  for (let i = 0; i < ring.size; i++) {
    seen.add(ring.atHand())
    ring.skip()
  }
  t.is(seen.size, inside.size, 'one round meets each')
  t.alike(new Set(ring), inside)
})
