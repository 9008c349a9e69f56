// T-INTEROP: forks, conflicts and restored copies, with npm hypercore 11 and 10 on the other side. What a stock
// peer does of its own: version 11 reports a conflict and closes that log, and it follows our higher forks; version
// 10 follows forks, too.
import type { Assertions } from 'brittle'
import { test } from 'brittle'
import type Hypercore from 'hypercore'
import { verifyConflict } from '../../lib/core/histories/conflict-format.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import type { Log } from '../../lib/log/log.ts'
import { fromUtf8, toUtf8 } from '../../lib/util/bytes.ts'
import {
  join,
  openLog,
  openReader,
  openReference,
  sameBytes,
  until,
  untilReference,
  VERSIONS
} from '../helpers/replication.ts'

const TIMEOUT = { timeout: 20_000 }
const keyPair = createKeyPair(new Uint8Array(32).fill(81))

function texts(start: number, end: number, word = 'block'): Uint8Array[] {
  return Array.from({ length: end - start }, (_, i) => fromUtf8(`${word} ${start + i}`))
}

function stayAlive(t: Assertions): void {
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(alive))
}

function isAt(log: Log | Hypercore, fork: number, length: number): () => boolean {
  return () => log.fork === fork && log.length === length
}

for (const version of VERSIONS) {
  test(
    `its forks are followed, made while connected and while away: hypercore ${version}`,
    TIMEOUT,
    async (t) => {
      stayAlive(t)
      const core = await openReference(t, version)
      await core.append(texts(0, 30))
      const reader = await openReader(t, core)
      const cuts: [number, number][] = []
      reader.on('truncate', (length, ancestor) => cuts.push([length, ancestor]))
      const connection = await join(t, reader, core)
      await reader.update()
      await reader.download().done()
      await core.truncate(12)
      await until(reader, 'truncate', isAt(reader, 1, 12))
      await core.append(texts(12, 14, 'second'))
      t.is(toUtf8(await reader.get(13)), 'second 13')
      await connection.cut()
      await core.truncate(7)
      await core.append(texts(7, 40, 'third'))
      await join(t, reader, core)
      await until(reader, 'truncate', isAt(reader, 2, 40))
      t.alike(cuts, [
        [12, 12],
        [40, 7]
      ])
      t.ok(reader.has(0, 7), 'what is in common was kept')
      await reader.download().done()
      t.is(toUtf8(await reader.get(39)), 'third 39')
      t.ok(sameBytes(await reader.treeHash(), await core.treeHash()))
    }
  )

  test(`it follows our forks: hypercore ${version}`, TIMEOUT, async (t) => {
    stayAlive(t)
    const writer = await openLog(t)
    await writer.append(texts(0, 30))
    const core = await openReference(t, version, writer.key)
    const connection = await join(t, writer, core)
    await core.update({ wait: true })
    await core.download({ start: 0, end: 30 }).done()
    await writer.truncate(12)
    await untilReference(core, 'truncate', isAt(core, 1, 12))
    await writer.append(texts(12, 14, 'second'))
    await untilReference(core, 'append', isAt(core, 1, 14))
    await connection.cut()
    await writer.truncate(7)
    await writer.append(texts(7, 40, 'third'))
    await join(t, writer, core)
    await untilReference(core, 'truncate', isAt(core, 2, 40))
    t.is(toUtf8((await core.get(39))!), 'third 39')
    t.ok(sameBytes(await core.treeHash(), await writer.treeHash()))
  })
}

for (const [ours, theirs] of [
  [9, 9],
  [9, 12],
  [12, 9]
] as const) {
  test(
    `two histories, ours of ${ours}, of hypercore 11 ${theirs}: both sides notice`,
    TIMEOUT,
    async (t) => {
      stayAlive(t)
      const log = await openLog(t, { keyPair })
      const core = await openReference(t, '11', null, { keyPair })
      t.ok(sameBytes(core.key, log.key))
      await log.append([...texts(0, 5), ...texts(5, ours, 'ours')])
      await core.append([...texts(0, 5), ...texts(5, theirs, 'theirs')])
      let noticed = false
      let closed = false
      core.on('conflict', () => {
        noticed = true
      })
      core.on('close', () => {
        closed = true
      })
      await join(t, log, core)
      await Promise.all([
        until(log, 'conflict', () => log.info().frozen),
        untilReference(core, 'close', () => noticed && closed)
      ])
      const { fork, length, proof } = log.conflict!
      t.alike(verifyConflict(log.key, proof), { fork, length })
      t.is(toUtf8((await log.read(ours - 1))!), `ours ${ours - 1}`, 'ours can be read on')
      t.ok(noticed && closed, 'the stock peer reports it and closes its log')
      await log.truncate(5)
      await log.append(fromUtf8('settled'))
      const fresh = await openReference(t, '11', log.key)
      await join(t, log, fresh)
      await fresh.update({ wait: true })
      t.is(toUtf8((await fresh.get(5))!), 'settled')
      t.is(fresh.fork, 1, 'stock readers take what the owner goes on with')
    }
  )
}

test('restored from an older copy, with the newer blocks at hypercore 11', TIMEOUT, async (t) => {
  stayAlive(t)
  const log = await openLog(t, { keyPair, settleMs: 50 })
  await log.append(texts(0, 4))
  const core = await openReference(t, '11', null, { keyPair })
  await core.append(texts(0, 9))
  await join(t, log, core)
  await until(log, 'append', () => log.length === 9)
  t.is(log.behind, 'peer-ahead')
  await until(log, 'resumed', () => log.behind === null)
  await log.append(texts(9, 10))
  t.alike([log.fork, log.length], [0, 10])
  await untilReference(core, 'append', () => core.length === 10)
  t.is(toUtf8((await core.get(9))!), 'block 9')
})
