// Manifests, keys as text and signing: what is refused, and decoders fed with damaged bytes (design
// testing.md section 8).
import { test } from 'brittle'
import {
  assembleSignatures,
  partialSignature,
  signHead,
  verifyHead
} from '../../lib/core/head-signature.ts'
import { keyFromText, keyToText } from '../../lib/core/key-text.ts'
import { MAX_LINKED, MAX_SIGNERS, MAX_USER_DATA_BYTES } from '../../lib/core/limits.ts'
import {
  compatManifest,
  createManifest,
  decodeManifest,
  defaultManifest,
  encodeManifest,
  type Manifest,
  type ManifestOptions,
  manifestKey
} from '../../lib/core/manifest.ts'
import { decodeEnvelope } from '../../lib/core/signature-envelope.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { LogwoodError } from '../../lib/errors.ts'
import { upgradeNodes } from '../../lib/merkle/plan.ts'
import { toHex } from '../../lib/util/bytes.ts'
import { seedsFor } from '../helpers/long.ts'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'
import { MemoryTree, vectorBlocks } from '../merkle/memory-tree.ts'
import { seedOf } from './log-vectors.ts'

const pairs = [1, 2, 3].map((seed) => createKeyPair(seedOf(seed)))
const signers = pairs.map(({ publicKey }) => ({ publicKey }))
const [first, second, third] = pairs
if (first === undefined || second === undefined || third === undefined) throw new Error('No keys')

function codeOf(run: () => unknown): string {
  try {
    run()
    return 'accepted'
  } catch (error) {
    if (error instanceof LogwoodError) return `${error.name} ${error.code}`
    throw error
  }
}

test('manifests are made with limits', (t) => {
  const bad: ManifestOptions[] = [
    { version: 4 },
    { version: -1 },
    { version: 1.5 },
    { version: 1, userData: new Uint8Array(1) },
    { version: 0, linked: [] },
    { signers, quorum: 0 },
    { signers, quorum: 4 },
    { signers, quorum: 1.5 },
    { quorum: 1 },
    { signers: [{ publicKey: new Uint8Array(31) }] },
    { signers: [{ publicKey: seedOf(1), namespace: new Uint8Array(33) }] },
    { prologue: { hash: new Uint8Array(31), length: 1 } },
    { version: 0, prologue: { hash: seedOf(1), length: 1 } },
    { linked: [new Uint8Array(1)] }
  ]
  for (const options of bad) {
    t.is(
      codeOf(() => createManifest(options)),
      'ArgumentError INVALID_ARGUMENT'
    )
  }
  const publicKey = seedOf(1)
  for (const d of [-1, 0, 1]) {
    const expected = d > 0 ? 'ArgumentError INVALID_ARGUMENT' : 'accepted'
    const many = (count: number): ManifestOptions => ({
      signers: Array.from({ length: count }, () => ({ publicKey }))
    })
    t.is(
      codeOf(() => createManifest(many(MAX_SIGNERS + d))),
      expected
    )
    const linked = Array.from({ length: MAX_LINKED + d }, () => publicKey)
    t.is(
      codeOf(() => createManifest({ linked })),
      expected
    )
    const userData = new Uint8Array(MAX_USER_DATA_BYTES + d)
    t.is(
      codeOf(() => createManifest({ userData })),
      expected
    )
  }
  t.alike(
    [1, 2, 3].map((count) => createManifest({ signers: signers.slice(0, count) }).quorum),
    [1, 2, 2]
  )
  t.is(createManifest({ userData: seedOf(1) }).version, 2)
})

test('damaged manifests do not decode, or decode to what encodes the same', (t) => {
  const made: Manifest[] = [
    defaultManifest(seedOf(1)),
    createManifest({ version: 0, signers: signers.slice(0, 1) }),
    createManifest({ version: 0, signers, allowPatch: true }),
    createManifest({ version: 0, quorum: 0, prologue: { hash: seedOf(1), length: 0 } }),
    createManifest({
      signers,
      allowPatch: true,
      prologue: { hash: seedOf(2), length: 70_000 },
      linked: [seedOf(3), seedOf(4)],
      userData: new Uint8Array(300)
    })
  ]
  const counts = { accepted: 0, refused: 0 }
  const judge = (bytes: Uint8Array, name: string): void => {
    const code = codeOf(() => {
      const again = encodeManifest(decodeManifest(bytes))
      t.is(toHex(encodeManifest(decodeManifest(again))), toHex(again), name)
    })
    if (code === 'accepted') counts.accepted++
    else counts.refused++
    if (code !== 'accepted' && code !== 'ProofError BAD_MANIFEST') t.fail(`${name}: ${code}`)
  }
  for (const manifest of made) {
    const bytes = encodeManifest(manifest)
    for (let length = 0; length < bytes.byteLength; length++) {
      t.is(
        codeOf(() => decodeManifest(bytes.subarray(0, length))),
        'ProofError BAD_MANIFEST'
      )
    }
    for (let seed = 1; seed <= seedsFor(300, 20_000); seed++) {
      judge(damaged(seededRandom(seed), bytes), `seed ${seed}`)
    }
  }
  for (let seed = 1; seed <= seedsFor(300, 20_000); seed++) {
    const random = seededRandom(seed)
    judge(random.bytes(random.int(200)), `random ${seed}`)
  }
  t.comment(JSON.stringify(counts))
  t.ok(counts.accepted > 0 && counts.refused > 0)
})

