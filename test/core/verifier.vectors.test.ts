// What the reference accepts and rejects (spec log.md section 10.7), where we are stricter said case by case.
import { test } from 'brittle'
import { signHead } from '../../lib/core/head-signature.ts'
import { decodeManifest, encodeManifest } from '../../lib/core/manifest.ts'
import { makeProof } from '../../lib/core/prover.ts'
import { type VerifiedProof, verifyForkProof, verifyProof } from '../../lib/core/verifier.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { ProofError } from '../../lib/errors.ts'
import { AncestorSearch } from '../../lib/merkle/ancestor.ts'
import { emptyRequest, type ProofRequest } from '../../lib/merkle/proof.ts'
import { fromUtf8, toHex } from '../../lib/util/bytes.ts'
import { hex } from '../helpers/vectors.ts'
import {
  emptyProof,
  levelsMissing,
  MemoryNodes,
  MemoryTree,
  vectorBlocks
} from '../merkle/memory-tree.ts'
import { logVectors, nodeText, proofOf, seedOf } from './log-vectors.ts'

const vectors = logVectors()

const OUTCOMES: { readonly [outcome: string]: string } = {
  accepted: 'accepted',
  ignored: 'outdated',
  'rejected INVALID_OPERATION': 'BAD_MESSAGE',
  'rejected INVALID_CHECKSUM': 'BAD_HASH',
  'rejected INVALID_SIGNATURE': 'BAD_SIGNATURE'
}

/** Where we differ from the reference on purpose. */
const DIFFERENT: { readonly [name: string]: string } = {
  'upgrade 8 to 13 with a surplus node at the end': 'BAD_MESSAGE',
  // Not the peer's fault: it answered what we asked before.
  'upgrade made for a reader at length 5': 'outdated'
}

test('a reader at length 8', async (t) => {
  const log = vectors.logs[0]
  if (log?.manifestEncoded == null) throw new Error('No log')
  const manifest = decodeManifest(hex(log.manifestEncoded))
  const key = hex(log.key)
  const { tree } = MemoryTree.of(vectorBlocks(8))
  for (const inMemory of [true, false]) {
    for (const each of vectors.verification.cases) {
      const reader = new MemoryTree(tree, inMemory)
      reader.nodes.put(tree.roots)
      let outcome = 'accepted'
      let verified: VerifiedProof | null = null
      const context = { tree, nodes: reader.nodes, key, manifest }
      try {
        verified = await verifyProof(context, proofOf(each.data))
        if (verified.outdated) outcome = 'outdated'
      } catch (error) {
        if (!(error instanceof ProofError)) throw error
        outcome = error.code
      }
      const expected = DIFFERENT[each.name] ?? OUTCOMES[each.outcome]
      t.is(outcome, expected, each.name)
      if (expected !== 'accepted') continue
      t.is(verified?.head?.length ?? 8, each.lengthAfter)
      t.alike(verified?.block ? [verified.block.index] : [], each.hasBlocks)
    }
  }
})

test('every proof of the vectors is accepted, with all nodes at hand and with none', async (t) => {
  let count = 0
  for (const set of vectors.proofs) {
    const log = vectors.logs.find((each) => each.name === set.log)
    if (log === undefined) throw new Error(`No log ${set.log}`)
    const key = hex(log.key)
    const manifest = log.manifestEncoded === null ? null : decodeManifest(hex(log.manifestEncoded))
    const full = MemoryTree.of(vectorBlocks(set.length))
    const onDisk = new MemoryNodes(false)
    onDisk.put([...full.nodes.nodes.values()])
    for (const vector of set.vectors) {
      const { tree } = MemoryTree.of(vectorBlocks(vector.request.upgrade?.start ?? set.length))
      for (const data of [vector.data, vector.hypercore11?.data]) {
        if (data === undefined) continue
        for (const nodes of [full.nodes, onDisk]) {
          const verified = await verifyProof({ tree, nodes, key, manifest }, proofOf(data))
          t.absent(verified.outdated, `${set.log} ${JSON.stringify(vector.request)}`)
          t.is(verified.head?.length ?? set.length, set.length)
          for (const node of [...verified.nodes, ...verified.unproven]) {
            const truth = full.nodes.peekNode(node.nodeIndex)
            t.is(nodeText(node), truth === null ? 'none' : nodeText(truth))
          }
          count++
        }
      }
    }
  }
  t.comment(`${count} proofs`)
})

