// Two histories under one key are told from one history, and from false accusations.
import { type Assertions, test } from 'brittle'
import { type ConflictContext, isConflict } from '../../lib/core/conflict.ts'
import { Core } from '../../lib/core/core.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { emptyRequest, type Proof } from '../../lib/merkle/proof.ts'
import { Tree } from '../../lib/merkle/tree.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { memoryStorage } from '../../lib/storage/memory-storage.ts'
import { fromUtf8 } from '../../lib/util/bytes.ts'

const keyPair = createKeyPair(new Uint8Array(32).fill(3))

async function logOf(t: Assertions, texts: readonly string[]): Promise<Core> {
  const core = await Core.open(await LogFiles.open(memoryStorage()), { keyPair })
  t.teardown(() => core.close())
  await core.append(texts.map(fromUtf8))
  return core
}

/** The tree at each length is rebuilt from the texts. */
function contextOf({ key, manifest, tree }: Core, texts: readonly string[]): ConflictContext {
  const treeAt = (length: number): Promise<Tree | null> => {
    const batch = Tree.empty().extend()
    batch.appendAll(texts.slice(0, length).map(fromUtf8))
    return Promise.resolve(batch.tree())
  }
  return { key, manifest, tree, treeAt }
}

async function upTo(core: Core, length: number): Promise<Proof> {
  const proof = await core.prove({ ...emptyRequest, upgrade: { start: 0, length } })
  if (proof === null) throw new Error('The log cannot be proven')
  return proof
}

test('a conflict is what the signature proves, and nothing else', async (t) => {
  const ours = ['a', 'b', 'c', 'd', 'e']
  const local = await logOf(t, ours)
  const other = await logOf(t, ['a', 'b', 'c', 'X', 'Y', 'Z'])
  const context = contextOf(local, ours)

  t.ok(await isConflict(context, await upTo(other, 5)), 'another history')
  t.ok(await isConflict(context, await upTo(other, 4)))
  t.absent(await isConflict(context, await upTo(other, 3)), 'the same up to there')
  t.absent(await isConflict(context, await upTo(other, 6)), 'longer than ours: not comparable')
  t.absent(await isConflict(context, await upTo(local, 5)), 'our own history')

  const proof = await upTo(other, 5)
  const signature = proof.upgrade!.signature.slice()
  signature[10]! ^= 1
  const forged = { ...proof, upgrade: { ...proof.upgrade!, signature } }
  t.absent(await isConflict(context, forged), 'a false signature accuses nobody')
  t.absent(await isConflict(context, { ...proof, fork: 1 }), 'another fork is another history')
  t.absent(await isConflict(context, { ...proof, upgrade: null }))
  const unknown = { ...context, treeAt: () => Promise.resolve(null) }
  t.absent(await isConflict(unknown, proof), 'we could not prove our side')
})
