// Encrypted logs: bytes of the vectors, one index never twice under one key stream, a wrong key told from a right
// one, byte positions of the values, seeding by who cannot read.
import { test } from 'brittle'
import { createManifest, manifestKey } from '../../lib/core/manifest.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { blockKeyOf, type CipherContext, cipherOf } from '../../lib/log/block-cipher.ts'
import { Log } from '../../lib/log/log.ts'
import { fromUtf8, toHex, toUtf8 } from '../../lib/util/bytes.ts'
import { join, openLog } from '../helpers/replication.ts'
import { SimDisk } from '../helpers/sim-disk.ts'
import { hex, loadVectors } from '../helpers/vectors.ts'

interface EncryptionVectors {
  readonly encryption: readonly {
    readonly mode: string
    readonly hypercoreKey: string
    readonly encryptionKey: string
    readonly blockKey: string
    readonly blocks: readonly {
      readonly index: number
      readonly fork: number
      readonly plaintext: string
      readonly stored: string
    }[]
  }[]
  readonly encryptedLog: {
    readonly encryptionKey: string
    readonly signerSeed: number
    readonly key: string
    readonly plaintexts: readonly string[]
    readonly stored: readonly string[]
    readonly payloadByteLength: number
    readonly treeByteLength: number
    readonly treeHash: string
    readonly seeks: readonly (readonly [number, readonly [number, number]])[]
  }
}

const vectors = loadVectors<EncryptionVectors>('log')
const KEY = new Uint8Array(32).fill(7)
const TIMEOUT = { timeout: 20_000 }

function contextOf(key: Uint8Array, mode: string): CipherContext {
  const signers = [{ publicKey: mode === 'compat' ? key : createKeyPair().publicKey }]
  return { key, manifest: createManifest({ signers }), fork: 1000 }
}

test('the bytes that hypercore writes, and back', (t) => {
  for (const vector of vectors.encryption) {
    const log = contextOf(hex(vector.hypercoreKey), vector.mode)
    const key = hex(vector.encryptionKey)
    const kind = vector.mode.startsWith('block key') ? 'block-key' : 'derived'
    if (kind === 'derived') t.is(toHex(blockKeyOf(key, log)), vector.blockKey)
    const asHypercore = cipherOf({ key, kind, nonces: 'fork' }, log)
    const ours = cipherOf({ key, kind }, log)
    for (const { index, fork, plaintext, stored } of vector.blocks) {
      t.is(toHex(asHypercore.encrypt(hex(plaintext), { index, fork })), stored, vector.mode)
      t.is(toHex(ours.decrypt(hex(stored), index)), plaintext)
      const sealed = ours.encrypt(hex(plaintext), { index, fork })
      t.is(toHex(asHypercore.decrypt(sealed, index)), plaintext)
    }
  }
})

test('a log of the vectors: stored blocks, tree, positions of bytes', async (t) => {
  const vector = vectors.encryptedLog
  const keyPair = createKeyPair(new Uint8Array(32).fill(vector.signerSeed))
  const encryption = { key: hex(vector.encryptionKey), nonces: 'fork' } as const
  const log = await openLog(t, { keyPair, encryption })
  t.is(toHex(log.key), vector.key)
  const result = await log.append(vector.plaintexts.map(hex))
  t.is(result.byteLength, vector.payloadByteLength)
  t.is(log.byteLength, vector.payloadByteLength)
  t.is(toHex(await log.treeHash()), vector.treeHash)
  const raw = log.session({ encryption: null })
  t.is(raw.byteLength, vector.treeByteLength)
  for (const [i, stored] of vector.stored.entries()) {
    t.is(toHex((await raw.get(i)) as Uint8Array), stored)
    t.is(toHex(await log.get(i)), vector.plaintexts[i])
  }
  for (const [byteOffset, [index, offset]] of vector.seeks) {
    t.alike(await log.seek(byteOffset), { index, byteOffset: offset })
  }
  await raw.close()
})

test('one index, one fork, two texts: two key streams', async (t) => {
  const disk = new SimDisk()
  const keyPair = createKeyPair()
  const options = { keyPair, encryption: { key: KEY }, settleMs: 0 }
  const first = await Log.open(disk.factory, options)
  await first.append(fromUtf8('the same until here'))
  await first.close()
  const copy = new SimDisk(disk.image)
  const texts = [
    fromUtf8('attack at dawn, from the east'),
    fromUtf8('retreat at dusk, to the west!')
  ]
  const stored: Uint8Array[] = []
  for (const [i, image] of [disk, copy].entries()) {
    const log = await Log.open(image.factory, options)
    await log.append(texts[i] as Uint8Array)
    const raw = log.session({ encryption: null })
    stored.push(await raw.get(1))
    await raw.close()
    await log.close()
  }
  const [a, b] = stored as [Uint8Array, Uint8Array]
  t.unlike(a.subarray(0, 8), b.subarray(0, 8), 'the padding differs, and with it the nonce')
  const xorOfStored = a.subarray(8).map((byte, i) => byte ^ (b[8 + i] as number))
  const xorOfTexts = texts[0]?.map((byte, i) => byte ^ (texts[1]?.[i] as number))
  t.unlike(xorOfStored, xorOfTexts, 'nothing about the texts is given away')
})

