// Answers to requests, byte for byte as version 10 of the reference gives them (spec log.md sections 8, 10).
import { test } from 'brittle'
import { compatManifest, decodeManifest, type Manifest } from '../../lib/core/manifest.ts'
import { makeProof, type ProofContext } from '../../lib/core/prover.ts'
import { ProofError } from '../../lib/errors.ts'
import { emptyRequest } from '../../lib/merkle/proof.ts'
import { emptyBytes, fromUtf8 } from '../../lib/util/bytes.ts'
import { hex } from '../helpers/vectors.ts'
import { emptyProof, MemoryTree, vectorBlock, vectorBlocks } from '../merkle/memory-tree.ts'
import { bodyOf, logVectors, type ProofVector, requestOf } from './log-vectors.ts'

const vectors = logVectors()

function contextOf(
  log: MemoryTree,
  key: Uint8Array,
  manifest: Manifest | null,
  signature: Uint8Array
): ProofContext {
  return {
    tree: log.tree,
    signature,
    nodes: log.nodes,
    key,
    manifest,
    block: (index) => log.block(index)
  }
}

async function answer(context: ProofContext, vector: ProofVector): Promise<string> {
  try {
    const proof = await makeProof(context, requestOf(vector.request))
    return proof === null ? 'not held' : bodyOf(proof)
  } catch (error) {
    if (error instanceof ProofError && error.code === 'BAD_MESSAGE') return 'invalid request'
    throw error
  }
}

test('proofs of the plain, compat and version 0 logs', async (t) => {
  for (const set of vectors.proofs) {
    const log = vectors.logs.find((each) => each.name === set.log)
    const signature = log?.states?.find((state) => state.length === set.length)?.signature
    if (log === undefined || !signature) throw new Error(`No log ${set.log}`)
    const key = hex(log.key)
    const manifest =
      log.manifestEncoded === null ? compatManifest(key) : decodeManifest(hex(log.manifestEncoded))
    const context = contextOf(
      MemoryTree.of(vectorBlocks(set.length)),
      key,
      manifest,
      hex(signature)
    )
    for (const vector of set.vectors) {
      const expected = vector.error ?? vector.data
      const name = `${set.log} ${set.length} ${JSON.stringify(vector.request)}`
      t.is(await answer(context, vector), expected, name)
    }
  }
})

test('proofs of logs with a prologue', async (t) => {
  for (const row of vectors.prologue) {
    const context = contextOf(
      MemoryTree.of(vectorBlocks(row.length)),
      hex(row.key),
      decodeManifest(hex(row.manifestEncoded)),
      row.signature === null ? emptyBytes : hex(row.signature)
    )
    for (const vector of row.proofs) {
      const expected = vector.error ?? vector.data
      t.is(await answer(context, vector), expected, JSON.stringify(vector.request))
    }
  }
})

test('proofs of a forked log', async (t) => {
  const { forks } = vectors
  const blocks = [0, 1, 2, 3, 4, 5].map(vectorBlock)
  const log = MemoryTree.of([...blocks, ...['fork0', 'fork1', 'fork2'].map(fromUtf8)], 1)
  const step = forks.steps[2]
  t.is(log.tree.byteLength, step?.byteLength)
  const context = contextOf(
    log,
    hex(forks.key),
    decodeManifest(hex(forks.manifestEncoded)),
    hex(step?.signature ?? '')
  )
  for (const vector of forks.proofsAtFork1Length9) {
    t.is(await answer(context, vector), vector.data, JSON.stringify(vector.request))
  }
})

test('an empty log answers with no parts', async (t) => {
  const context = contextOf(new MemoryTree(), hex('00'.repeat(32)), null, emptyBytes)
  const request = { ...emptyRequest, manifest: true, block: { index: 3, nodes: 2 } }
  t.alike(await makeProof(context, request), emptyProof)
})

test('what is not held, and other forks, are not answered', async (t) => {
  const log = MemoryTree.of(vectorBlocks(13))
  log.nodes.nodes.delete(13)
  log.blocks.delete(2)
  const context = contextOf(log, hex('00'.repeat(32)), null, emptyBytes)
  const ask = (index: number, nodes: number, fork = 0) =>
    makeProof(context, { ...emptyRequest, fork, block: { index, nodes } })
  t.absent(await ask(5, 3), 'a node is missing')
  t.absent(await ask(2, 0), 'the block is missing')
  t.absent(await ask(3, 0, 1), 'another fork')
  t.ok(await ask(3, 0))
})

test('no request costs more than the tree is high', async (t) => {
  const log = MemoryTree.of(vectorBlocks(13))
  const context = contextOf(log, hex('00'.repeat(32)), null, emptyBytes)
  const big = [2 ** 31, 2 ** 32 - 1, 2 ** 40, 2 ** 51, 2 ** 53 - 1]
  for (const n of big) {
    const requests = [
      { block: { index: n, nodes: 0 } },
      { block: { index: 0, nodes: n } },
      { hash: { nodeIndex: n, nodes: 1 } },
      { upgrade: { start: n, length: n } },
      { upgrade: { start: 0, length: n } },
      { upgrade: { start: 0, length: 13 }, block: { index: n, nodes: n } }
    ]
    for (const request of requests) {
      await t.exception(makeProof(context, { ...emptyRequest, ...request }), /cannot be answered/)
    }
    const seek = { seek: { byteOffset: n, padding: 0 } }
    const beyond = { ...emptyRequest, ...seek, upgrade: { start: 0, length: 13 } }
    t.absent((await makeProof(context, beyond))?.seek)
    const under = { ...emptyRequest, ...seek, hash: { nodeIndex: 0, nodes: 3 } }
    await t.exception(makeProof(context, under), /not below/)
  }
})
