// Writer: makes the changes of a log: append, truncate, clear, accept. Each is computed on the committer's tip,
// signed where it has to be, and committed in the same turn, so nothing can come between. What was waiting when
// the tip fell back is made again or given up. Owner: Core. Design: architecture.md section 6.
import type { KeyPair } from '../crypto/key-pair.ts'
import { ArgumentError, ProofError, StateError } from '../errors.ts'
import type { Node } from '../merkle/node.ts'
import type { Proof } from '../merkle/proof.ts'
import type { SignedHead, Tree, TreeHead } from '../merkle/tree.ts'
import type { NodeSource } from '../storage/node-source.ts'
import { copyOf } from '../util/bytes.ts'
import { type AcceptContext, changeNow, changeOf, isEmpty } from './acceptance.ts'
import type { BlockReader } from './block-reader.ts'
import { type Change, emptyChange } from './change.ts'
import type { Committer } from './committer.ts'
import { MAX_BLOCK_BYTES, MAX_BLOCKS_PER_APPEND, MAX_COUNT } from './constants.ts'
import type { Durability } from './durability.ts'
import { signHead, verifyHead } from './head-signature.ts'
import type { Standings } from './histories/standings.ts'
import type { Manifest } from './manifest.ts'
import { Offsets } from './offsets.ts'
import type { Opened } from './opening.ts'
import { checkUserData, type UserDataChange } from './user-data.ts'

export interface WriterParts {
  readonly opened: Opened
  readonly committer: Committer
  readonly reader: BlockReader
  /** As known now: a reader may learn it with a proof. */
  readonly manifest: () => Manifest | null
  readonly standings: Standings
}

export type Accepted = 'stored' | 'already-here' | 'outdated'

/** Makes a block of a text, once its place in the log is certain. */
export type Seal = (text: Uint8Array, at: { index: number; fork: number }) => Uint8Array

/** Who signs a head: the log's own key pair unless something else is given. */
export interface Signing {
  /** Of a signer who can sign alone. */
  readonly keyPair?: KeyPair
  /** Made elsewhere, for exactly this head. */
  readonly signature?: Uint8Array
}

export interface AppendHow extends Signing {
  readonly seal?: Seal
  /** The length that the log must have by then. */
  readonly ifLength?: number
}

export interface TruncateHow extends Signing {
  readonly fork?: number
}

export class Writer {
  readonly #parts: WriterParts
  /** Stored nodes, with those of changes under way laid over them. */
  readonly tipNodes: NodeSource
  readonly #tipOffsets: Offsets
  #tipOffsetsOf = 0
  #isSettled: boolean
  #settling: Promise<void> | null = null

