// The verifier under attack (design testing.md section 9, M01 to M08), and honest answers that come late.
import { test } from 'brittle'
import { signHead } from '../../lib/core/head-signature.ts'
import {
  createManifest,
  defaultManifest,
  encodeManifest,
  type Manifest,
  manifestKey
} from '../../lib/core/manifest.ts'
import { makeProof, type ProofContext } from '../../lib/core/prover.ts'
import { type VerifiedProof, verifyForkProof, verifyProof } from '../../lib/core/verifier.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { LogwoodError } from '../../lib/errors.ts'
import { MAX_PROOF_NODES } from '../../lib/merkle/constants.ts'
import type { Node } from '../../lib/merkle/node.ts'
import { emptyRequest, type Proof, type ProofRequest } from '../../lib/merkle/proof.ts'
import { Seek } from '../../lib/merkle/seek.ts'
import { Tree } from '../../lib/merkle/tree.ts'
import { toHex } from '../../lib/util/bytes.ts'
import { emptyProof, MemoryTree, vectorBlocks } from '../merkle/memory-tree.ts'
import { seedOf } from './log-vectors.ts'

const keyPair = createKeyPair(seedOf(1))
const manifest = defaultManifest(keyPair.publicKey)
const key = manifestKey(manifest)

function writerOf(log: MemoryTree, rules: Manifest = manifest): ProofContext {
  return {
    tree: log.tree,
    signature: signHead(rules, manifestKey(rules), log.tree.head(), keyPair),
    nodes: log.nodes,
    key: manifestKey(rules),
    manifest: rules,
    block: (index) => log.block(index)
  }
}

const writer = writerOf(MemoryTree.of(vectorBlocks(13)))

async function prove(request: Partial<ProofRequest>, from: ProofContext = writer): Promise<Proof> {
  const proof = await makeProof(from, { ...emptyRequest, fork: from.tree.fork, ...request })
  if (proof === null) throw new Error('Not held')
  return proof
}

/** A reader that has the roots of a length and nothing else. */
function readerAt(length: number): MemoryTree {
  const { tree } = MemoryTree.of(vectorBlocks(length))
  const reader = new MemoryTree(tree)
  reader.nodes.put(tree.roots)
  return reader
}

function verify(
  reader: MemoryTree,
  proof: Proof,
  rules: Manifest | null = manifest
): Promise<VerifiedProof> {
  return verifyProof({ tree: reader.tree, nodes: reader.nodes, key, manifest: rules }, proof)
}

async function codeOf(run: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof run === 'function' ? run() : run)
    return 'accepted'
  } catch (error) {
    if (error instanceof LogwoodError) return `${error.name} ${error.code}`
    throw error
  }
}

const BAD_HASH = 'ProofError BAD_HASH'
const BAD_SIGNATURE = 'ProofError BAD_SIGNATURE'
const BAD_MANIFEST = 'ProofError BAD_MANIFEST'
const BAD_MESSAGE = 'ProofError BAD_MESSAGE'

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  return bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
}

test('M01: every flipped bit of a block', async (t) => {
  const proof = await prove({ block: { index: 5, nodes: 3 } })
  t.is(await codeOf(verify(readerAt(13), proof)), 'accepted')
  if (proof.block === null) throw new Error('No block')
  for (let bit = 0; bit < 8 * proof.block.value.byteLength; bit++) {
    const value = flipped(proof.block.value, bit)
    t.is(
      await codeOf(verify(readerAt(13), { ...proof, block: { ...proof.block, value } })),
      BAD_HASH
    )
  }
})

test('M02: a block under another index', async (t) => {
  const proof = await prove({ block: { index: 5, nodes: 3 } })
  if (proof.block === null) throw new Error('No block')
  for (const index of [0, 4, 6, 7, 13, 2 ** 31, 2 ** 53 - 1]) {
    const code = await codeOf(verify(readerAt(13), { ...proof, block: { ...proof.block, index } }))
    t.is(code, BAD_MESSAGE, `${index}`)
  }
  const bare = { ...proof, block: { ...proof.block, index: 12, nodes: [] } }
  t.is(await codeOf(verify(readerAt(13), bare)), BAD_HASH)
})

