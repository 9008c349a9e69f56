// The tree of a batch: that of the log up to where the batch stands, and its own blocks on top. What a batch and its log
// have in common, and what proves that, is seen from it.
import { leafOf, parentOf, siblingOf } from '../merkle/flat-tree.ts'
import { emptyRequest, type Proof } from '../merkle/proof.ts'
import { Tree } from '../merkle/tree.ts'
import { equalBytes } from '../util/bytes.ts'
import type { BatchView } from './batch-view.ts'
import { HypercoreError, translated } from './errors.ts'
import type { SharedCore } from './shared-core.ts'

/** At a length of the batch. @throws HypercoreError INVALID_OPERATION if the log's part is not known here */
export async function treeOf(core: SharedCore, batch: BatchView, length: number): Promise<Tree> {
  return (await extended(core, batch, length)).tree()
}

/**
 * Whether the log went the way of the batch since that was begun. If so, blocks that were the batch's, and that only peers
 * of the log have, are here afterwards.
 */
export async function joins(core: SharedCore, batch: BatchView): Promise<boolean> {
  const { log } = core
  const { length } = core.live
  if (length === batch.baseLength) return true
  if (length < batch.baseLength || length > batch.length) return false
  const tree = await extended(core, batch, length)
  if (!equalBytes(tree.tree().rootHash, await log.treeHash(length))) return false
  const nodes = new Map([...tree.base.roots, ...tree.nodes].map((node) => [node.nodeIndex, node]))
  const roots = new Set(tree.roots.map((root) => root.nodeIndex))
  for (let index = batch.baseLength; index < length; index++) {
    const value = batch.blockAt(index)
    if (value === null || log.has(index)) continue
    const uncles = []
    for (let at = leafOf(index); !roots.has(at); at = parentOf(at)) {
      const uncle = nodes.get(siblingOf(at))
      if (uncle !== undefined) uncles.push(uncle)
    }
    const block = { index, value, nodes: uncles }
    await translated(log.accept(proofOf(core.fork, block)), core.discoveryKey)
  }
  return true
}

async function extended(
  core: SharedCore,
  batch: BatchView,
  length: number
): Promise<ReturnType<Tree['extend']>> {
  const below = Math.min(length, batch.baseLength)
  const tree = (await treeAt(core, below)).extend()
  tree.appendAll(batch.blocksFrom(below, length))
  return tree
}

async function treeAt(core: SharedCore, length: number): Promise<Tree> {
  const { fork, log, discoveryKey } = core
  if (length === 0) return Tree.empty(fork)
  const request = { ...emptyRequest, fork, upgrade: { start: 0, length } }
  const proof = await translated(log.prove(request), discoveryKey)
  if (proof?.upgrade == null) {
    throw new HypercoreError('INVALID_OPERATION', `The tree at ${length} is not known here`, {
      discoveryKey
    })
  }
  return new Tree(fork, length, proof.upgrade.nodes)
}

function proofOf(fork: number, block: NonNullable<Proof['block']>): Proof {
  return { fork, block, hash: null, seek: null, upgrade: null, manifest: null }
}
