// T-INTEROP: whole copies and live appends, with npm hypercore 11 and 10 on the other side, in both directions,
// both roles, over memory and over TCP.
import { test } from 'brittle'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { seededRandom } from '../helpers/random.ts'
import {
  assertSame,
  join,
  openLog,
  openReader,
  openReference,
  randomBlocks,
  sameBytes,
  type Transport,
  until,
  untilReference,
  VERSIONS
} from '../helpers/replication.ts'

const TIMEOUT = { timeout: 20_000 }
const TRANSPORTS: readonly Transport[] = ['memory', 'tcp']

for (const version of VERSIONS) {
  for (const transport of TRANSPORTS) {
    for (const isInitiator of [true, false]) {
      const how = `hypercore ${version}, ${transport}, we ${isInitiator ? 'call' : 'answer'}`

      test(`full copy from us: ${how}`, TIMEOUT, async (t) => {
        const blocks = randomBlocks(seededRandom(1), 300, 900)
        const log = await openLog(t)
        await log.append(blocks)
        const core = await openReference(t, version, log.key)
        await join(t, log, core, { transport, isInitiator })
        await core.update({ wait: true })
        await core.download({ start: 0, end: 300 }).done()
        await assertSame(t, core, blocks, log, 'reference')
      })

      test(`full copy to us: ${how}`, TIMEOUT, async (t) => {
        const blocks = randomBlocks(seededRandom(2), 300, 900)
        const core = await openReference(t, version)
        await core.append(blocks)
        const log = await openReader(t, core)
        await join(t, log, core, { transport, isInitiator })
        t.ok(await log.update())
        await log.download().done()
        await assertSame(t, log, blocks, core, 'reader')
        t.is(log.contiguousLength, 300)
        t.is(log.byteLength, core.byteLength)
        for (const length of [1, 2, 128, 255, 300]) {
          const [ours, theirs] = [await log.treeHash(length), await core.treeHash(length)]
          t.ok(sameBytes(ours, theirs), `tree hash at ${length}`)
        }
      })
    }
  }

  test(`live both ways over one connection: hypercore ${version}`, TIMEOUT, async (t) => {
    const [random, count] = [seededRandom(3), 60]
    const ours = await openLog(t)
    const theirs = await openReference(t, version)
    const theirCopy = await openReference(t, version, ours.key)
    const ourCopy = await openReader(t, theirs)
    const { first, second } = await join(t, ours, theirCopy, { transport: 'tcp' })
    ourCopy.replicate(first as Parameters<typeof ourCopy.replicate>[0])
    theirs.replicate(second as object)
    const download = ourCopy.download({ end: -1 })
    const theirDownload = theirCopy.download({ start: 0, end: -1 })
    const blocks = randomBlocks(random, count, 500)
    const otherBlocks = randomBlocks(random, count, 500)
    for (let i = 0; i < count; i += 3) {
      await Promise.all([
        ours.append(blocks.slice(i, i + 3)),
        theirs.append(otherBlocks.slice(i, i + 3))
      ])
      if (i % 15 === 0) await until(ourCopy, 'append', () => ourCopy.length > i)
    }
    await until(ourCopy, 'download', () => ourCopy.has(0, count))
    await untilReference(theirCopy, 'append', () => theirCopy.length === count)
    for (let i = 0; i < count; i++) await theirCopy.get(i)
    await assertSame(t, ourCopy, otherBlocks, theirs, 'our copy')
    await assertSame(t, theirCopy, blocks, ours, 'their copy')
    download.destroy()
    theirDownload.destroy()
  })

  test(`compat key, theirs: hypercore ${version}`, TIMEOUT, async (t) => {
    const blocks = randomBlocks(seededRandom(4), 40, 200)
    const core = await openReference(t, version, null, { compat: true })
    await core.append(blocks)
    t.ok(sameBytes(core.key, core.keyPair!.publicKey), 'the key is the public key')
    const log = await openReader(t, core)
    await join(t, log, core)
    t.ok(await log.update())
    await log.download().done()
    await assertSame(t, log, blocks, core, 'reader')
    const again = await openReference(t, version, core.key, { compat: true })
    await join(t, again, log, { isInitiator: false })
    for (let i = 0; i < 40; i++) await again.get(i)
    await assertSame(t, again, blocks, log, 'served on by us')
  })

  test(`compat key, ours: hypercore ${version}`, TIMEOUT, async (t) => {
    const blocks = randomBlocks(seededRandom(5), 40, 200)
    const keyPair = createKeyPair()
    const log = await openLog(t, { keyPair, key: keyPair.publicKey })
    await log.append(blocks)
    const core = await openReference(t, version, log.key, { compat: true })
    await join(t, log, core)
    for (let i = 0; i < 40; i++) await core.get(i)
    await assertSame(t, core, blocks, log, 'reference')
  })

  test(`0 bytes and 4 MiB: hypercore ${version}`, TIMEOUT, async (t) => {
    const large = new Uint8Array(4 * 1024 * 1024)
    for (let i = 0; i < large.byteLength; i += 997) large[i] = i
    const blocks = [new Uint8Array(0), large, new Uint8Array(0), new Uint8Array(1)]
    const log = await openLog(t)
    await log.append(blocks)
    const core = await openReference(t, version, log.key)
    const connection = await join(t, log, core, { transport: 'tcp' })
    for (let i = 0; i < 4; i++) await core.get(i)
    await assertSame(t, core, blocks, log, 'reference')
    await connection.cut()
    const reader = await openReader(t, log)
    await join(t, core, reader, { transport: 'tcp' })
    for (let i = 3; i >= 0; i--) t.is((await reader.get(i)).byteLength, blocks[i]!.byteLength)
    await assertSame(t, reader, blocks, core, 'reader')
  })
}