test('a wrong key is told; a block that is none, too', async (t) => {
  const log = await openLog(t, { encryption: { key: KEY } })
  await log.append([fromUtf8('secret'), fromUtf8('')])
  const wrong = log.session({ encryption: { key: new Uint8Array(32).fill(8) } })
  for (const index of [0, 1]) {
    await t.exception(wrong.get(index), /Block \d was not encrypted with this key/)
  }
  const raw = log.session({ encryption: null })
  await raw.append(fromUtf8('short'))
  await t.exception(log.get(2), /Block 2 was not encrypted/)
  await raw.close()
  await wrong.close()
})

test('options that are none', async (t) => {
  const bad: readonly object[] = [
    { key: new Uint8Array(31) },
    { key: KEY, kind: 'other' },
    { key: KEY, nonces: 'none' },
    { key: KEY, mode: 'x' }
  ]
  for (const encryption of bad) {
    await t.exception(
      Log.open(null, { encryption: encryption as { key: Uint8Array } }),
      /encryption/
    )
  }
  const log = await openLog(t)
  t.exception(() => log.setEncryption({ key: new Uint8Array(3) }), /32 bytes/)
})

test('a cipher of one own', async (t) => {
  const flip = (block: Uint8Array): Uint8Array => block.map((byte) => byte ^ 0xff)
  const places: number[] = []
  const log = await openLog(t, {
    encryption: {
      paddingBytes: 0,
      encrypt: (block, { index }) => {
        places.push(index)
        return flip(block)
      },
      decrypt: flip
    }
  })
  await Promise.all([log.append([fromUtf8('a'), fromUtf8('b')]), log.append(fromUtf8('c'))])
  t.alike(places, [0, 1, 2], 'each block learns its place')
  t.is(toUtf8(await log.get(2)), 'c')
})

test('snapshots, read streams, encodings; set later', async (t) => {
  const log = await Log.open<{ n: number }>(null, { encoding: 'json' })
  t.teardown(() => log.close())
  log.setEncryption({ key: KEY })
  await log.append([{ n: 1 }, { n: 22 }])
  const snapshot = log.snapshot()
  await log.append({ n: 3 })
  t.is(snapshot.byteLength, '{"n":1}{"n":22}'.length)
  const values: number[] = []
  for await (const { n } of log) values.push(n)
  t.alike(values, [1, 22, 3])
  t.alike(await snapshot.get(1), { n: 22 })
  await snapshot.close()
})

test('passed on by who cannot read it, sought in over the wire', TIMEOUT, async (t) => {
  const writer = await openLog(t, { encryption: { key: KEY } })
  const blocks = Array.from({ length: 40 }, (_, i) => fromUtf8('x'.repeat(i)))
  await writer.append(blocks)
  const seeder = await openLog(t, { key: writer.key })
  const first = await join(t, writer, seeder, { transport: 'memory' })
  await seeder.update()
  await seeder.download().done()
  await first.cut()
  const reader = await openLog(t, { key: writer.key, encryption: { key: KEY } })
  await join(t, reader, seeder, { transport: 'memory' })
  await reader.update()
  t.is(reader.byteLength, (39 * 40) / 2)
  for (const byteOffset of [0, 1, 17, 300, 779, 780]) {
    t.alike(await reader.seek(byteOffset), await writer.seek(byteOffset), `byte ${byteOffset}`)
  }
  t.ok(reader.has(0, 40) === false, 'seeking fetched no blocks to speak of')
  t.is(toUtf8(await reader.get(33)), 'x'.repeat(33))
  const plain = await seeder.get(33)
  t.is(plain.byteLength, 41)
  t.absent(toUtf8(plain).includes('xx'))
})

test('the log key of an encrypted log is that of a plain one', (t) => {
  const { publicKey } = createKeyPair()
  const manifest = createManifest({ signers: [{ publicKey }] })
  const context = { key: manifestKey(manifest), manifest }
  t.unlike(blockKeyOf(KEY, context), blockKeyOf(KEY, { ...context, key: new Uint8Array(32) }))
})
