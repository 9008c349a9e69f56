// Standings: commits changes, and knows the standing as those under way leave it. The one place that makes new
// standings. Owner: Core.
import type { TreeHead } from '../../merkle/tree.ts'
import { type Change, emptyChange } from '../change.ts'
import type { Committer } from '../committer.ts'
import type { Durability } from '../durability.ts'
import type { Opened } from '../opening.ts'
import type { Standing } from './standing.ts'

export class Standings {
  readonly #opened: Opened
  readonly #committer: Committer
  #underWay: Standing | null = null

  constructor(opened: Opened, committer: Committer) {
    this.#opened = opened
    this.#committer = committer
  }

  /** The highest level that the storage can offer. */
  get strongest(): Durability {
    return this.#opened.files.canSync ? 'power' : 'memory'
  }

  get current(): Standing {
    return this.#underWay ?? this.#opened.state.standing
  }

  /** What a truncation of ours leads to: its fork number was never used by anybody else. Null: no change. */
  settled(): Standing | null {
    return this.current.behind === null ? null : { ...this.current, behind: null }
  }

  /** A head of ours from elsewhere is about to be taken: whoever has it may have more. Null: no change. */
  before(head: TreeHead): Standing | null {
    const { fence, keyPair } = this.#opened
    if (keyPair === null) return null
    fence.saw(head)
    if (fence.reason === this.current.behind) return null
    return { ...this.current, behind: fence.reason }
  }

  /** @throws as Committer.commit */
  async commit(change: Change, level: Durability = this.strongest): Promise<void> {
    if (change.standing !== null) this.#underWay = change.standing
    try {
      await this.#committer.commit(change, level)
    } catch (error) {
      // All that was waiting behind it is rejected, too.
      this.#underWay = null
      throw error
    }
  }

  async change(parts: Partial<Standing>): Promise<void> {
    const standing = { ...this.current, ...parts }
    await this.commit({ ...emptyChange(this.#committer.tip.length), standing })
  }
}
