// What a child of kill.real.test.ts said before it died, and whether a log is as it then may be.
import type { Core } from '../../lib/core/core.ts'
import { sameBytes } from '../helpers/replication.ts'
import { killBlock } from './kill-block.ts'

/** Who wrote each block of the log. */
export type Content = readonly { readonly generation: number; readonly call: number }[]

export interface Life {
  readonly opened: number
  /** The log after each call, from before the first on. */
  readonly states: readonly Content[]
  /** How many calls are acknowledged, those before them included. */
  readonly done: number
  readonly calls: number
  /** Writes in all, if it was not killed. */
  readonly writes: number | null
}

export function lifeOf(text: string, generation: number, before: Content): Life {
  const states: Content[] = [before]
  let [opened, done, writes]: [number, number, number | null] = [-1, 0, null]
  // A last line without its end was not said.
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    const [word, a, b, c, d] = line.split(' ')
    const last = states.at(-1)!
    if (word === 'open') opened = Number(a)
    else if (word === 'end') writes = Number(a)
    else if (word === 'done') done = Math.max(done, Number(a) + 1)
    else if (word === 'call' && b === 'truncate') states.push(last.slice(0, Number(c)))
    else if (word === 'call') {
      const added = Array.from({ length: Number(d) }, () => ({ generation, call: Number(a) }))
      states.push([...last, ...added])
    }
  }
  return { opened, states, done, calls: states.length - 1, writes }
}

/** The state that the log is in, of those that it may be in; null and a word if it is in none. */
export async function stateOf(
  log: Core,
  life: Life
): Promise<{ content: Content | null; what: string }> {
  const blocks: Uint8Array[] = []
  for (let index = 0; index < log.tree.length; index++) {
    const block = await log.read(index)
    if (block === null) return { content: null, what: `block ${index} is not there` }
    blocks.push(block)
  }
  if (log.damages.length > 0) return { content: null, what: 'damage' }
  for (const content of life.states.slice(life.done)) {
    if (content.length !== blocks.length) continue
    const fits = content.every(({ generation, call }, index) =>
      sameBytes(blocks[index]!, killBlock(index, generation, call))
    )
    if (fits) return { content, what: '' }
  }
  return {
    content: null,
    what: `length ${blocks.length}, ${life.done} of ${life.calls} calls done`
  }
}
