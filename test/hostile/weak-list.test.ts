// Where the reference is weak (spec replication.md section 21), and what we do instead: a peer that is mute stops
// nothing, none is passed over for good, and one answer that cannot be made costs that answer alone. What other tests
// show is not repeated: mute about upgrades M22, about blocks M20, retries of what was refused M31, queues M16 to M18,
// capability M32.
import { type Assertions, test } from 'brittle'
import { createManifest } from '../../lib/core/manifest.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { type Env, systemEnv } from '../../lib/env.ts'
import type { Log } from '../../lib/log/log.ts'
import { emptyRequest, type ProofRequest } from '../../lib/merkle/proof.ts'
import type { Data, NoData, Sync } from '../../lib/replication/messages.ts'
import { type Attacker, attack } from '../helpers/attacker.ts'
import { seededRandom } from '../helpers/random.ts'
import {
  assertSame,
  join,
  openLog,
  openReader,
  randomBlocks,
  sameBytes,
  until
} from '../helpers/replication.ts'

const TIMEOUT = { timeout: 20_000 }
const LENGTH = 200
const blocks = randomBlocks(seededRandom(61), LENGTH, 80)

/** The clock runs faster: time-outs of the library take a tenth. */
const hasty: Env = {
  ...systemEnv,
  now: () => systemEnv.now() * 10,
  setTimer: (delayMs, run) => systemEnv.setTimer(delayMs / 10, run)
}

async function written(t: Assertions): Promise<Log> {
  const writer = await openLog(t)
  await writer.append(blocks)
  return writer
}

async function asked(attacker: Attacker): Promise<void> {
  while (attacker.all('request').length === 0) await new Promise((r) => setTimeout(r, 2))
}

function question(parts: Partial<ProofRequest>, id: number): object {
  return { id, proof: { ...emptyRequest, ...parts }, priority: 0 }
}

test('3: mute about the manifest, beside one who tells it', TIMEOUT, async (t) => {
  const signers = [createKeyPair(), createKeyPair()]
  const honest = await openLog(t, { manifest: createManifest({ signers }) })
  const reader = await openLog(t, { key: honest.key, env: hasty })
  const attacker = await attack(t, reader)
  await attacker.opened.promise
  attacker.sync({ length: 0, hasManifest: true })
  await asked(attacker)
  await join(t, honest, reader)
  await until(reader, 'manifest', () => reader.manifest !== null)
  t.is(reader.manifest?.signers.length, 2)
})

test('3: mute about a higher fork, beside one who proves it', TIMEOUT, async (t) => {
  const writer = await written(t)
  const reader = await openLog(t, { key: writer.key, env: hasty })
  const first = await join(t, writer, reader)
  await reader.download({ start: 0, end: LENGTH }).done()
  await first.cut()
  await writer.truncate(150)
  const attacker = await attack(t, reader)
  await attacker.opened.promise
  attacker.sync({ fork: 1, length: 150, canUpgrade: false })
  attacker.range(0, 150)
  await asked(attacker)
  await join(t, writer, reader)
  await until(reader, 'truncate', () => reader.fork === 1)
  await assertSame(t, reader, blocks.slice(0, 150), writer, 'reader')
})

test('3: mute about a seek, beside one who answers', TIMEOUT, async (t) => {
  const writer = await written(t)
  const reader = await openLog(t, { key: writer.key, env: hasty })
  await reader.accept(
    (await writer.prove({
      ...emptyRequest,
      manifest: true,
      upgrade: { start: 0, length: LENGTH }
    })) as Data['proof']
  )
  const attacker = await attack(t, reader)
  await attacker.opened.promise
  attacker.sync({ length: LENGTH, remoteLength: LENGTH })
  attacker.range(0, LENGTH)
  const sought = reader.seek(4_321)
  await asked(attacker)
  await join(t, writer, reader)
  t.alike(await sought, await writer.seek(4_321))
})

