// Histories: how a log stands to other histories under its key: one that conflicts with ours, one of a higher fork,
// one that goes on where ours was cut off or copied. Owner: Core. Design: reliability.md 6.4, 8 (R7 to R9).
import { StateError } from '../../errors.ts'
import type { Proof } from '../../merkle/proof.ts'
import { writeSecret } from '../../storage/secret-file.ts'
import type { Committer } from '../committer.ts'
import { RESUME_FORK_STEP } from '../constants.ts'
import type { Manifest } from '../manifest.ts'
import type { Opened } from '../opening.ts'
import { verifyForkProof } from '../verifier.ts'
import type { Accepted, Writer } from '../writer.ts'
import { compareHistories } from './conflict.ts'
import { encodeConflict } from './conflict-format.ts'
import { ForkSearch } from './fork-search.ts'
import type { Standings } from './standings.ts'

export interface HistoriesParts {
  readonly opened: Opened
  readonly committer: Committer
  readonly standings: Standings
  readonly writer: Writer
  /** As known now: a reader may learn it with a proof. */
  readonly manifest: () => Manifest | null
  /** Our own history, proven from nothing up to a length. */
  readonly proveUpTo: (length: number) => Promise<Proof | null>
}

export class Histories {
  readonly #parts: HistoriesParts

  constructor(parts: HistoriesParts) {
    this.#parts = parts
  }

  /**
   * Whether the proof shows, signed, another history than ours; then that is kept, and the log frozen, before this
   * resolves.
   * @throws ProofError if it is false
   */
  async judge(proof: Proof): Promise<'same' | 'unknown' | 'conflict'> {
    const { committer, opened, standings, writer, manifest, proveUpTo } = this.#parts
    const { fence, key, readOnly } = opened
    if (proof.fork <= fence.frozenFork) return 'unknown'
    const { tree } = opened.state
    const found = await compareHistories({ key, tree, manifest: manifest(), proveUpTo }, proof)
    if (found === 'same' || found === 'unknown') return found
    if (committer.tip.fork > found.fork || readOnly) return 'unknown'
    const { frozenFork } = fence
    // At once: nothing may be signed or taken in beside it, while it is being stored.
    fence.freeze(found.fork)
    try {
      await writer.settle()
      await standings.change({ conflict: encodeConflict(found) })
    } catch (error) {
      // It is found again at the next comparison; until then the log is as it was.
      fence.thawTo(frozenFork)
      throw error
    }
    return 'conflict'
  }

  /** Verifies the head of a higher fork, from nothing; null: it is not higher. @throws ProofError if it is false */
  async follow(proof: Proof): Promise<ForkSearch | null> {
    const { committer, opened, writer, manifest } = this.#parts
    if (proof.fork <= committer.tip.fork) return null
    const verified = verifyForkProof({ key: opened.key, manifest: manifest() }, proof)
    return ForkSearch.begin(committer.tip, writer.tipNodes, verified)
  }

  /** Moves to a fork whose ancestor is known. @throws StorageError if that cannot be kept */
  async moveTo(search: ForkSearch): Promise<Accepted> {
    const { committer, standings, writer } = this.#parts
    writer.assertChangeable()
    await writer.settle()
    const change = search.change()
    if (change === null || change.head === null || !search.isOf(committer.tip)) return 'outdated'
    const standing = standings.before(change.head.tree.head())
    await standings.commit({ ...change, standing })
    return 'stored'
  }

  /** Ends `behind`, and a conflict if `local` is trusted: see Core.resume. */
  async resume(trust: 'local' | 'peers'): Promise<void> {
    const { committer, opened, standings, writer } = this.#parts
    const { fence, files } = opened
    writer.assertChangeable()
    const keyPair = writer.ownKeyPair()
    const { fork, length } = committer.tip
    const { reason } = fence
    const how = reason === 'damaged' ? { fork: fork + RESUME_FORK_STEP } : {}
    const isFrozen = fork <= fence.frozenFork
    if (isFrozen && trust === 'peers') {
      throw new StateError('FROZEN', 'Of two signed histories none can be trusted as it is')
    }
    if (reason === null && !isFrozen) return
    fence.open()
    try {
      await writer.settle()
      if (trust === 'local') await writer.truncate(length, how)
      else await standings.change({ behind: null })
    } catch (error) {
      if (reason !== null) fence.shut(reason)
      throw error
    }
    if (files.secret.byteLength > 0) {
      await writeSecret(files.secret, { ...keyPair, place: await files.secretPlace() })
    }
  }
}
