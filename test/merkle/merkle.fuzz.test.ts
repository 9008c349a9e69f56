// Plans, folds, seeks, batches and ancestor searches against the recursive tree (design testing.md section 7).
// A failure is repeated by its seed: the number in the assertion's name.
import { test } from 'brittle'
import { ProofError } from '../../lib/errors.ts'
import { AncestorSearch } from '../../lib/merkle/ancestor.ts'
import { TreeBatch } from '../../lib/merkle/batch.ts'
import { endOf, leafOf, parentOf, rootsOf, siblingOf, startOf } from '../../lib/merkle/flat-tree.ts'
import { foldProof } from '../../lib/merkle/fold.ts'
import { type Node, parentNode } from '../../lib/merkle/node.ts'
import { planProof, upgradeNodes } from '../../lib/merkle/plan.ts'
import { emptyRequest, type Proof, type ProofRequest } from '../../lib/merkle/proof.ts'
import { Seek } from '../../lib/merkle/seek.ts'
import { Tree } from '../../lib/merkle/tree.ts'
import { emptyBytes, toHex } from '../../lib/util/bytes.ts'
import { seedsFor } from '../helpers/long.ts'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'
import { emptyProof, MemoryTree } from './memory-tree.ts'
import { RecursiveTree, slowPath, slowRoots, slowUpgrade, spanOf } from './recursive-tree.ts'

function randomBlocks(random: SeededRandom, length: number): Uint8Array[] {
  return Array.from({ length }, () => random.bytes(random.int(4) === 0 ? 0 : random.int(30)))
}

function requestTo(log: MemoryTree, request: ProofRequest, sought: number | null): Proof {
  const plan = planProof(log.tree.length, request, sought)
  const parts = plan.fill(plan.nodeIndexes.map((nodeIndex) => log.nodes.peekNode(nodeIndex)))
  if (parts === null) throw new Error('A node is missing')
  const { block, hash, seek, upgrade } = request
  return {
    ...emptyProof,
    fork: log.tree.fork,
    block: block && {
      index: block.index,
      value: log.blocks.get(block.index) ?? emptyBytes,
      nodes: parts.path ?? []
    },
    hash: hash && { nodeIndex: hash.nodeIndex, nodes: parts.path ?? [] },
    seek: seek && parts.seek && { byteOffset: seek.byteOffset, nodes: parts.seek },
    upgrade: upgrade && {
      ...upgrade,
      nodes: parts.upgrade ?? [],
      additionalNodes: parts.additional ?? [],
      signature: emptyBytes
    }
  }
}

test('batches', (t) => {
  for (let seed = 1; seed <= seedsFor(40, 2000); seed++) {
    const random = seededRandom(seed)
    const blocks = randomBlocks(random, 1 + random.int(80))
    const slow = new RecursiveTree(blocks)
    let tree = Tree.empty()
    const nodes = new Map<number, Node>()
    while (tree.length < blocks.length) {
      const batch = new TreeBatch(tree)
      const end = tree.length + 1 + random.int(blocks.length - tree.length)
      if (random.int(3) === 0) batch.append(blocks[tree.length] ?? emptyBytes)
      else batch.appendAll(blocks.slice(tree.length, end))
      tree = batch.tree()
      for (const node of batch.nodes) {
        if (nodes.has(node.nodeIndex)) t.fail(`seed ${seed}: node ${node.nodeIndex} twice`)
        nodes.set(node.nodeIndex, node)
      }
    }
    t.is(toHex(tree.rootHash), toHex(slow.rootHash(blocks.length)), `seed ${seed}`)
    t.is(nodes.size, 2 * blocks.length - tree.roots.length)
    for (const node of nodes.values()) {
      const span = spanOf(startOf(node.nodeIndex), endOf(node.nodeIndex))
      const same = toHex(node.hash) === toHex(slow.hash(span))
      if (!same || node.byteLength !== slow.byteLength(span.start, span.end)) {
        t.fail(`seed ${seed}: node ${node.nodeIndex}`)
      }
    }
  }
})

test('large batches, past the chunks of a level and the pieces of a slab', (t) => {
  const blocks = Array.from({ length: 1500 }, (_, i) => new Uint8Array([i % 256, i >> 8]))
  const one = new TreeBatch(Tree.empty())
  for (const block of blocks) one.append(block)
  const all = new TreeBatch(Tree.empty())
  all.appendAll(blocks)
  t.is(toHex(all.tree().rootHash), toHex(one.tree().rootHash))
  t.is(all.nodes.length, one.nodes.length)
})

