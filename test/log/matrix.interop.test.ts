// T-MATRIX: every chain of writer, seeder and reader out of Logwood and npm hypercore 11 and 10, and what passes along
// it: whole copies, single blocks and bytes, live appends, forks, encrypted blocks, logs of several signers. The
// chains of stock packages alone are run as well: what they can do is the least that is expected of those with us.
import { type Assertions, test } from 'brittle'
import { createManifest, type Manifest } from '../../lib/core/manifest.ts'
import { createKeyPair, type KeyPair } from '../../lib/crypto/key-pair.ts'
import { assembleSignature, signDraft } from '../../lib/log/signing.ts'
import {
  allRoles,
  type Chain,
  connectChain,
  firstWrong,
  Party,
  type PartyOptions,
  type Roles
} from '../helpers/chain.ts'
import { seedList, tellFigures } from '../helpers/long.ts'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'
import { openLog, randomBlocks, sameBytes } from '../helpers/replication.ts'

const TIMEOUT = { timeout: 20_000 }
const SEEDS = seedList(1, 5)
const BLOCK_KEY = new Uint8Array(32).fill(7)
const SIGNERS = [1, 2, 3].map((n) => createKeyPair(new Uint8Array(32).fill(n)))

interface Cell {
  readonly roles: Roles
  readonly random: SeededRandom
}

type Scenario = (t: Assertions, cell: Cell) => Promise<void>

const scenarios: Readonly<Record<string, Scenario>> = {
  'whole copy': async (t, { roles, random }) => {
    const blocks = randomBlocks(random, 90, 300)
    const { seeder, reader, writer } = await chainOf(t, roles, blocks)
    reader.follow(t)
    await Promise.all([seeder.holds(90), reader.holds(90)])
    await same(t, reader, writer, blocks)
  },

  'single blocks and bytes': async (t, { roles, random }) => {
    const blocks = randomBlocks(random, 150, 60)
    const { seeder, reader, writer } = await chainOf(t, roles, blocks)
    await seeder.holds(150)
    const wanted = new Set(Array.from({ length: 12 }, () => random.int(150)))
    let wrong = -1
    for (const index of wanted) {
      if (!sameBytes(await reader.get(index), blocks[index] as Uint8Array)) wrong = index
    }
    t.is(wrong, -1, 'blocks')
    t.is(await reader.countHeld(), wanted.size, 'nothing else was fetched')
    const { byteLength } = reader.log
    t.is(byteLength, writer.log.byteLength)
    const offsets = [0, byteLength - 1, ...Array.from({ length: 6 }, () => random.int(byteLength))]
    for (const offset of offsets) {
      t.alike(await reader.seek(offset), await writer.seek(offset), `byte ${offset}`)
    }
  },

  'live appends': async (t, { roles, random }) => {
    const blocks = randomBlocks(random, 60, 200)
    const { seeder, reader, writer } = await chainOf(t, roles, blocks.slice(0, 10))
    reader.follow(t)
    await reader.holds(10)
    for (let i = 10; i < 60; i += 5) {
      await writer.append(blocks.slice(i, i + 5))
      if (i % 20 === 0) await reader.knows(i + 5)
    }
    await Promise.all([seeder.holds(60), reader.holds(60)])
    await same(t, reader, writer, blocks)
  },

  forks: async (t, { roles, random }) => {
    const first = randomBlocks(random, 20, 100)
    const { seeder, reader, writer } = await chainOf(t, roles, first)
    reader.follow(t)
    await Promise.all([seeder.holds(20), reader.holds(20)])
    await writer.truncate(13)
    await Promise.all([seeder.knows(13, 1), reader.knows(13, 1)])
    const second = randomBlocks(random, 12, 100)
    await writer.append(second)
    await Promise.all([seeder.holds(25, 1), reader.holds(25, 1)])
    await same(t, reader, writer, [...first.slice(0, 13), ...second])
    await writer.truncate(4)
    const reason = whyStepByStep(roles)
    if (reason !== null) {
      t.comment(`step by step: ${reason}`)
      await Promise.all([seeder.knows(4, 2), reader.knows(4, 2)])
    }
    const third = randomBlocks(random, 26, 100)
    await writer.append(third)
    await Promise.all([seeder.holds(30, 2), reader.holds(30, 2)])
    const last = [...first.slice(0, 4), ...third]
    await same(t, reader, writer, last)
    await same(t, seeder, writer, last)
  },

  'encrypted blocks': async (t, { roles, random }) => {
    const blocks = randomBlocks(random, 40, 200)
    // By default the logs of version 10 have the signer's public key as their key; a version 11 that is not told so
    // before throws when it decrypts, whoever the seeder is.
    const compat = roles[0] === 'hypercore 10' && roles[2] === 'hypercore 11'
    if (compat)
      t.comment(
        'hypercore 11.37.1 reads encrypted logs of version 10 only when opened with compat: true'
      )
    const keys = { encryptionKey: BLOCK_KEY, compat }
    const { seeder, reader, writer } = await chainOf(t, roles, blocks, keys)
    await seeder.holds(40)
    await same(t, reader, writer, blocks)
    t.is(reader.log.byteLength, writer.log.byteLength, 'bytes without what encryption adds')
    const readable = await Promise.all([0, 1, 2].map((i) => seeder.get(i)))
    t.absent(
      readable.some((block, i) => sameBytes(block, blocks[i] as Uint8Array)),
      'the seeder sees none of it'
    )
  },

  'two of three signers': async (t, { roles, random }) => {
    const blocks = randomBlocks(random, 12, 60)
    const manifest = createManifest({ signers: SIGNERS, quorum: 2 })
    const writer = await Party.open(t, roles[0], { manifest })
    const sign = await quorum(t, manifest)
    await writer.append(blocks.slice(0, 5), await sign(blocks.slice(0, 5), [2, 0]))
    const { reader } = await connectChain(t, roles, writer)
    await reader.knows(5)
    await writer.append(blocks.slice(5), await sign(blocks.slice(5), [0, 1]))
    await reader.knows(12)
    await same(t, reader, writer, blocks)
  }
}