test('M03: nodes changed, missing, surplus, in other order', async (t) => {
  const proof = await prove({ block: { index: 5, nodes: 3 } })
  const { block } = proof
  if (block === null) throw new Error('No block')
  const [a, b, c] = block.nodes
  if (a === undefined || b === undefined || c === undefined) throw new Error('No nodes')
  const judge = (nodes: readonly Node[]): Promise<string> =>
    codeOf(verify(readerAt(13), { ...proof, block: { ...block, nodes } }))
  t.is(await judge([a, b, c]), 'accepted')
  t.is(await judge([a, { ...b, hash: flipped(b.hash, 9) }, c]), BAD_HASH)
  t.is(await judge([a, { ...b, byteLength: b.byteLength + 1 }, c]), BAD_HASH)
  t.is(await judge([a, { ...b, byteLength: 2 ** 53 - 1 }, c]), BAD_MESSAGE)
  t.is(await judge([a, { ...b, nodeIndex: b.nodeIndex + 4 }, c]), BAD_MESSAGE)
  for (const nodes of [[a, b], [b, c], [], [b, a, c], [a, b, c, c], [a, a, b, c]]) {
    t.is(await judge(nodes), BAD_MESSAGE)
  }
  const above = { nodeIndex: 23, byteLength: 3, hash: a.hash }
  t.is(await judge([a, b, c, above]), BAD_MESSAGE, 'surplus beyond the tree')
  const upgrade = await prove({ upgrade: { start: 8, length: 5 } })
  const surplus = (list: 'nodes' | 'additionalNodes'): Proof =>
    upgrade.upgrade === null
      ? upgrade
      : { ...upgrade, upgrade: { ...upgrade.upgrade, [list]: [...upgrade.upgrade[list], a] } }
  t.is(await codeOf(verify(readerAt(8), surplus('nodes'))), BAD_MESSAGE)
  t.is(await codeOf(verify(readerAt(8), surplus('additionalNodes'))), BAD_MESSAGE)
  const both = { ...proof, hash: { nodeIndex: 4, nodes: [] } }
  t.is(await codeOf(verify(readerAt(13), both)), BAD_MESSAGE)
})

test('M04: signatures of another length, fork, log, and random ones', async (t) => {
  const proof = await prove({ upgrade: { start: 8, length: 5 } })
  const { upgrade } = proof
  if (upgrade === null) throw new Error('No upgrade')
  const judge = (signature: Uint8Array): Promise<string> =>
    codeOf(verify(readerAt(8), { ...proof, upgrade: { ...upgrade, signature } }))
  t.is(await judge(upgrade.signature), 'accepted')
  const head = writer.tree.head()
  const shorter = MemoryTree.of(vectorBlocks(12)).tree.head()
  const other = defaultManifest(createKeyPair(seedOf(2)).publicKey)
  const forged = [
    signHead(manifest, key, shorter, keyPair),
    signHead(manifest, key, { ...head, fork: 1 }, keyPair),
    signHead(manifest, manifestKey(other), head, keyPair),
    signHead(other, manifestKey(other), head, createKeyPair(seedOf(2))),
    new Uint8Array(68).fill(7),
    new Uint8Array(0),
    upgrade.signature.subarray(0, 67),
    upgrade.signature.subarray(2, 66)
  ]
  for (const signature of forged) t.is(await judge(signature), BAD_SIGNATURE)
  for (let bit = 16; bit < 8 * 66; bit += 37) {
    t.is(await judge(flipped(upgrade.signature, bit)), BAD_SIGNATURE)
  }
})

