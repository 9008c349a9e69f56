// Download: a wish for a range of blocks that goes on until it is met or destroyed.
import type { Need } from '../replication/model/types.ts'
import { checkInteger, checkOptions } from '../util/options.ts'

export interface DownloadOptions {
  /** First block; 0 by default. */
  start?: number
  /** One past the last block; -1: whatever the log grows to. By default the length at the moment of the call. */
  end?: number
  /** From start to end in order; else as it suits. */
  linear?: boolean
  /** These blocks instead of a range. */
  blocks?: readonly number[]
  signal?: AbortSignal
}

export class Download {
  readonly #controller: AbortController = new AbortController()
  readonly #done: Promise<void>

  constructor(start: (signal: AbortSignal) => Promise<void>, signal?: AbortSignal) {
    const both =
      signal === undefined
        ? this.#controller.signal
        : AbortSignal.any([signal, this.#controller.signal])
    this.#done = start(both)
    this.#done.catch(() => {})
  }

  /**
   * Resolves when every block is stored here; never, for a range without end.
   * @throws AbortError once destroyed; StateError CLOSED if the log closes first
   */
  done(): Promise<void> {
    return this.#done
  }

  /** Stops asking for what is not here yet. Blocks that arrived stay. */
  destroy(): void {
    this.#controller.abort()
  }
}

const OPTIONS = ['start', 'end', 'linear', 'blocks', 'signal']

/** @throws ArgumentError INVALID_ARGUMENT or UNKNOWN_OPTION */
export function downloadNeed(options: DownloadOptions, length: number): Need {
  checkOptions(options, OPTIONS, 'download')
  const { blocks, linear = false } = options
  if (blocks !== undefined) return listNeed(blocks, linear)
  const { start = 0, end = length } = options
  checkInteger(start, 0, 'download: start')
  checkInteger(end, -1, 'download: end')
  return {
    kind: 'range',
    start,
    end: end === -1 ? Number.POSITIVE_INFINITY : Math.max(start, end),
    linear,
    blocks: null
  }
}

function listNeed(blocks: readonly number[], linear: boolean): Need {
  let start = Number.POSITIVE_INFINITY
  let end = 0
  for (const index of blocks) {
    checkInteger(index, 0, 'download: block')
    start = Math.min(start, index)
    end = Math.max(end, index + 1)
  }
  return { kind: 'range', start: blocks.length === 0 ? 0 : start, end, linear, blocks }
}
