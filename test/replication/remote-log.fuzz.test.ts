// What a peer announced, against a plain array of flags: seeded ranges, drops, bitfields and corrections.
import { test } from 'brittle'
import { RemoteLog } from '../../lib/replication/model/remote-log.ts'
import { seedsFor } from '../helpers/long.ts'
import { seededRandom } from '../helpers/random.ts'

const SPAN = 3000

test('a remote log equals an array of flags', (t) => {
  const seeds = seedsFor(40, 2000)
  for (let seed = 1; seed <= seeds; seed++) {
    const random = seededRandom(seed)
    const remote = new RemoteLog()
    remote.length = SPAN
    const model = new Uint8Array(SPAN)
    for (let step = 0; step < 30; step++) {
      const start = random.int(3) === 0 ? 0 : random.int(SPAN)
      const length = 1 + random.int(Math.min(SPAN - start, random.int(2) === 0 ? 40 : SPAN))
      const dice = random.int(8)
      if (dice < 4) {
        remote.setRange({ drop: false, start, length })
        model.fill(1, start, start + length)
      } else if (dice < 6) {
        remote.setRange({ drop: true, start, length })
        model.fill(0, start, start + length)
      } else if (dice === 6) {
        remote.lacks(start)
        model[start] = 0
      } else {
        const from = start - (start % 32)
        const words = Uint32Array.from({ length: 1 + random.int(4) }, () => random.int(2 ** 32))
        remote.setWords({ start: from, words })
        setWords(model, from, words)
      }
    }
    const wrong = model.findIndex((flag, index) => remote.has(index) !== (flag === 1))
    if (wrong !== -1) t.fail(`seed ${seed}: block ${wrong}`)
    for (let i = 0; i < 30; i++) {
      const start = random.int(SPAN)
      const found = model.indexOf(1, start)
      if (remote.first(start, SPAN) !== found) t.fail(`seed ${seed}: first from ${start}`)
    }
  }
  t.pass(`${seeds} seeds`)
})

test('announcing the moon costs bounded memory, and says nothing of what is not announced', (t) => {
  const remote = new RemoteLog()
  remote.setRange({ drop: false, start: 5, length: Number.MAX_SAFE_INTEGER })
  remote.setRange({ drop: false, start: 2 ** 50, length: 2 ** 50 })
  t.ok(remote.has(5))
  t.absent(remote.has(4))
  remote.setRange({ drop: true, start: 0, length: Number.MAX_SAFE_INTEGER })
  t.absent(remote.has(5))
  remote.setWords({ start: 7, words: new Uint32Array([1]) })
  t.absent(remote.has(7), 'a bitfield starts at a word border')
})

function setWords(model: Uint8Array, start: number, words: Uint32Array): void {
  for (let i = 0; i < words.length * 32 && start + i < SPAN; i++) {
    model[start + i] = (words[i >>> 5]! >>> (i & 31)) & 1
  }
}