test('upgrades and full roots', (t) => {
  let wrong = 0
  for (let to = 0; to <= 130; to++) {
    const roots = slowRoots(to).map((root) => root.nodeIndex)
    if (String(roots) !== String(rootsOf(to))) wrong++
    for (let from = 0; from < to; from++) {
      if (String(upgradeNodes(from, to)) !== String(slowUpgrade(from, to))) wrong++
    }
  }
  t.is(wrong, 0)
})

test('plans of single parts', (t) => {
  for (let seed = 1; seed <= seedsFor(300, 20_000); seed++) {
    const random = seededRandom(seed)
    const length = 1 + random.int(100)
    const root = slowRoots(length)[random.int(slowRoots(length).length)] ?? spanOf(0, 1)
    const index = root.start + random.int(root.end - root.start)
    const path = slowPath(root, spanOf(index, index + 1))
    const nodes = random.int(path.length + 1)
    const block = { ...emptyRequest, block: { index, nodes } }
    t.alike(planProof(length, block, null).nodeIndexes, path.slice(0, nodes), `seed ${seed}`)
    const tooHigh = { ...emptyRequest, block: { index, nodes: path.length + 1 } }
    t.ok(refused(() => planProof(length, tooHigh, null)))
    const start = random.int(length)
    const more = 1 + random.int(length - start)
    const upgrade = { ...emptyRequest, upgrade: { start, length: more } }
    t.alike(planProof(length, upgrade, null).nodeIndexes, [
      ...slowUpgrade(start, start + more),
      ...slowUpgrade(start + more, length)
    ])
  }
})

test('proofs fold to the truth, and false ones to nothing untrue', (t) => {
  const counts = { proofs: 0, refused: 0, unproven: 0, harmless: 0 }
  for (let seed = 1; seed <= seedsFor(400, 20_000); seed++) {
    const random = seededRandom(seed)
    const log = MemoryTree.of(randomBlocks(random, 2 + random.int(60)))
    const start = random.int(log.tree.length)
    const base = log.at(start)
    const proof = randomProof(random, log, start)
    if (proof === null) continue
    counts.proofs++
    const known = random.int(2) === 0 ? null : knownPart(random, log, start)
    const folded = foldProof(base, proof, known)
    for (const node of folded.nodes) {
      const truth = log.nodes.peekNode(node.nodeIndex)
      if (truth === null || !isSame(truth, node)) t.fail(`seed ${seed}`)
    }
    if (folded.upgraded !== null) {
      t.is(toHex(folded.upgraded.rootHash), toHex(log.tree.rootHash), `seed ${seed}`)
    }
    for (let i = 0; i < 8; i++) {
      const outcome = judge(base, log, mutated(random, proof), known)
      if (outcome === 'untrue') t.fail(`seed ${seed}, mutation ${i}`)
      else counts[outcome]++
    }
  }
  t.comment(JSON.stringify(counts))
  t.ok(counts.proofs > 200)
  t.ok(counts.refused + counts.unproven > 5 * counts.harmless)
})

test('seeks find the byte, or the smallest known subtree that holds it', (t) => {
  for (let seed = 1; seed <= seedsFor(300, 20_000); seed++) {
    const random = seededRandom(seed)
    const padding = random.int(3)
    const payloads = randomBlocks(random, 1 + random.int(40))
    const log = MemoryTree.of(payloads.map((each) => new Uint8Array(each.byteLength + padding)))
    const total = payloads.reduce((sum, each) => sum + each.byteLength, 0)
    const byteOffset = random.int(total + 3)
    const missing = random.int(3) === 0 ? random.int(2 * payloads.length) : -1
    const seek = new Seek(log.tree.roots, byteOffset, padding)
    for (let needs = seek.needs; needs !== null; needs = seek.needs) {
      seek.feed(needs === missing ? null : log.nodes.peekNode(needs))
    }
    const { result } = seek
    const expected = slowSeek(payloads, byteOffset)
    if (result?.kind === 'within') {
      t.ok(result.nodeIndex > missing, `seed ${seed}: stops above what is missing`)
      t.ok(expected !== null && result.start <= expected.index && expected.index <= result.end)
    } else if (result?.kind === 'found') {
      t.alike(normal(payloads, result.position), expected, `seed ${seed}`)
    } else t.is(expected, null, `seed ${seed}`)
  }
})