test(
  '4: who lacks a hundred blocks gives the others, and those when it has them',
  TIMEOUT,
  async (t) => {
    const writer = await written(t)
    const reader = await openReader(t, writer)
    let lacks = 100
    let refusals = 0
    const attacker = await attack(t, reader, {
      async onRequest({ id, proof: request }, self) {
        const isLacking = request.block !== null && request.block.index < lacks
        if (isLacking) {
          refusals++
          self.noData({ id, reason: 1 })
        } else self.data({ id, proof: (await writer.prove(request)) as Data['proof'] })
      }
    })
    await attacker.opened.promise
    attacker.sync({ length: LENGTH })
    attacker.range(0, LENGTH)
    await until(reader, 'append', () => reader.length === LENGTH)
    attacker.sync({ length: LENGTH, remoteLength: LENGTH })
    const download = reader.download({ start: 0, end: LENGTH })
    await until(reader, 'download', () => reader.has(100, LENGTH))
    while (refusals < 100) await new Promise((r) => setTimeout(r, 2))
    t.is(refusals, 100, 'each was asked for once')
    lacks = 0
    attacker.range(0, LENGTH)
    await download.done()
    await assertSame(t, reader, blocks, writer, 'reader')
  }
)

test('6: an answer that cannot be made costs that answer alone', TIMEOUT, async (t) => {
  const writer = await written(t)
  const seeder = await openReader(t, writer)
  await join(t, writer, seeder)
  await seeder.get(5)
  const attacker = await attack(t, seeder)
  await attacker.opened.promise
  const impossible: Partial<ProofRequest>[] = [
    { hash: { nodeIndex: 2 * 100, nodes: 3 } },
    { block: { index: 100, nodes: 0 } },
    { upgrade: { start: 13, length: LENGTH - 13 } },
    { hash: { nodeIndex: 2 * 100, nodes: 2 }, seek: { byteOffset: 4_000, padding: 0 } },
    { block: { index: 5, nodes: 0 }, fork: 7 }
  ]
  for (const [id, parts] of impossible.entries()) {
    const refused = attacker.next<NoData>('noData')
    attacker.send('request', question(parts, id + 1))
    t.is((await refused).id, id + 1)
  }
  const answer = attacker.next<Data>('data')
  attacker.send('request', question({ block: { index: 5, nodes: 0 } }, 9))
  const { value } = (await answer).proof.block as NonNullable<Data['proof']['block']>
  t.ok(sameBytes(value, blocks[5] as Uint8Array))
})

test('8: wants of any shape are answered', TIMEOUT, async (t) => {
  const writer = await written(t)
  await writer.clear(10, 20)
  const attacker = await attack(t, writer)
  await attacker.opened.promise
  for (const [start, length] of [
    [0, 2 ** 22],
    [0, 2 ** 40],
    [32, 2 ** 21 + 32],
    [64, 100]
  ] as const) {
    const told = attacker.next('bitfield')
    attacker.send('want', { start, length, any: false })
    await told
    t.pass(`${length} blocks from ${start}`)
  }
})

test('17: a peer that cannot be upgraded hears of the length all the same', TIMEOUT, async (t) => {
  const writer = await openLog(t)
  await writer.append(blocks.slice(0, 20))
  const seeder = await openReader(t, writer)
  await join(t, writer, seeder)
  await until(seeder, 'append', () => seeder.length === 20)
  const attacker = await attack(t, seeder)
  await attacker.opened.promise
  attacker.sync({ length: 13, canUpgrade: false })
  await writer.append(blocks.slice(20, 25))
  await until(seeder, 'append', () => seeder.length === 25)
  while (attacker.all<Sync>('sync').at(-1)?.length !== 25)
    await new Promise((r) => setTimeout(r, 2))
  t.is(attacker.all<Sync>('sync').at(-1)?.canUpgrade, false, 'its roots at 13 are not here')
})
