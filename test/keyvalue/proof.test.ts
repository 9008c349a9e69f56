// Portable proofs: of presence and absence, checked with the log's key alone. Every bit counts.
import { test } from 'brittle'
import { createManifest, manifestKey } from '../../lib/core/manifest.ts'
import { hash } from '../../lib/crypto/hash.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { KeyValue } from '../../lib/keyvalue/keyvalue.ts'
import { decodeProof, encodeProof } from '../../lib/keyvalue/proof-format.ts'
import { verifyProof } from '../../lib/keyvalue/verify-proof.ts'
import { Log } from '../../lib/log/log.ts'
import { concat } from '../../lib/util/bytes.ts'
import { LONG, tellFigures } from '../helpers/long.ts'
import { errorOf } from '../helpers/replication.ts'

const OPTIONS = { valueEncoding: 'utf-8' } as const

async function filled(count: number): Promise<{ log: Log; kv: KeyValue<string, string> }> {
  const log = await Log.open(null)
  const kv = await KeyValue.open<string, string>(log, OPTIONS)
  for (let start = 0; start < count; start += 500) {
    const keys = Array.from({ length: Math.min(500, count - start) }, (_, i) => `key ${start + i}`)
    await kv.batch(keys.map((key) => ({ type: 'put', key, value: `value of ${key}` })))
  }
  return { log, kv }
}

test('present and absent keys, at the newest and at an old version', async (t) => {
  const { log, kv } = await filled(3000)
  await kv.put('large', 'x'.repeat(100_000))
  const proof = await kv.prove(['key 7', 'key 2999', 'nothing', 'large'])
  const { entries, version, length } = await verifyProof<string, string>(log.key, proof, OPTIONS)
  t.is(version, log.length)
  t.is(length, log.length)
  t.alike(
    entries.map(({ key, entry }) => [key, entry?.value.slice(0, 20) ?? null]),
    [
      ['key 7', 'value of key 7'],
      ['key 2999', 'value of key 2999'],
      ['nothing', null],
      ['large', 'x'.repeat(20)]
    ]
  )
  const old = await kv.checkout(version)
  await kv.del('key 7')
  const before = await verifyProof<string, string>(log.key, await old.prove(['key 7']), OPTIONS)
  t.is(before.entries[0]?.entry?.value, 'value of key 7')
  t.is(before.version, version)
  t.is(before.length, log.length)
  const after = await verifyProof<string, string>(log.key, await kv.prove(['key 7']), OPTIONS)
  t.is(after.entries[0]?.entry, null)
  const single = await kv.prove(['key 9'])
  t.ok(single.byteLength < 8192, `${single.byteLength} bytes`)
  tellFigures(t, 'T-KV proofs', { 'bytes for one of 3,000 keys': single.byteLength })
})

test('every single bit of a proof counts, with and without its checksum', async (t) => {
  const { log, kv } = await filled(20)
  await kv.put('key 3', 'new')
  const proof = await kv.prove(['key 3', 'nothing'])
  let refused = 0
  for (let bit = 0; bit < proof.byteLength * 8; bit++) {
    const changed = Uint8Array.from(proof)
    changed[bit >>> 3]! ^= 1 << (bit & 7)
    if ((await errorOf(verifyProof(log.key, changed))) !== 'none') refused++
  }
  t.is(refused, proof.byteLength * 8)

  // A liar makes the checksum fit: then the keys that are asked about may change, but never what is true of them.
  const truth = new Map<string, string | null>([['key 3', 'new']])
  for (let i = 0; i < 20; i++) if (i !== 3) truth.set(`key ${i}`, `value of key ${i}`)
  const body = proof.subarray(0, proof.byteLength - 32)
  let lies = 0
  for (let bit = 0; bit < body.byteLength * 8; bit += LONG ? 1 : 5) {
    const changed = Uint8Array.from(body)
    changed[bit >>> 3]! ^= 1 << (bit & 7)
    const forged = concat([changed, hash(changed)])
    const verified = verifyProof<string, string>(log.key, forged, OPTIONS)
    const result = await verified.catch(() => null)
    for (const { key, entry } of result?.entries ?? []) {
      if ((entry?.value ?? null) !== (truth.get(key) ?? null)) lies++
    }
  }
  t.is(lies, 0)
})

test('a missing block, one too many, another key, another log', async (t) => {
  const { log, kv } = await filled(2000)
  const proof = decodeProof(await kv.prove(['key 1']))
  const other = decodeProof(await kv.prove(['key 2', 'key 3', 'key 4']))
  t.ok(proof.blocks.length > 2)
  const without = { ...proof, blocks: proof.blocks.filter((_, i) => i !== 1) }
  t.is(await errorOf(verifyProof(log.key, encodeProof(without))), 'ProofError INCOMPLETE')
  const extra = other.blocks.find(({ index }) =>
    proof.blocks.every((block) => block.index !== index)
  )
  const more = { ...proof, blocks: [...proof.blocks, extra!] }
  t.is(await errorOf(verifyProof(log.key, encodeProof(more))), 'ProofError BAD_MESSAGE')
  const twice = { ...proof, blocks: [...proof.blocks, proof.blocks[0]!] }
  t.is(await errorOf(verifyProof(log.key, encodeProof(twice))), 'ProofError BAD_MESSAGE')
  const elsewhere = { ...proof, version: proof.version - 1 }
  t.not(await errorOf(verifyProof(log.key, encodeProof(elsewhere))), 'none')
  const { log: foreign } = await filled(1)
  t.not(await errorOf(verifyProof(foreign.key, encodeProof(proof))), 'none')
  t.is(await errorOf(verifyProof(log.key, new Uint8Array(10))), 'ProofError BAD_MESSAGE')
})

test('a log of two signers; an encrypted log; an empty store', async (t) => {
  const pairs = [createKeyPair(), createKeyPair()]
  const manifest = createManifest({
    quorum: 1,
    signers: pairs.map(({ publicKey }) => ({ publicKey }))
  } as never)
  const log = await Log.open(null, { manifest, keyPair: pairs[0]! })
  const kv = await KeyValue.open<string, string>(log, OPTIONS)
  await kv.put('a', '1')
  const proof = await kv.prove(['a'])
  const { entries } = await verifyProof<string, string>(manifestKey(manifest), proof, OPTIONS)
  t.is(entries[0]?.entry?.value, '1')

  const secret = await Log.open(null, { encryption: { key: new Uint8Array(32).fill(1) } })
  const hidden = await KeyValue.open<string, string>(secret, OPTIONS)
  await hidden.put('a', '1')
  t.is((await hidden.get('a'))?.value, '1')
  t.is(await errorOf(hidden.prove(['a'])), 'ArgumentError INVALID_ARGUMENT')
  const empty = await KeyValue.open(await Log.open(null))
  t.is(await errorOf(empty.prove(['a'])), 'UnavailableError NOT_AVAILABLE')
})