test('seeks end whatever the byte lengths say', (t) => {
  for (let seed = 1; seed <= seedsFor(200, 5000); seed++) {
    const random = seededRandom(seed)
    const length = 1 + random.int(2 ** 30)
    const lie = (nodeIndex: number): Node => ({
      nodeIndex,
      byteLength: random.int(1000),
      hash: emptyBytes
    })
    const seek = new Seek(rootsOf(length).map(lie), random.int(3000), random.int(2) * 8)
    let steps = 0
    for (let needs = seek.needs; needs !== null; needs = seek.needs) {
      seek.feed(lie(needs))
      steps++
    }
    if (steps > 31) t.fail(`seed ${seed}: ${steps} steps`)
  }
  t.pass()
})

test('the common ancestor of two histories', (t) => {
  for (let seed = 1; seed <= seedsFor(300, 10_000); seed++) {
    const random = seededRandom(seed)
    const common = randomBlocks(random, random.int(40))
    const mine = [
      ...common,
      ...(random.int(4) ? [new Uint8Array([1])] : []),
      ...randomBlocks(random, random.int(20))
    ]
    const theirs = [
      ...common,
      ...(random.int(4) ? [new Uint8Array([2])] : []),
      ...randomBlocks(random, random.int(20))
    ]
    const local = MemoryTree.of(mine)
    const foreign = MemoryTree.of(theirs, 1)
    const search = new AncestorSearch(mine.length, foreign.tree, [])
    let questions = 0
    while (search.ancestor === null && questions < 60) {
      const needs = search.needsLocal
      const question = search.needsRemote
      if (needs !== null) search.feedLocal(local.nodes.peekNode(needs))
      if (question === null) continue
      questions++
      search.feedRemote(requestTo(foreign, { ...emptyRequest, fork: 1, hash: question }, null))
    }
    let expected = 0
    const end = Math.min(mine.length, theirs.length)
    while (expected < end && sameBlock(mine, theirs, expected)) expected++
    t.is(search.ancestor, expected, `seed ${seed}: ${questions} questions`)
    const wrong = search.nodes.filter((node) => !isOf(foreign, node))
    t.alike(wrong, [], `seed ${seed}: what is to be stored is true`)
    t.alike(
      missingUncles(foreign, search.nodes, expected),
      [],
      `seed ${seed}: common blocks are proven`
    )
  }
})

function isOf({ nodes }: MemoryTree, { nodeIndex, byteLength, hash }: Node): boolean {
  const node = nodes.peekNode(nodeIndex)
  return node !== null && node.byteLength === byteLength && toHex(node.hash) === toHex(hash)
}

/** What the first `length` blocks need on their way up to the roots, beside `nodes` and what lies below that length. */
function missingUncles({ tree }: MemoryTree, nodes: readonly Node[], length: number): number[] {
  const known = new Set(nodes.map((node) => node.nodeIndex))
  const missing = new Set<number>()
  for (let index = 0; index < length; index++) {
    const root = rootsOf(tree.length).find((each) => index < endOf(each))
    for (let at = leafOf(index); at !== root; at = parentOf(at)) {
      const uncle = siblingOf(at)
      if (endOf(uncle) > length && !known.has(uncle)) missing.add(uncle)
    }
  }
  return [...missing]
}

function sameBlock(a: readonly Uint8Array[], b: readonly Uint8Array[], index: number): boolean {
  return toHex(a[index] ?? emptyBytes) === toHex(b[index] ?? emptyBytes)
}

function refused(run: () => unknown): boolean {
  try {
    run()
    return false
  } catch (error) {
    return error instanceof ProofError && error.code === 'BAD_MESSAGE'
  }
}

function randomProof(random: SeededRandom, log: MemoryTree, start: number): Proof | null {
  const { length } = log.tree
  const upgrade =
    random.int(2) === 0 || start === 0 ? { start, length: 1 + random.int(length - start) } : null
  const request = { ...emptyRequest, upgrade }
  const kind = random.int(3)
  const index = random.int(upgrade === null ? start : length)
  const nodes = random.int(4)
  if (kind === 0) request.block = { index, nodes }
  else if (kind === 1) request.hash = { nodeIndex: random.int(2 * length - 1), nodes }
  try {
    const proof = requestTo(log, request, null)
    // Without an upgrade the reader has to know the top, which lies in its own tree.
    foldProof(log.at(start), proof)
    return proof
  } catch (error) {
    if (error instanceof ProofError) return null
    throw error
  }
}

/** Some nodes of the tree at a length, as a sparse reader has them. */
function knownPart(random: SeededRandom, log: MemoryTree, length: number): MemoryTree['nodes'] {
  const part = new MemoryTree().nodes
  for (const node of log.nodes.nodes.values()) {
    if (endOf(node.nodeIndex) <= length && random.int(3) === 0) part.put([node])
  }
  return part
}

function isSame(a: Node, b: Node): boolean {
  return toHex(a.hash) === toHex(b.hash) && a.byteLength === b.byteLength
}