test('M05: manifests that do not belong to the log', async (t) => {
  const proof = await prove({ manifest: true, upgrade: { start: 0, length: 13 } })
  t.is(await codeOf(verify(readerAt(0), proof, null)), 'accepted')
  const other = createManifest({
    signers: [{ publicKey: keyPair.publicKey, namespace: seedOf(3) }]
  })
  const bytes = encodeManifest(manifest)
  const quorum0 = bytes.map((byte, i) => (i === 3 ? 0 : byte))
  const crowd = encodeManifest(
    createManifest({ signers: Array.from({ length: 64 }, () => ({ publicKey: key })) })
  )
  const tooMany = new Uint8Array([1, 0, 0, 1, 0xfd, 0xe8, 3, ...new Uint8Array(65_000)])
  for (const forged of [
    encodeManifest(other),
    quorum0,
    crowd,
    tooMany,
    new Uint8Array(0),
    bytes.subarray(0, 69),
    new Uint8Array([4, ...bytes.subarray(1)])
  ]) {
    t.is(await codeOf(verify(readerAt(0), { ...proof, manifest: forged }, null)), BAD_MANIFEST)
    t.is(await codeOf(verify(readerAt(0), { ...proof, manifest: forged })), BAD_MANIFEST)
    const alone = { ...emptyProof, manifest: forged }
    t.is(await codeOf(verify(readerAt(0), alone, null)), BAD_MANIFEST)
  }
  const alone = await verify(readerAt(0), { ...emptyProof, manifest: bytes }, null)
  t.is(toHex(alone.manifest ?? key), toHex(bytes))
  const without = { ...proof, manifest: null }
  t.is(await codeOf(verify(readerAt(0), without, null)), BAD_SIGNATURE, 'taken for compat')
})

test('M06: byte lengths shifted between siblings', async (t) => {
  const proof = await prove({ hash: { nodeIndex: 6, nodes: 3 } })
  const { hash } = proof
  const [start, sibling, ...rest] = hash?.nodes ?? []
  if (hash === null || start === undefined || sibling === undefined) throw new Error('No nodes')
  const nodes = [
    { ...start, byteLength: start.byteLength + 5 },
    { ...sibling, byteLength: sibling.byteLength - 5 },
    ...rest
  ]
  const reader = readerAt(13)
  const verified = await verify(reader, { ...proof, hash: { ...hash, nodes } })
  t.alike(
    verified.unproven.map((node) => node.nodeIndex),
    [6, 4],
    'kept apart'
  )
  for (const node of verified.nodes) {
    t.is(node.byteLength, writer.nodes.peekNode(node.nodeIndex)?.byteLength, 'the others are true')
  }
  for (const believed of [[], verified.unproven]) {
    const overlay = new MemoryTree().nodes
    overlay.put([...reader.tree.roots, ...verified.nodes, ...believed])
    const seek = new Seek(reader.tree.roots, 22, 0)
    for (let needs = seek.needs; needs !== null; needs = seek.needs) {
      seek.feed(overlay.peekNode(needs))
    }
    t.is(seek.result?.kind, believed.length === 0 ? 'within' : 'found', 'the seek ends')
  }
  reader.nodes.put(verified.nodes)
  const block = await verify(reader, await prove({ block: { index: 3, nodes: 1 } }))
  t.alike(
    block.nodes.map((node) => [node.nodeIndex, node.byteLength]),
    [
      [6, 21],
      [4, 14]
    ],
    'a block proves both'
  )
})

test('lengths of upgrade nodes are proven unless two of them were joined', async (t) => {
  const pair = await verify(readerAt(0), await prove({ upgrade: { start: 0, length: 5 } }))
  t.alike(
    pair.unproven.map((node) => node.nodeIndex),
    [8, 10],
    '3 8 and 10 13 19 24'
  )
  const none = await verify(readerAt(5), await prove({ upgrade: { start: 5, length: 3 } }))
  t.alike(none.unproven, [])
  for (const { nodes } of [pair, none]) {
    for (const node of nodes) {
      t.is(node.byteLength, writer.nodes.peekNode(node.nodeIndex)?.byteLength)
    }
  }
})