test('damaged envelopes verify nothing and throw nothing but protocol errors', (t) => {
  const log = MemoryTree.of(vectorBlocks(13))
  for (const version of [0, 1]) {
    const manifest = createManifest({ version, signers, allowPatch: true })
    const key = manifestKey(manifest)
    const ahead = partialSignature(manifest, key, log.tree.head(), second)
    const nodes = upgradeNodes(5, 13).map((nodeIndex) => log.nodes.peekNode(nodeIndex))
    const parts = [
      partialSignature(manifest, key, log.at(5).head(), third),
      { ...ahead, patch: 8, nodes: nodes.filter((node) => node !== null) }
    ]
    const bytes = assembleSignatures(manifest, parts)
    t.ok(verifyHead(manifest, key, log.at(5), bytes))
    t.absent(verifyHead(manifest, key, log.at(6), bytes))
    let verified = 0
    for (let seed = 1; seed <= seedsFor(400, 20_000); seed++) {
      const mutant = damaged(seededRandom(seed), bytes)
      const code = codeOf(() => decodeEnvelope(version, mutant))
      if (code !== 'accepted' && !code.startsWith('ProtocolError')) t.fail(`seed ${seed}: ${code}`)
      if (verifyHead(manifest, key, log.at(5), mutant)) verified++
    }
    // Byte lengths in patches, positions and doubled nodes are not bound by anything.
    t.ok(verified < seedsFor(400, 20_000) / 4, `${verified} of them still verify`)
    for (let length = 0; length < bytes.byteLength; length++) {
      t.absent(verifyHead(manifest, key, log.at(5), bytes.subarray(0, length)))
    }
    const huge = new Uint8Array([1, 0, ...new Uint8Array(64), 0xff, 0, 0, 0, 0, 0, 0, 8, 0, 0])
    t.absent(verifyHead(manifest, key, log.at(5), huge))
  }
})

test('who may sign', (t) => {
  const { tree } = MemoryTree.of(vectorBlocks(5))
  const head = tree.head()
  const refused = 'StateError NOT_WRITABLE'
  const majority = createManifest({ signers })
  t.is(
    codeOf(() => signHead(majority, manifestKey(majority), head, first)),
    refused
  )
  const single = createManifest({ signers, quorum: 1 })
  for (const pair of pairs) {
    const signature = signHead(single, manifestKey(single), head, pair)
    t.ok(verifyHead(single, manifestKey(single), tree, signature))
  }
  const stranger = createKeyPair(seedOf(9))
  t.is(
    codeOf(() => signHead(single, manifestKey(single), head, stranger)),
    refused
  )
  const compat = compatManifest(first.publicKey)
  t.is(
    codeOf(() => signHead(compat, first.publicKey, head, second)),
    refused
  )
  t.is(signHead(compat, first.publicKey, head, first).byteLength, 64)
  const prologue = { hash: tree.rootHash, length: 5 }
  const begun = createManifest({ signers: signers.slice(0, 1), prologue })
  t.is(signHead(begun, manifestKey(begun), head, first).byteLength, 0)
  const short = MemoryTree.of(vectorBlocks(4)).tree.head()
  t.is(
    codeOf(() => signHead(begun, manifestKey(begun), short, first)),
    refused
  )
  const patched = createManifest({ version: 0, signers: signers.slice(0, 1), allowPatch: true })
  const signature = signHead(patched, manifestKey(patched), head, first)
  t.ok(verifyHead(patched, manifestKey(patched), tree, signature))
  t.is(signature.byteLength, 68, 'version 0 envelope')
})

test('keys as text', (t) => {
  const random = seededRandom(3)
  for (let i = 0; i < 50; i++) {
    const key = random.bytes(32)
    const text = keyToText(key)
    t.is(text.length, 52)
    for (const form of [
      text,
      toHex(key),
      toHex(key).toUpperCase(),
      `pear://${text}`,
      `pear://${text}/a/b`,
      `${text}/`
    ]) {
      t.is(toHex(keyFromText(form)), toHex(key))
    }
  }
  t.is(keyToText(new Uint8Array(32)), 'y'.repeat(52))
  const bad = [
    '',
    'y',
    'y'.repeat(51),
    'y'.repeat(53),
    `${'y'.repeat(51)}b`,
    '0'.repeat(63),
    'g'.repeat(64),
    `${'y'.repeat(51)}l`,
    'pear://',
    `x${'y'.repeat(52)}`,
    'Y'.repeat(52)
  ]
  for (const text of bad)
    t.is(
      codeOf(() => keyFromText(text)),
      'ArgumentError INVALID_ARGUMENT',
      text
    )
  t.is(
    codeOf(() => keyToText(new Uint8Array(31))),
    'ArgumentError INVALID_ARGUMENT'
  )
})

/** One to four changes: a bit, a byte, one more, one less, a count that lies. */
function damaged(random: SeededRandom, bytes: Uint8Array): Uint8Array {
  const changed = [...bytes]
  const lies = [0, 1, 0xfc, 0xfd, 0xfe, 0xff]
  for (let i = 0; i <= random.int(4); i++) {
    const at = random.int(changed.length)
    const kind = random.int(5)
    if (kind === 0) changed[at] = (changed[at] ?? 0) ^ (1 << random.int(8))
    else if (kind === 1) changed[at] = random.int(256)
    else if (kind === 2) changed.splice(at, 0, random.int(256))
    else if (kind === 3) changed.splice(at, 1)
    else changed[random.int(Math.min(8, changed.length))] = lies[random.int(lies.length)] ?? 0
  }
  return Uint8Array.from(changed)
}