const chains = allRoles()
let passed = 0
for (const seed of SEEDS) {
  for (const [at, roles] of chains.entries()) {
    for (const [name, scenario] of Object.entries(scenarios)) {
      test(`${name}: ${roles.join(' → ')}, seed ${seed}`, TIMEOUT, async (t) => {
        await scenario(t, { roles, random: seededRandom(seed * 1000 + at) })
        passed++
      })
    }
  }
}

test('what was tried', (t) => {
  const cells = chains.length * Object.keys(scenarios).length * SEEDS.length
  tellFigures(t, 'T-MATRIX', { chains: chains.length, cells, passed, seeds: SEEDS.length })
  t.is(passed, cells)
})

/** Why a fork that is longer than what it replaces cannot come at once: between stock packages it cannot either. */
function whyStepByStep([, seeder, reader]: Roles): string | null {
  if (seeder === 'hypercore 10') return 'a seeder of version 10 does not tell of a longer fork'
  if (seeder !== 'hypercore 11' || reader !== 'hypercore 11') return null
  return 'a seeder and a reader of version 11 exchange wants and bitfields about it without end'
}

async function chainOf(
  t: Assertions,
  roles: Roles,
  blocks: readonly Uint8Array[],
  keys: PartyOptions = {}
): Promise<Chain> {
  const writer = await Party.open(t, roles[0], keys)
  await writer.append(blocks)
  return connectChain(t, roles, writer, keys)
}

async function same(
  t: Assertions,
  party: Party,
  writer: Party,
  blocks: readonly Uint8Array[]
): Promise<void> {
  t.is(await firstWrong(party, blocks), -1, 'blocks')
  t.is(party.log.length, writer.log.length, 'length')
  t.ok(sameBytes(await party.log.treeHash(), await writer.log.treeHash()), 'tree hash')
}

/** Signs what is appended, in order, by two of the three. */
async function quorum(
  t: Assertions,
  manifest: Manifest
): Promise<(values: readonly Uint8Array[], by: readonly number[]) => Promise<Uint8Array>> {
  const shadow = await openLog(t, { manifest })
  return async (values, by) => {
    const draft = await shadow.draft({ append: values })
    const shares = by.map((i) => signDraft(manifest, draft, SIGNERS[i] as KeyPair))
    const signature = assembleSignature(manifest, shares)
    await shadow.append(values, { signature })
    return signature
  }
}