test('M07: another fork, and answers that come late or twice', async (t) => {
  const fork = MemoryTree.of(vectorBlocks(13), 2)
  const foreign = await prove({ upgrade: { start: 8, length: 5 } }, writerOf(fork))
  const ignored = await verify(readerAt(8), foreign)
  t.alike([ignored.outdated, ignored.head, ignored.nodes], [true, null, []])
  const reader = new MemoryTree(writer.tree)
  reader.nodes.put([...MemoryTree.of(vectorBlocks(13)).nodes.nodes.values()])
  const late = await prove({ block: { index: 6, nodes: 0 }, upgrade: { start: 3, length: 5 } })
  const verified = await verify(reader, late)
  t.alike([verified.outdated, verified.head, verified.block?.index], [false, null, 6])
  const twice = await verify(reader, await prove({ upgrade: { start: 8, length: 5 } }))
  t.alike([twice.outdated, twice.head], [true, null])
  const ahead = await verify(readerAt(8), await prove({ upgrade: { start: 5, length: 2 } }))
  t.alike([ahead.outdated, ahead.head, ahead.nodes], [true, null, []], 'leads on, from elsewhere')
  const { upgrade } = late
  if (upgrade === null) throw new Error('No upgrade')
  const nodes = upgrade.nodes.map((node) => ({ ...node, hash: flipped(node.hash, 1) }))
  t.is(await codeOf(verify(reader, { ...late, upgrade: { ...upgrade, nodes } })), BAD_HASH)
  const future = await prove({ upgrade: { start: 10, length: 3 } })
  t.is(await codeOf(verify(readerAt(8), future)), BAD_MESSAGE)
})

test('M08: more nodes than a proof can have, positions without sense', async (t) => {
  const node = { nodeIndex: 0, byteLength: 0, hash: new Uint8Array(32) }
  const many = Array.from({ length: MAX_PROOF_NODES + 1 }, () => node)
  const upgrade = { start: 8, length: 5, nodes: [], additionalNodes: [], signature: key }
  const value = new Uint8Array(4)
  const far = [2 ** 31 - 1, 2 ** 32 - 1, 2 ** 40, 2 ** 51, 2 ** 52 - 1, 2 ** 53 - 1]
  const proofs: Proof[] = [
    { ...emptyProof, block: { index: 0, value, nodes: many } },
    { ...emptyProof, hash: { nodeIndex: 0, nodes: many } },
    { ...emptyProof, hash: { nodeIndex: 0, nodes: [] } },
    { ...emptyProof, seek: { byteOffset: 3, nodes: many } },
    { ...emptyProof, upgrade: { ...upgrade, additionalNodes: many } },
    { ...emptyProof, upgrade: { ...upgrade, length: 0 } }
  ]
  for (const n of far) {
    const distant = { ...node, nodeIndex: n }
    proofs.push({ ...emptyProof, block: { index: n, value, nodes: [] } })
    proofs.push({ ...emptyProof, hash: { nodeIndex: n, nodes: [distant] } })
    proofs.push({ ...emptyProof, hash: { nodeIndex: 0, nodes: [node, distant] } })
    proofs.push({ ...emptyProof, seek: { byteOffset: n, nodes: [distant, node] } })
    proofs.push({ ...emptyProof, upgrade: { ...upgrade, length: n } })
    proofs.push({ ...emptyProof, upgrade: { ...upgrade, start: n } })
    proofs.push({ ...emptyProof, upgrade: { ...upgrade, additionalNodes: [distant] } })
  }
  for (const proof of proofs) {
    const began = performance.now()
    t.is(await codeOf(verify(readerAt(8), proof)), BAD_MESSAGE)
    t.ok(performance.now() - began < 50)
    if (proof.upgrade)
      t.is(await codeOf(() => verifyForkProof({ key, manifest }, proof)), BAD_MESSAGE)
  }
})

