// What a log that was opened by its key learns of it, and of its peers: who may sign, and how far each peer is.
import { test } from 'brittle'
import { createManifest, encodeManifest, type Manifest } from '../../lib/core/manifest.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { emptyProof, emptyRequest } from '../../lib/merkle/proof.ts'
import type { Request } from '../../lib/replication/messages.ts'
import { toHex } from '../../lib/util/bytes.ts'
import { attack } from '../helpers/attacker.ts'
import { seededRandom } from '../helpers/random.ts'
import {
  errorOf,
  join,
  openLog,
  openReference,
  randomBlocks,
  until,
  VERSIONS
} from '../helpers/replication.ts'

const TIMEOUT = { timeout: 10_000 }
const blocks = randomBlocks(seededRandom(9), 12, 50)

test('a reader tells once when it learns who may sign, and keeps it', TIMEOUT, async (t) => {
  const writer = await openLog(t)
  await writer.append(blocks)
  const directory = await t.tmp()
  const reader = await openLog(t, { key: writer.key }, directory)
  const learned: Manifest[] = []
  reader.on('manifest', (manifest) => learned.push(manifest))
  t.is(reader.manifest, null)
  await join(t, writer, reader)
  await reader.download({ end: 12 }).done()
  t.alike(learned.map(hexOf), [hexOf(writer.manifest)])
  t.is(hexOf(reader.manifest), hexOf(writer.manifest))
  await reader.close()
  const again = await openLog(t, { key: writer.key }, directory)
  t.is(hexOf(again.manifest), hexOf(writer.manifest))
})

test('setManifest: of this key only, kept, told to peers that lack it', TIMEOUT, async (t) => {
  const signers = [1, 2, 3].map((n) => createKeyPair(new Uint8Array(32).fill(n)))
  const manifest = createManifest({ signers, quorum: 2 })
  const source = await openLog(t, { manifest })
  const directory = await t.tmp()
  const log = await openLog(t, { key: source.key }, directory)
  const learned: Manifest[] = []
  log.on('manifest', (known) => learned.push(known))
  const other = createManifest({ signers, quorum: 1 })
  t.is(await errorOf(log.setManifest(other)), 'ProofError BAD_MANIFEST')
  for (const nonsense of [null, {}, { version: 1, signers: 3 }]) {
    const call = log.setManifest(nonsense as unknown as Manifest)
    t.is(await errorOf(call), 'ArgumentError INVALID_ARGUMENT')
  }
  t.is(log.manifest, null)
  await log.setManifest(manifest)
  await log.setManifest(manifest)
  t.is(learned.length, 1)
  t.is(hexOf(log.manifest), hexOf(manifest))
  const peer = await openLog(t, { key: source.key })
  await join(t, log, peer)
  await until(peer, 'manifest', () => peer.manifest !== null)
  t.is(hexOf(peer.manifest), hexOf(manifest), 'though no block is there')
  await log.close()
  t.is(await errorOf(log.setManifest(manifest)), 'StateError CLOSED')
  const again = await openLog(t, { key: source.key }, directory)
  t.is(toHex(again.key), toHex(source.key))
  t.is(hexOf(again.manifest), hexOf(manifest))
})

for (const version of VERSIONS) {
  test(`how far a peer is, is told: hypercore ${version}`, TIMEOUT, async (t) => {
    const core = await openReference(t, version)
    await core.append(blocks.slice(0, 10))
    const reader = await openLog(t, { key: core.key })
    const seen: number[] = []
    reader.on('peer-progress', ({ contiguousLength }) => seen.push(contiguousLength))
    await join(t, core, reader)
    await until(reader, 'peer-progress', () => reader.peers[0]?.contiguousLength === 10)
    await core.append(blocks.slice(10))
    await until(reader, 'peer-progress', () => reader.peers[0]?.contiguousLength === 12)
    await core.clear(3)
    await until(reader, 'peer-progress', () => reader.peers[0]?.contiguousLength === 3)
    const changes = seen.filter((length, i) => length !== seen[i - 1])
    t.alike(changes, seen, 'only changes are told')
    t.is(seen.at(-1), 3)
  })
}

test('an answer without a manifest is not asked for on and on', TIMEOUT, async (t) => {
  const writer = await openLog(t)
  const reader = await openLog(t, { key: writer.key })
  const attacker = await attack(t, reader)
  await attacker.opened.promise
  attacker.sync({ length: 0 })
  for (const answer of ['data', 'noData'] as const) {
    const { id } = await attacker.next<Request>('request')
    if (answer === 'data') attacker.data({ id, proof: emptyProof })
    else attacker.noData({ id, reason: 1 })
    // What comes after it has been looked at when this is answered.
    const answered = attacker.next('data')
    attacker.send('request', {
      id: 9,
      proof: { ...emptyRequest, block: { index: 0, nodes: 0 } },
      priority: 0
    })
    await answered
    t.is(attacker.all<Request>('request').length, answer === 'data' ? 1 : 2)
    attacker.sync({ length: 0, remoteLength: 0 })
  }
})

function hexOf(manifest: Manifest | null): string {
  return manifest === null ? 'none' : toHex(encodeManifest(manifest))
}