/**
 * Whether a false proof does harm: 'unproven' leaves something to check that fails, 'harmless' passes with
 * true hashes and byte lengths only, 'untrue' passes with a false one.
 */
function judge(
  base: Tree,
  log: MemoryTree,
  proof: Proof,
  known: MemoryTree['nodes'] | null
): 'refused' | 'unproven' | 'harmless' | 'untrue' {
  try {
    const { nodes, mustMatch, upgraded } = foldProof(base, proof, known)
    if (mustMatch !== null) {
      const stored = log.nodes.peekNode(mustMatch.nodeIndex)
      if (stored === null || toHex(stored.hash) !== toHex(mustMatch.hash)) return 'unproven'
    }
    if (upgraded !== null && toHex(upgraded.rootHash) !== toHex(log.at(upgraded.length).rootHash)) {
      return 'unproven'
    }
    const untrue = nodes.some((node) => {
      const truth = log.nodes.peekNode(node.nodeIndex)
      return truth === null || !isSame(truth, node)
    })
    return untrue ? 'untrue' : 'harmless'
  } catch (error) {
    if (error instanceof ProofError) return 'refused'
    throw error
  }
}

function mutated(random: SeededRandom, proof: Proof): Proof {
  const { block, hash, upgrade } = proof
  const part = random.int(4)
  if (part === 0 && block !== null) {
    const value = random.int(2) === 0 ? random.bytes(1 + random.int(5)) : block.value
    const nodes = mutatedNodes(random, block.nodes)
    return { ...proof, block: { index: block.index + random.int(2), value, nodes } }
  }
  if (part === 1 && hash !== null) {
    return { ...proof, hash: { ...hash, nodes: mutatedNodes(random, hash.nodes) } }
  }
  if (upgrade !== null) {
    const changed =
      part === 2
        ? { nodes: mutatedNodes(random, upgrade.nodes) }
        : { additionalNodes: mutatedNodes(random, upgrade.additionalNodes) }
    return { ...proof, upgrade: { ...upgrade, ...changed } }
  }
  return block === null
    ? { ...proof, block: { index: random.int(50), value: random.bytes(3), nodes: [] } }
    : { ...proof, block: { ...block, value: random.bytes(31) } }
}

function mutatedNodes(random: SeededRandom, nodes: readonly Node[]): Node[] {
  const copy = [...nodes]
  const at = random.int(copy.length)
  const node = copy[at]
  if (node === undefined) {
    return [{ nodeIndex: random.int(100), byteLength: random.int(100), hash: random.bytes(32) }]
  }
  const kind = random.int(7)
  const beside = copy[at + 1]
  if (kind === 6 && beside !== undefined) {
    copy[at] = { ...node, byteLength: node.byteLength + 1 }
    copy[at + 1] = { ...beside, byteLength: Math.max(0, beside.byteLength - 1) }
  } else if (kind === 0) copy.splice(at, 1)
  else if (kind === 1) copy.splice(at, 0, node)
  else if (kind === 2) copy[at] = { ...node, nodeIndex: random.int(120) }
  else if (kind === 3) copy[at] = { ...node, byteLength: node.byteLength + 1 + random.int(5) }
  else if (kind === 4) copy.reverse()
  else copy[at] = { ...node, hash: node.hash.map((byte, i) => (i === 3 ? byte ^ 1 : byte)) }
  return copy
}

/** The first block that ends after the byte, or the end. */
function slowSeek(payloads: readonly Uint8Array[], byteOffset: number) {
  let rest = byteOffset
  for (const [index, payload] of payloads.entries()) {
    if (rest < payload.byteLength) return { index, byteOffset: rest }
    rest -= payload.byteLength
  }
  return rest === 0 ? { index: payloads.length, byteOffset: 0 } : null
}

/** A border may be told as the begin of an empty block: the same byte. */
function normal(
  payloads: readonly Uint8Array[],
  position: { readonly index: number; readonly byteOffset: number }
) {
  let { index } = position
  while (position.byteOffset === 0 && payloads[index]?.byteLength === 0) index++
  return { index, byteOffset: position.byteOffset }
}

test('a parent does not depend on who brings the room for its hash', (t) => {
  const log = MemoryTree.of([new Uint8Array(3), new Uint8Array(4)])
  const [left, right] = [log.nodes.peekNode(0), log.nodes.peekNode(2)]
  if (left === null || right === null) throw new Error('No leaves')
  const output = new Uint8Array(32)
  t.is(parentNode(left, right, output).hash, output)
  t.is(toHex(output), toHex(parentNode(left, right).hash))
})
