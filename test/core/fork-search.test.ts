// A higher fork is followed step by step while the log itself may go on: what was found out about a shorter tree is not
// applied to a longer one.
import { test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import type { ForkSearch } from '../../lib/core/histories/fork-search.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { emptyRequest, type Proof, type ProofRequest } from '../../lib/merkle/proof.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { memoryStorage } from '../../lib/storage/memory-storage.ts'
import { fromUtf8, toUtf8 } from '../../lib/util/bytes.ts'

const keyPair = createKeyPair(new Uint8Array(32).fill(6))
const MAX_STEPS = 52

const blocks = (count: number, name: string): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => fromUtf8(`${name} ${i}`))

async function open(how: { keyPair: typeof keyPair } | { key: Uint8Array }): Promise<Core> {
  return Core.open(await LogFiles.open(memoryStorage()), how)
}

async function ask(core: Core, request: Partial<ProofRequest>): Promise<Proof> {
  const proof = await core.prove({ ...emptyRequest, fork: core.fork, ...request })
  if (proof === null) throw new Error('it cannot be proven')
  return proof
}

/** Asks the writer until it is known what both have in common. */
async function found(reader: Core, writer: Core): Promise<ForkSearch> {
  const upgrade = { start: 0, length: writer.length }
  const search = await reader.follow(await ask(writer, { upgrade }))
  if (search === null) throw new Error('there is nothing to follow')
  for (let step = 0; search.needs !== null && step < MAX_STEPS; step++) {
    await search.feed(await ask(writer, { hash: search.needs }))
  }
  return search
}

test('a search is void once the log has grown', async (t) => {
  const writer = await open({ keyPair })
  await writer.append(blocks(13, 'first'))
  const reader = await open({ key: writer.key })
  await reader.accept(await ask(writer, { manifest: true, upgrade: { start: 0, length: 13 } }))
  await writer.append(blocks(43, 'second'))
  const longer = await ask(writer, { upgrade: { start: 13, length: 43 } })
  await writer.truncate(14)
  await writer.append(blocks(13, 'third'))

  const early = await found(reader, writer)
  t.is(early.ancestor, 13, 'all that the reader knew of')
  t.is(await reader.accept(longer), 'stored')
  t.is(await reader.moveTo(early), 'outdated')
  t.alike([reader.fork, reader.length], [0, 56])

  const search = await found(reader, writer)
  t.is(search.ancestor, 14)
  t.is(await reader.moveTo(search), 'stored')
  t.alike([reader.fork, reader.length], [1, 27])
  // Each with no more hashes than those below the nodes that the reader must know by now.
  const order: [number, number][] = [
    [12, 2],
    [14, 1],
    [13, 0],
    [15, 0]
  ]
  for (const [index, nodes] of order) {
    t.is(await reader.accept(await ask(writer, { block: { index, nodes } })), 'stored')
  }
  const texts = await Promise.all(order.map(([index]) => reader.read(index)))
  t.alike(
    texts.map((bytes) => (bytes === null ? null : toUtf8(bytes))),
    ['first 12', 'third 0', 'second 0', 'third 1']
  )
  await Promise.all([reader.close(), writer.close()])
})
