// T-INTEROP: encrypted logs of ours and of npm hypercore 11 and 10, read by the other side with the same key, through
// a seeder of either kind that has none.
import { test } from 'brittle'
import { createManifest } from '../../lib/core/manifest.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { blockKeyOf } from '../../lib/log/block-cipher.ts'
import { toHex } from '../../lib/util/bytes.ts'
import { seededRandom } from '../helpers/random.ts'
import {
  join,
  openLog,
  openReference,
  randomBlocks,
  until,
  VERSIONS
} from '../helpers/replication.ts'

const KEY = new Uint8Array(32).fill(9)
const TIMEOUT = { timeout: 20_000 }
const blocks = randomBlocks(seededRandom(4), 60, 300)
const payload = blocks.reduce((sum, block) => sum + block.byteLength, 0)

/** Both name the same key; version 10 and early 11 as an option of their own. */
const THEIR_KEY = { encryptionKey: KEY, encryption: { key: KEY } }

for (const version of VERSIONS) {
  for (const nonces of ['content', 'fork'] as const) {
    test(`ours, padding from ${nonces}, read by hypercore ${version}`, TIMEOUT, async (t) => {
      const log = await openLog(t, { encryption: { key: KEY, nonces } })
      await log.append(blocks.slice(0, 30))
      await log.truncate(20)
      await log.append(blocks.slice(20))
      const core = await openReference(t, version, log.key, THEIR_KEY)
      await join(t, log, core)
      await core.update({ wait: true })
      t.is(core.length, 60)
      t.is(core.byteLength, payload)
      for (const [i, block] of blocks.entries()) {
        t.is(toHex((await core.get(i)) as Uint8Array), toHex(block))
      }
      for (const byteOffset of [1, 500, payload - 1]) {
        const ours = await log.seek(byteOffset)
        t.alike(await core.seek(byteOffset), [ours?.index, ours?.byteOffset])
      }
    })
  }

  test(
    `hypercore ${version}'s, read by us, through a seeder without the key`,
    TIMEOUT,
    async (t) => {
      const core = await openReference(t, version, null, THEIR_KEY)
      await core.append(blocks.slice(0, 40))
      await core.truncate(30)
      await core.append(blocks.slice(30))
      const seeder = await openLog(t, { key: core.key })
      const first = await join(t, core, seeder)
      await until(seeder, 'append', () => seeder.length === 60)
      await seeder.download().done()
      await first.cut()
      const reader = await openLog(t, { key: core.key, encryption: { key: KEY } })
      await join(t, reader, seeder)
      await reader.update()
      t.is(reader.byteLength, core.byteLength)
      t.alike(await reader.seek(777), await seekOf(core, 777))
      for (const [i, block] of blocks.entries()) t.is(toHex(await reader.get(i)), toHex(block))
      const wrong = reader.session({ encryption: { key: new Uint8Array(32) } })
      await t.exception(wrong.get(3), /not encrypted with this key/)
      await wrong.close()
    }
  )
}

test('a compat log: the log key is the public key', TIMEOUT, async (t) => {
  const keyPair = createKeyPair()
  const options = { ...THEIR_KEY, keyPair, compat: true }
  const core = await openReference(t, '11', keyPair.publicKey, options)
  await core.append(blocks.slice(0, 8))
  const reader = await openLog(t, { key: core.key, encryption: { key: KEY } })
  await join(t, core, reader)
  for (let i = 0; i < 8; i++) t.is(toHex(await reader.get(i)), toHex(blocks[i] as Uint8Array))
})

test('a block key alone reads one log', TIMEOUT, async (t) => {
  const core = await openReference(t, '11', null, { encryption: { key: KEY } })
  await core.append(blocks.slice(0, 4))
  const manifest = createManifest({ signers: [{ publicKey: createKeyPair().publicKey }] })
  const blockKey = blockKeyOf(KEY, { key: core.key, manifest })
  const reader = await openLog(t, {
    key: core.key,
    encryption: { key: blockKey, kind: 'block-key' }
  })
  await join(t, core, reader)
  t.is(toHex(await reader.get(3)), toHex(blocks[3] as Uint8Array))
})

async function seekOf(
  core: Awaited<ReturnType<typeof openReference>>,
  byteOffset: number
): Promise<{ index: number; byteOffset: number } | null> {
  const found = await core.seek(byteOffset)
  return found === null ? null : { index: found[0], byteOffset: found[1] }
}
