// How many levels a question asks for: as the reference counts them where blocks are held, and never too few.
import { test } from 'brittle'
import { canBeUpgraded, climb, relation } from '../../lib/replication/model/relation.ts'
import { RemoteLog } from '../../lib/replication/model/remote-log.ts'
import type { LocalLog } from '../../lib/replication/model/types.ts'
import { Bitfield } from '../../lib/util/bitfield.ts'
import { loadVectors } from '../helpers/vectors.ts'

interface Row {
  after: string
  length: number
  nodesForBlock: number[]
}

const { requestNodes } = loadVectors<{ requestNodes: { rows: Row[] } }>('log')

function localLog(length: number, held: readonly number[], fork = 0): LocalLog {
  const bits = new Bitfield()
  for (const index of held) bits.set(index, true)
  return {
    fork,
    length,
    byteLength: length,
    contiguousLength: 0,
    hasManifest: true,
    frozen: false,
    has: (index) => bits.has(index),
    word: (start) => bits.word(start),
    findBlock(start, end, present) {
      for (let index = start; index < end; index++) if (bits.has(index) === present) return index
      return -1
    }
  }
}

const rowAfter = (after: string): Row => {
  const row = requestNodes.rows.find((each) => each.after === after)
  if (row === undefined) throw new Error(`No row after ${after}`)
  return row
}

test('levels to climb are those of the reference where blocks are held', (t) => {
  const cases: [string, number[]][] = [
    ['upgrade 0 to 13', []],
    ['block 2', [2]],
    ['block 9', [2, 9]]
  ]
  for (const [after, held] of cases) {
    const { length, nodesForBlock } = rowAfter(after)
    const local = localLog(length, held)
    for (let index = 0; index < length; index++) {
      if (held.includes(index)) continue
      const { levels, assumes } = climb(local, index, length, null)
      t.is(levels, nodesForBlock[index], `${after}: block ${index}`)
      t.absent(assumes)
    }
  }
})

test('after proofs of hashes a question asks for no less than the reference', (t) => {
  const { length, nodesForBlock } = rowAfter('block 12')
  const held = [2, 9, 12]
  const local = localLog(length, held)
  for (let index = 0; index < length; index++) {
    if (held.includes(index)) continue
    const { levels } = climb(local, index, length, null)
    const least = nodesForBlock[index] ?? 0
    t.ok(levels >= least && levels <= least + 2, `block ${index}: ${levels}, at least ${least}`)
  }
})

test('answers under way count as held, and say so', (t) => {
  const underWay = new Bitfield()
  const local = localLog(16, [])
  const asked: [number, boolean][] = []
  for (let index = 0; index < 8; index++) {
    const { levels, assumes } = climb(local, index, 16, underWay)
    asked.push([levels, assumes])
    underWay.set(index, true)
  }
  t.alike(asked, [
    [4, false],
    [0, true],
    [1, true],
    [0, true],
    [2, true],
    [0, true],
    [1, true],
    [0, true]
  ])
})

test('a climb ends inside the tree of a shorter peer', (t) => {
  const local = localLog(16, [])
  t.is(climb(local, 0, 12, null).levels, 3, 'at the root over 8 blocks')
  t.is(climb(local, 9, 12, null).levels, 2, 'at the root over 4 blocks')
})

test('relations, and who may upgrade whom', (t) => {
  const remote = new RemoteLog()
  const sync = (fork: number, length: number, remoteLength: number): void =>
    remote.sync(
      {
        fork,
        length,
        remoteLength,
        canUpgrade: true,
        uploading: true,
        downloading: true,
        hasManifest: true,
        allowPush: false
      },
      1
    )
  const local = localLog(10, [], 1)
  const expected: [number, number, number, string, boolean][] = [
    [1, 10, 10, 'level', false],
    [1, 12, 10, 'behind', true],
    [1, 12, 9, 'behind', false],
    [1, 8, 10, 'ahead', false],
    [2, 12, 10, 'they-forked', false],
    [0, 12, 10, 'we-forked', false]
  ]
  for (const [fork, length, acked, name, upgrades] of expected) {
    sync(fork, length, acked)
    t.is(relation(local, remote), name)
    t.is(canBeUpgraded(local, remote, 0), upgrades, `${name}, acknowledged ${acked}`)
  }
})