test('a sparse reader knows what the reference knows, and asks as it does', async (t) => {
  const log = vectors.logs[0]
  const signature = log?.states?.find((state) => state.length === 13)?.signature
  if (log?.manifestEncoded == null || !signature) throw new Error('No log')
  const key = hex(log.key)
  const manifest = decodeManifest(hex(log.manifestEncoded))
  const full = MemoryTree.of(vectorBlocks(13))
  const block = (index: number) => full.block(index)
  const writer = {
    tree: full.tree,
    signature: hex(signature),
    nodes: full.nodes,
    key,
    manifest,
    block
  }
  const reader = new MemoryTree()
  const ask = async (request: ProofRequest): Promise<void> => {
    const proof = await makeProof(writer, request)
    if (proof === null) throw new Error('No proof')
    const verified = await verifyProof(
      { tree: reader.tree, nodes: reader.nodes, key, manifest },
      proof
    )
    // The reference keeps these too.
    reader.nodes.put([...verified.nodes, ...verified.unproven])
    reader.tree = verified.tree ?? reader.tree
  }
  const askBlock = (index: number): Promise<void> =>
    ask({ ...emptyRequest, block: { index, nodes: levelsMissing(reader.nodes, 13, index) } })
  const steps = [
    () => ask({ ...emptyRequest, upgrade: { start: 0, length: 13 } }),
    () => askBlock(2),
    () => askBlock(9),
    () =>
      ask({ ...emptyRequest, hash: { nodeIndex: 14, nodes: levelsMissing(reader.nodes, 13, 7) } }),
    () => askBlock(12)
  ]
  for (const [i, row] of vectors.requestNodes.rows.entries()) {
    await steps[i]?.()
    t.alike(
      [...reader.nodes.nodes.keys()].toSorted((a, b) => a - b),
      row.knownNodes,
      row.after
    )
    t.alike(
      row.nodesForBlock.map((_, index) => levelsMissing(reader.nodes, row.length, index)),
      row.nodesForBlock
    )
  }
})

test('a reader that knows only the key', async (t) => {
  for (const row of vectors.prologue) {
    const body = row.proofs[0]?.data ?? ''
    const manifest = hex(row.manifestEncoded)
    const reader = new MemoryTree()
    const context = { tree: reader.tree, nodes: reader.nodes, key: hex(row.key), manifest: null }
    const verified = await verifyProof(context, { ...proofOf(body), manifest })
    t.is(verified.head?.length, row.length)
    t.is(toHex(verified.manifest ?? manifest.subarray(1)), row.manifestEncoded)
    await t.exception(verifyProof(context, proofOf(body)), /not signed/)
  }
  const compat = vectors.logs.find((each) => each.compat)
  const set = vectors.proofs.find((each) => each.log === 'compat')
  const reader = new MemoryTree()
  const context = {
    tree: reader.tree,
    nodes: reader.nodes,
    key: hex(compat?.key ?? ''),
    manifest: null
  }
  const verified = await verifyProof(context, proofOf(set?.vectors[0]?.data ?? ''))
  t.is(verified.head?.length, 13)
  t.ok(verified.manifest, 'compat is remembered')
})

test('a fork is followed to the common ancestor', (t) => {
  const { forks } = vectors
  const key = hex(forks.key)
  const bodies = forks.proofsAtFork1Length9.map((vector) => proofOf(vector.data ?? ''))
  const first = bodies[0]
  if (first === undefined) throw new Error('No proof')
  const fork = verifyForkProof({ key, manifest: null }, first)
  t.is(fork.tree.length, 9)
  t.is(fork.tree.fork, 1)
  t.is(toHex(fork.head.rootHash), forks.steps[2]?.treeHash)
  t.is(toHex(fork.manifest ?? key), forks.manifestEncoded)
  const local = MemoryTree.of(vectorBlocks(10))
  const search = new AncestorSearch(10, fork.tree, fork.nodes)
  for (let needs = search.needsLocal; needs !== null; needs = search.needsLocal) {
    search.feedLocal(local.nodes.peekNode(needs))
  }
  t.alike(search.needsRemote, { nodeIndex: 14, nodes: 3 })
  const foreign = MemoryTree.of(
    [...vectorBlocks(6), ...['fork0', 'fork1', 'fork2'].map(fromUtf8)],
    1
  )
  const path = [14, 12, 9, 3].map((nodeIndex) => foreign.nodes.peekNode(nodeIndex))
  const nodes = path.filter((node) => node !== null)
  search.feedRemote({ ...emptyProof, fork: 1, hash: { nodeIndex: 14, nodes } })
  for (let needs = search.needsLocal; needs !== null; needs = search.needsLocal) {
    search.feedLocal(local.nodes.peekNode(needs))
  }
  t.is(search.ancestor, 6)
})

test('heads signed here are accepted', (t) => {
  const keyPair = createKeyPair(seedOf(2))
  const { forks } = vectors
  const manifest = decodeManifest(hex(forks.manifestEncoded))
  const { tree } = MemoryTree.of(vectorBlocks(9), 3)
  const signature = signHead(manifest, hex(forks.key), tree.head(), keyPair)
  const upgrade = { start: 0, length: 9, nodes: tree.roots, additionalNodes: [], signature }
  const proof = {
    fork: 3,
    block: null,
    hash: null,
    seek: null,
    upgrade,
    manifest: encodeManifest(manifest)
  }
  t.is(verifyForkProof({ key: hex(forks.key), manifest: null }, proof).head.fork, 3)
})
