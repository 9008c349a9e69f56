// Logs of several signers: a quorum makes a head, fewer do not; patches; what a quorum of ours signed is read by npm
// hypercore 11, and what one of theirs signed by us. Version 10 knows manifests, too.
import { test } from 'brittle'
import type Hypercore from 'hypercore'
import { createManifest, type Manifest, manifestKey } from '../../lib/core/manifest.ts'
import { createKeyPair, type KeyPair } from '../../lib/crypto/key-pair.ts'
import type { Log } from '../../lib/log/log.ts'
import { assembleSignature, shortenShare, signDraft } from '../../lib/log/signing.ts'
import { toHex } from '../../lib/util/bytes.ts'
import { seededRandom } from '../helpers/random.ts'
import {
  assertSame,
  errorOf,
  join,
  openLog,
  openReference,
  randomBlocks,
  VERSIONS
} from '../helpers/replication.ts'

const TIMEOUT = { timeout: 20_000 }
const pairs = [1, 2, 3].map((n) => createKeyPair(new Uint8Array(32).fill(n)))
const blocks = randomBlocks(seededRandom(5), 12, 60)

function manifestOf(options: { quorum: number; allowPatch?: boolean; version?: number }): Manifest {
  return createManifest({ ...options, signers: pairs })
}

/** Appends with the signatures of these. */
async function appendTogether(
  log: Log<Uint8Array>,
  values: readonly Uint8Array[],
  signers: readonly KeyPair[]
): Promise<void> {
  const manifest = log.manifest as Manifest
  const draft = await log.draft({ append: values })
  const shares = signers.map((pair) => signDraft(manifest, draft, pair))
  await log.append(values, { signature: assembleSignature(manifest, shares) })
}

for (const version of VERSIONS) {
  test(`signed by two of three, read by hypercore ${version}`, TIMEOUT, async (t) => {
    const manifest = manifestOf({ quorum: 2 })
    const log = await openLog(t, { manifest })
    t.is(toHex(log.key), toHex(manifestKey(manifest)))
    t.absent(log.writable)
    await appendTogether(log, blocks.slice(0, 5), [pairs[2] as KeyPair, pairs[0] as KeyPair])
    await appendTogether(log, blocks.slice(5), pairs)
    const core = await openReference(t, version, log.key)
    await join(t, log, core)
    await core.update({ wait: true })
    await core.download({ start: 0, end: 12 }).done()
    await assertSame(t, core, blocks, log, 'reference')
    const reader = await openLog(t, { key: log.key })
    await join(t, reader, core)
    await reader.update()
    await reader.download().done()
    await assertSame(t, reader, blocks, log, 'reader behind it')
    const cut = await log.draft({ truncate: 4 })
    t.is(cut.fork, 1)
    const shares = [0, 1].map((i) => signDraft(manifest, cut, pairs[i] as KeyPair))
    const followed = new Promise((resolve) => reader.on('truncate', resolve))
    await log.truncate(4, { signature: assembleSignature(manifest, shares) })
    await followed
    t.is(reader.length, 4)
  })
}

test('fewer than the quorum, strangers, other values: nothing is appended', TIMEOUT, async (t) => {
  const manifest = manifestOf({ quorum: 2 })
  const log = await openLog(t, { manifest })
  const [first, second] = pairs as [KeyPair, KeyPair, KeyPair]
  const draft = await log.draft({ append: blocks })
  const share = signDraft(manifest, draft, first)
  const both = assembleSignature(manifest, [share, signDraft(manifest, draft, second)])
  t.is(await errorOf(() => assembleSignature(manifest, [share])), 'StateError NOT_WRITABLE')
  t.is(await errorOf(() => assembleSignature(manifest, [share, share])), 'StateError NOT_WRITABLE')
  t.is(await errorOf(() => signDraft(manifest, draft, createKeyPair())), 'StateError NOT_WRITABLE')
  t.is(await errorOf(log.append(blocks)), 'StateError NOT_WRITABLE')
  t.is(await errorOf(log.append(blocks, { keyPair: first })), 'StateError NOT_WRITABLE')
  const others = blocks.toSpliced(0, 1)
  t.is(await errorOf(log.append(others, { signature: both })), 'ProofError BAD_SIGNATURE')
  t.is(await errorOf(log.truncate(0, { signature: both })), 'ProofError BAD_SIGNATURE')
  // A patch that the manifest does not allow is not looked at (spec log.md section 7).
  const patches = [66, 132]
  for (let i = 0; i < both.byteLength; i++) {
    if (patches.includes(i)) continue
    const flipped = both.slice()
    flipped[i] = (flipped[i] as number) ^ 1
    await log.append(blocks, { signature: flipped }).then(
      () => t.fail(`byte ${i} does not matter`),
      () => {}
    )
  }
  t.is(log.length, 0)
  await log.append(blocks, { signature: both })
  t.is(log.length, 12)
})

test('any of the signers alone, with a key pair per append', TIMEOUT, async (t) => {
  const manifest = manifestOf({ quorum: 1 })
  const log = await openLog(t, { manifest })
  for (const [i, keyPair] of pairs.entries()) {
    await log.append(blocks[i] as Uint8Array, { keyPair })
  }
  await log.truncate(2, { keyPair: pairs[1] as KeyPair })
  t.is(await errorOf(log.append(blocks, { keyPair: createKeyPair() })), 'StateError NOT_WRITABLE')
  const core = await openReference(t, '11', log.key)
  await join(t, log, core)
  await core.update({ wait: true })
  t.is(core.length, 2)
})

test('a signer who is ahead signs along with a patch', TIMEOUT, async (t) => {
  const manifest = manifestOf({ quorum: 2, allowPatch: true })
  const log = await openLog(t, { manifest })
  const ahead = await openLog(t)
  await ahead.append(blocks)
  const long = { ...(await ahead.draft({ append: [] })), fork: 0 }
  const short = await log.draft({ append: blocks.slice(0, 7) })
  const shares = [
    await shortenShare(ahead, signDraft(manifest, long, pairs[0] as KeyPair), 7),
    signDraft(manifest, short, pairs[1] as KeyPair)
  ]
  await log.append(blocks.slice(0, 7), { signature: assembleSignature(manifest, shares) })
  const core = await openReference(t, '11', log.key)
  await join(t, log, core)
  await core.update({ wait: true })
  t.is(core.length, 7)
  t.is(toHex((await core.get(6)) as Uint8Array), toHex(blocks[6] as Uint8Array))
})

test('signed by a quorum of hypercore 11, read by us', TIMEOUT, async (t) => {
  const manifest = manifestOf({ quorum: 2 })
  const theirs = {
    manifest: {
      version: 1,
      quorum: 2,
      signers: pairs.map(({ publicKey }) => ({ publicKey }))
    }
  }
  const core = (await openReference(t, '11', null, theirs)) as unknown as {
    key: Uint8Array
    append(values: readonly Uint8Array[], options: object): Promise<unknown>
  } & Hypercore
  t.is(toHex(core.key), toHex(manifestKey(manifest)))
  const ours = await openLog(t, { manifest })
  const draft = await ours.draft({ append: blocks })
  const shares = [1, 2].map((i) => signDraft(manifest, draft, pairs[i] as KeyPair))
  await core.append(blocks, { signature: assembleSignature(manifest, shares) })
  const reader = await openLog(t, { key: core.key })
  await join(t, core, reader)
  await reader.update()
  await reader.download().done()
  await assertSame(t, reader, blocks, core, 'reader')
})