  constructor(parts: WriterParts) {
    this.#parts = parts
    this.#isSettled = parts.opened.isClean
    const { committer } = parts
    const { nodes } = parts.opened.state
    this.tipNodes = {
      getNodes: (nodeIndexes) => this.#getTipNodes(nodeIndexes),
      peekNode: (nodeIndex) => committer.pendingNode(nodeIndex) ?? nodes.peekNode(nodeIndex)
    }
    this.#tipOffsets = new Offsets({
      getNodes: (nodeIndexes) => this.#getTipNodes(nodeIndexes),
      findByteLength: (nodeIndex) =>
        committer.pendingNode(nodeIndex)?.byteLength ?? nodes.findByteLength(nodeIndex)
    })
  }

  /** Brings what recovery replayed into the files. @throws StorageError WRITE_FAILED */
  settle(): Promise<void> {
    if (this.#isSettled) return Promise.resolve()
    this.#settling ??= this.#parts.committer
      .settle()
      .then(() => {
        this.#isSettled = true
      })
      .finally(() => {
        this.#settling = null
      })
    return this.#settling
  }

  async append(
    texts: readonly Uint8Array[],
    level: Durability,
    how: AppendHow
  ): Promise<SignedHead> {
    this.assertWritable(how)
    assertBlocks(texts)
    if (!this.#isSettled) await this.settle()
    const base = this.#parts.committer.tip
    assertLength(base, how.ifLength)
    const blocks = sealAll(texts, base, how.seal)
    const batch = base.extend()
    batch.appendAll(blocks)
    const tree = batch.tree()
    const change: Change = {
      nodes: batch.nodes,
      manifest: null,
      head: { tree, signature: this.#sign(tree, how) },
      ancestor: base.length,
      presence: { start: base.length, length: blocks.length, present: true },
      blocks: { byteOffset: base.byteLength, parts: blocks },
      standing: null,
      userData: null,
      isAppend: true
    }
    return this.#commitHead(change, tree, level)
  }

  /** The head that an append of these would make now. */
  draftAppend(texts: readonly Uint8Array[], seal?: Seal): TreeHead {
    assertBlocks(texts)
    const base = this.#parts.committer.tip
    const batch = base.extend()
    batch.appendAll(sealAll(texts, base, seal))
    return batch.tree().head()
  }

  /** The head that cutting to that length would make. @throws ArgumentError, StateError BEHIND */
  async draftTruncate(length: number, fork?: number): Promise<TreeHead> {
    return (await this.#cutTo(length, fork)).head()
  }

  async truncate(length: number, how: TruncateHow): Promise<SignedHead> {
    this.assertWritable(how)
    await this.settle()
    await this.#parts.committer.idle()
    const base = this.#parts.committer.tip
    const tree = await this.#cutTo(length, how.fork)
    if (this.#parts.committer.tip !== base) return this.truncate(length, how)
    const head = { tree, signature: this.#sign(tree, how) }
    const change = { ...emptyChange(length), head, standing: this.#parts.standings.settled() }
    return this.#commitHead(change, tree, this.#parts.standings.strongest)
  }

  async #cutTo(length: number, fork?: number): Promise<Tree> {
    const base = this.#parts.committer.tip
    const newFork = fork ?? base.fork + 1
    if (!isCount(length, base.length) || !isCount(newFork, MAX_COUNT) || newFork <= base.fork) {
      throw new ArgumentError(
        'INVALID_ARGUMENT',
        `Cannot truncate from ${base.length} to ${length} under fork ${newFork}`
      )
    }
    const cut = await this.#parts.reader.treeAt(length)
    if (cut === null) {
      throw new StateError('BEHIND', `The roots at length ${length} are not stored`)
    }
    return cut.withFork(newFork)
  }

  async clear(start: number, end: number): Promise<void> {
    this.assertChangeable()
    const tip = this.#parts.committer.tip
    if (!isCount(start, MAX_COUNT) || !isCount(end, MAX_COUNT)) {
      throw new ArgumentError('INVALID_ARGUMENT', `Cannot clear blocks ${start} to ${end}`)
    }
    await this.settle()
    const length = Math.min(end, tip.length) - start
    if (length > 0) await this.#commitAbsent(start, length, this.#parts.standings.strongest)
  }

  /** @throws ArgumentError INVALID_ARGUMENT, LIMIT_EXCEEDED */
  async setUserData(userData: UserDataChange): Promise<void> {
    this.assertChangeable()
    await this.settle()
    const { committer, opened, standings } = this.#parts
    checkUserData(opened.state.userData, userData)
    await committer.commit({ ...emptyChange(committer.tip.length), userData }, standings.strongest)
  }

  /** The block is damaged: it is not held any more. */
  async drop(index: number): Promise<void> {
    this.assertChangeable()
    await this.settle()
    await this.#commitAbsent(index, 1, 'process')
  }

  async accept(proof: Proof): Promise<Accepted> {
    this.assertChangeable()
    if (!this.#isSettled) await this.settle()
    const { committer, opened, standings } = this.#parts
    const { tip, generation } = committer
    if (proof.fork <= opened.fence.frozenFork) return 'outdated'
    const context = this.#acceptContext()
    // Without waiting where that can be: then proofs that come in one turn may build on each other.
    let change = changeNow(context, proof)
    if (change === undefined) {
      change = await changeOf(context, proof)
      this.assertChangeable()
    }
    if (change === null || generation !== committer.generation) return 'outdated'
    if (proof.fork <= opened.fence.frozenFork) return 'outdated'
    if (change.head !== null && committer.tip !== tip) return 'outdated'
    if (isEmpty(change) || this.#isKnown(change)) return 'already-here'
    if (change.head === null) {
      await committer.commit({ ...change, ancestor: committer.tip.length }, 'process')
    } else {
      const standing = standings.before(change.head.tree.head())
      await standings.commit({ ...change, standing })
    }
    return 'stored'
  }

  /** Checks a proof as accept does, and keeps nothing. @throws ProofError */
  async verify(proof: Proof): Promise<void> {
    const context = this.#acceptContext()
    if (changeNow(context, proof) === undefined) await changeOf(context, proof)
  }

  #acceptContext(): AcceptContext {
    const { committer, opened, manifest } = this.#parts
    if (committer.generation !== this.#tipOffsetsOf) {
      this.#tipOffsets.cut(0)
      this.#tipOffsetsOf = committer.generation
    }
    return {
      tree: committer.tip,
      nodes: this.tipNodes,
      key: opened.key,
      manifest: manifest(),
      offsets: this.#tipOffsets
    }
  }

  async #commitHead(change: Change, tree: Tree, level: Durability): Promise<SignedHead> {
    const { committer, opened, standings } = this.#parts
    try {
      await standings.commit(change, level)
    } catch (error) {
      opened.fence.withdrawTo(committer.tip.head())
      throw error
    }
    const { fork, length, byteLength, rootHash } = tree
    return { fork, length, byteLength, rootHash, signature: change.head!.signature }
  }

  async #commitAbsent(start: number, length: number, level: Durability): Promise<void> {
    const { committer } = this.#parts
    const presence = { start, length, present: false }
    await committer.commit({ ...emptyChange(committer.tip.length), presence }, level)
  }

  /** @throws StateError; ProofError BAD_SIGNATURE */
  #sign(tree: Tree, how: Signing): Uint8Array {
    const { fence, key } = this.#parts.opened
    const manifest = this.#parts.manifest()
    if (manifest === null) throw new StateError('NOT_WRITABLE', 'The manifest is not known')
    const head = tree.head()
    if (how.signature !== undefined) {
      if (!verifyHead(manifest, key, tree, how.signature)) {
        throw new ProofError('BAD_SIGNATURE', `The signature is not for length ${tree.length}`)
      }
      fence.allow(head)
      return copyOf(how.signature)
    }
    const keyPair = how.keyPair ?? this.ownKeyPair()
    fence.allow(head)
    return signHead(manifest, key, head, keyPair)
  }

  #isKnown(change: Change): boolean {
    const { state } = this.#parts.opened
    if (change.head !== null || change.manifest !== null || change.presence === null) return false
    return state.holds(change.presence.start)
  }

  async #getTipNodes(nodeIndexes: readonly number[]): Promise<(Node | null)[]> {
    const { committer, opened } = this.#parts
    const pending = nodeIndexes.map((nodeIndex) => committer.pendingNode(nodeIndex))
    const stored = await opened.state.nodes.getNodes(nodeIndexes)
    return stored.map((node, i) => pending[i] ?? node)
  }

  /** @throws StateError NOT_WRITABLE */
  assertWritable(how: Signing = {}): void {
    this.assertChangeable()
    if (how.signature === undefined && how.keyPair === undefined) this.ownKeyPair()
  }

  /** @throws StateError NOT_WRITABLE */
  ownKeyPair(): KeyPair {
    const { keyPair } = this.#parts.opened
    if (keyPair === null) {
      throw new StateError('NOT_WRITABLE', 'There is no key pair for this log')
    }
    return keyPair
  }

  /** @throws StateError NOT_WRITABLE */
  assertChangeable(): void {
    if (this.#parts.opened.readOnly) {
      throw new StateError('NOT_WRITABLE', 'The log is open read only')
    }
  }
}

function assertBlocks(blocks: readonly Uint8Array[]): void {
  if (blocks.length > MAX_BLOCKS_PER_APPEND) {
    throw new ArgumentError(
      'LIMIT_EXCEEDED',
      `${blocks.length} blocks in one append, at most ${MAX_BLOCKS_PER_APPEND} are allowed`
    )
  }
  for (const block of blocks) {
    if (block.byteLength > MAX_BLOCK_BYTES) {
      throw new ArgumentError(
        'LIMIT_EXCEEDED',
        `A block of ${block.byteLength} bytes, at most ${MAX_BLOCK_BYTES} are allowed`
      )
    }
  }
}

function assertLength({ length }: Tree, wanted: number | undefined): void {
  if (wanted === undefined || wanted === length) return
  throw new StateError('OUTDATED', `The log has ${length} blocks by now, not ${wanted}`)
}

function sealAll(
  texts: readonly Uint8Array[],
  { length, fork }: Tree,
  seal: Seal | undefined
): readonly Uint8Array[] {
  if (seal === undefined) return texts
  return texts.map((text, i) => seal(text, { index: length + i, fork }))
}

function isCount(value: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= most
}
