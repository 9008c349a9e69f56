// What happens in a simulated swarm, as data that one seed decides: who is connected to whom over which lines, what is
// written, read, cleared and cut, and what breaks meanwhile. Peer 0 is the writer.
import type { LineOptions } from '../../../lib/sim/link.ts'
import { type SeededRandom, seededRandom } from '../../../lib/sim/random.ts'

export interface Edge {
  readonly from: number
  readonly to: number
  readonly line: LineOptions
}

export type Action =
  | { readonly kind: 'append'; readonly at: number; readonly count: number }
  /** To a share of the length that the log has by then. */
  | { readonly kind: 'truncate'; readonly at: number; readonly share: number }
  | { readonly kind: 'get'; readonly at: number; readonly peer: number; readonly index: number }
  | { readonly kind: 'seek'; readonly at: number; readonly peer: number; readonly offset: number }
  | {
      readonly kind: 'download' | 'clear'
      readonly at: number
      readonly peer: number
      readonly start: number
      readonly end: number
    }
  /** All blocks that ever come. */
  | { readonly kind: 'follow'; readonly at: number; readonly peer: number }
  | {
      readonly kind: 'crash'
      readonly at: number
      readonly peer: number
      readonly what: 'power' | 'process'
      readonly downMs: number
    }
  | { readonly kind: 'reset'; readonly at: number; readonly edge: number }
  /** Those with an odd bit hear nothing of those with an even one. */
  | { readonly kind: 'partition'; readonly at: number; readonly sides: readonly boolean[] }
  | { readonly kind: 'heal'; readonly at: number }

export interface Plan {
  readonly seed: number
  /** Nothing breaks, nothing is cut or cleared: then no question may be in vain, and no block come twice. */
  readonly isClean: boolean
  readonly peers: number
  readonly diskLatencyMs: number
  readonly maxBlockBytes: number
  readonly edges: readonly Edge[]
  readonly actions: readonly Action[]
  readonly stormMs: number
}

export interface PlanSize {
  readonly minPeers: number
  readonly maxPeers: number
  readonly maxStormMs: number
}

export const SMALL: PlanSize = { minPeers: 3, maxPeers: 12, maxStormMs: 240_000 }
export const LARGE: PlanSize = { minPeers: 200, maxPeers: 200, maxStormMs: 60_000 }

/** Dial-up to a local network; the first two lose and reorder. */
const LINES: readonly LineOptions[] = [
  { latencyMs: 300, jitterMs: 200, bytesPerSecond: 20_000, loss: 0.05 },
  { latencyMs: 80, jitterMs: 60, bytesPerSecond: 200_000, loss: 0.01 },
  { latencyMs: 40, jitterMs: 5, bytesPerSecond: 2_000_000 },
  { latencyMs: 1, jitterMs: 1, pieceBytes: 200 }
]
/** Lines on which no answer is late: what is asked twice on them is asked without need. */
const PROMPT_LINES: readonly LineOptions[] = [
  { latencyMs: 20, jitterMs: 10, bytesPerSecond: 10_000_000 },
  { latencyMs: 1, jitterMs: 1 }
]
const TRUNCATIONS = 3

export function planOf(seed: number, size: PlanSize = SMALL): Plan {
  const random = seededRandom(seed)
  const isClean = random.next() < 0.3
  const peers = size.minPeers + random.int(size.maxPeers - size.minPeers + 1)
  const stormMs = 5_000 + random.int(size.maxStormMs - 5_000)
  const edges = edgesOf(random, peers, isClean ? PROMPT_LINES : LINES)
  const makers = { random, peers, stormMs, edges: edges.length }
  const actions = [
    ...writing(makers, isClean),
    ...reading(makers, isClean),
    ...(isClean ? [] : breaking(makers))
  ]
  return {
    seed,
    isClean,
    peers,
    diskLatencyMs: isClean ? 1 : random.pick([0, 2, 30]),
    maxBlockBytes: isClean ? 500 : random.pick([1, 100, 4000]),
    edges,
    actions: actions.sort((a, b) => a.at - b.at),
    stormMs
  }
}

interface Makers {
  readonly random: SeededRandom
  readonly peers: number
  readonly stormMs: number
  readonly edges: number
}

/** A tree, so that all hear of all, and some more. */
function edgesOf(random: SeededRandom, peers: number, lines: readonly LineOptions[]): Edge[] {
  const edges: Edge[] = []
  const taken = new Set<number>()
  const add = (a: number, b: number): void => {
    const id = Math.min(a, b) * peers + Math.max(a, b)
    if (a === b || taken.has(id)) return
    taken.add(id)
    const [from, to] = random.next() < 0.5 ? [a, b] : [b, a]
    edges.push({ from, to, line: random.pick(lines) })
  }
  const isChain = random.next() < 0.2 && peers <= 20
  for (let peer = 1; peer < peers; peer++) add(peer, isChain ? peer - 1 : random.int(peer))
  for (let more = random.int(2 * peers); more > 0; more--) add(random.int(peers), random.int(peers))
  return edges
}

function writing({ random, stormMs }: Makers, isClean: boolean): Action[] {
  const actions: Action[] = [{ kind: 'append', at: 0, count: 1 + random.int(150) }]
  for (let more = random.int(12); more > 0; more--) {
    const count = 1 + random.int(random.next() < 0.7 ? 3 : 40)
    actions.push({ kind: 'append', at: random.int(stormMs), count })
  }
  if (isClean) return actions
  for (let cuts = random.int(TRUNCATIONS + 1); cuts > 0; cuts--) {
    actions.push({ kind: 'truncate', at: random.int(stormMs), share: random.next() })
  }
  return actions
}

function reading({ random, peers, stormMs }: Makers, isClean: boolean): Action[] {
  const actions: Action[] = []
  const at = (): number => random.int(stormMs)
  for (let peer = 1; peer < peers; peer++) {
    const kind = random.int(3)
    if (kind === 0) actions.push({ kind: 'follow', at: at(), peer })
    for (let gets = kind === 1 ? random.int(20) : 0; gets > 0; gets--) {
      actions.push({ kind: 'get', at: at(), peer, index: random.int(150) })
      if (random.next() < 0.2) {
        actions.push({ kind: 'seek', at: at(), peer, offset: random.int(30_000) })
      }
    }
    for (let ranges = kind === 2 ? random.int(4) : 0; ranges > 0; ranges--) {
      const start = random.int(100)
      const end = start + 1 + random.int(60)
      actions.push({ kind: 'download', at: at(), peer, start, end })
      if (!isClean && random.next() < 0.3)
        actions.push({ kind: 'clear', at: at(), peer, start, end })
    }
  }
  return actions
}

function breaking({ random, peers, stormMs, edges }: Makers): Action[] {
  const actions: Action[] = []
  const at = (): number => random.int(stormMs)
  for (let crashes = random.int(Math.min(peers, 8)); crashes > 0; crashes--) {
    const what = random.next() < 0.5 ? 'power' : 'process'
    const downMs = 100 + random.int(20_000)
    actions.push({ kind: 'crash', at: at(), peer: random.int(peers), what, downMs })
  }
  for (let resets = random.int(Math.min(peers, 12)); resets > 0; resets--) {
    actions.push({ kind: 'reset', at: at(), edge: random.int(edges) })
  }
  for (let partitions = random.int(3); partitions > 0; partitions--) {
    const begin = at()
    const sides = Array.from({ length: peers }, () => random.next() < 0.5)
    actions.push({ kind: 'partition', at: begin, sides })
    actions.push({ kind: 'heal', at: begin + random.int(40_000) })
  }
  return actions
}
