// Switches, and channels that close when nobody wants anything, with npm hypercore 11 and 10 on the other side.
import { test } from 'brittle'
import { turns } from '../helpers/attacker.ts'
import { seededRandom } from '../helpers/random.ts'
import {
  assertSame,
  join,
  openLog,
  openReader,
  openReference,
  randomBlocks,
  sameBytes,
  until,
  untilReference,
  VERSIONS
} from '../helpers/replication.ts'

const TIMEOUT = { timeout: 20_000 }
const BLOCKS = randomBlocks(seededRandom(1), 400, 100)

for (const version of VERSIONS) {
  test(`a reader waits while we do not upload: hypercore ${version}`, TIMEOUT, async (t) => {
    const log = await openLog(t, { upload: false })
    await log.append(BLOCKS)
    const core = await openReference(t, version, log.key)
    await join(t, log, core)
    await until(log, 'peer-add', () => log.peers.length > 0)
    const got = core.get(7)
    await turns(100)
    t.is(core.contiguousLength, 0)
    log.setUpload(true)
    t.ok(sameBytes((await got)!, BLOCKS[7]!))
  })

  test(`upload off amid a copy, on again: hypercore ${version}`, TIMEOUT, async (t) => {
    const log = await openLog(t)
    await log.append(BLOCKS)
    const core = await openReference(t, version, log.key)
    await join(t, log, core)
    await core.update({ wait: true })
    const done = core.download({ start: 0, end: BLOCKS.length }).done()
    for (const share of [50, 150]) {
      let uploads = 0
      await until(log, 'upload', () => ++uploads > share)
      log.setUpload(false)
      await turns(200)
      log.setUpload(true)
    }
    await done
    await assertSame(t, core, BLOCKS, log, 'reference')
  })

  test(`download off amid a copy, on again: hypercore ${version}`, TIMEOUT, async (t) => {
    const core = await openReference(t, version)
    await core.append(BLOCKS)
    const log = await openReader(t, core)
    await join(t, log, core)
    const download = log.download({ end: BLOCKS.length })
    await until(log, 'download', () => log.has(0, 3))
    log.setDownload(false)
    await turns(200)
    log.setDownload(true)
    await download.done()
    await assertSame(t, log, BLOCKS, core, 'reader')
  })

  test(`idle channels close and open again: hypercore ${version}`, TIMEOUT, async (t) => {
    const quiet = { active: false, notDownloadingLinger: 0 }
    const core = await openReference(t, version, null, quiet)
    await core.append(BLOCKS)
    const log = await openLog(t, { key: core.key, active: false, lingerMs: 0 })
    await join(t, log, core)
    for (const index of [5, 6, 399]) {
      t.ok(sameBytes(await log.get(index), BLOCKS[index]!))
      await until(log, 'peer-remove', () => log.peers.length === 0)
    }
    const copy = await openReference(t, version, core.key, quiet)
    await join(t, log, copy)
    const session = copy.session({ active: true })
    t.ok(sameBytes((await session.get(6))!, BLOCKS[6]!), 'the other side wants something')
    t.is(log.peers.length, 1)
    await session.close()
    await until(log, 'peer-remove', () => log.peers.length === 0)
    await untilReference(copy, 'peer-remove', () => copy.peers.length === 0)
    t.ok(sameBytes((await copy.session({ active: true }).get(399))!, BLOCKS[399]!))
  })
}