test('nothing rides along in a signature', async (t) => {
  const proof = await prove({ upgrade: { start: 8, length: 5 } })
  const { upgrade } = proof
  if (upgrade === null) throw new Error('No upgrade')
  const longer = { ...upgrade, signature: new Uint8Array([...upgrade.signature, 1, 2, 3]) }
  t.is(await codeOf(verify(readerAt(8), { ...proof, upgrade: longer })), BAD_SIGNATURE)
  const prologue = { hash: writer.tree.rootHash, length: 13 }
  const rules = createManifest({ prologue })
  const from = { ...writer, manifest: rules, key: manifestKey(rules) }
  const bare = await prove({ upgrade: { start: 0, length: 13 } }, from)
  const context = { ...from, tree: Tree.empty(), nodes: new MemoryTree().nodes }
  const { head } = await verifyProof(context, bare)
  t.is(head?.signature.byteLength, 0, 'the 68 bytes that came are not kept')
})

test('a prologue cannot be split or replaced', async (t) => {
  const log = MemoryTree.of(vectorBlocks(13))
  const prologue = { hash: log.at(8).rootHash, length: 8 }
  const rules = createManifest({ signers: [{ publicKey: keyPair.publicKey }], prologue })
  const context = { tree: Tree.empty(), nodes: new MemoryTree().nodes, key: manifestKey(rules) }
  const from = writerOf(log, rules)
  const good = await prove({ upgrade: { start: 0, length: 2 } }, from)
  t.is(good.upgrade?.length, 8, 'asked for less, given the prologue')
  const judge = (proof: Proof): Promise<string> =>
    codeOf(verifyProof({ ...context, manifest: rules }, proof))
  t.is(await judge(good), 'accepted')
  const split = await prove({ upgrade: { start: 0, length: 5 } }, { ...from, manifest: null })
  t.is(await judge(split), BAD_SIGNATURE)
  const blocks = vectorBlocks(13)
  blocks[2] = new Uint8Array([1])
  const forged = await prove(
    { upgrade: { start: 0, length: 8 } },
    writerOf(MemoryTree.of(blocks), rules)
  )
  t.is(await judge(forged), BAD_SIGNATURE)
})

test('what is returned does not hold on to the message', async (t) => {
  const proof = await prove({ block: { index: 5, nodes: 3 }, upgrade: { start: 8, length: 5 } })
  const message = new Set(
    [...(proof.block?.nodes ?? []), ...(proof.upgrade?.nodes ?? [])].map((node) => node.hash.buffer)
  )
  const { nodes, head, tree } = await verify(readerAt(8), proof)
  for (const node of nodes) t.absent(message.has(node.hash.buffer))
  t.is(head?.signature.byteLength, 68)
  t.is(head?.signature.buffer.byteLength, 68)
  t.is(tree?.length, 13)
})

test('a known ancestor ends the climb', async (t) => {
  const reader = readerAt(13)
  reader.nodes.put((await verify(reader, await prove({ block: { index: 4, nodes: 3 } }))).nodes)
  const proof = await prove({ block: { index: 5, nodes: 3 } })
  const { nodes } = await verify(reader, proof)
  t.alike(
    nodes.map((node) => node.nodeIndex),
    [],
    'its leaf was a sibling before'
  )
  const next = await verify(reader, await prove({ block: { index: 7, nodes: 3 } }))
  t.alike(
    next.nodes.map((node) => node.nodeIndex),
    [14, 12],
    'up to node 13, which is known'
  )
  t.is(reader.nodes.reads, 0, 'nothing was read')
})

test('conflict and fork proofs vouch for all they bring', async (t) => {
  const proof = await prove({ upgrade: { start: 0, length: 9 } })
  const verified = verifyForkProof({ key, manifest }, proof)
  t.is(verified.asked.length, 9)
  t.is(toHex(verified.asked.rootHash), toHex(MemoryTree.of(vectorBlocks(9)).tree.rootHash))
  t.is(verified.head.length, 13)
  const old = await prove({ block: { index: 1, nodes: 3 }, upgrade: { start: 8, length: 5 } })
  t.is(await codeOf(() => verifyForkProof({ key, manifest }, old)), BAD_MESSAGE)
  t.is(
    await codeOf(() => verifyForkProof({ key, manifest }, { ...proof, upgrade: null })),
    BAD_MESSAGE
  )
})
