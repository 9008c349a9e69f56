// Get: from a place to the leaf that a path leads to (spec hamt.md section 6.2).
import { FormatError } from '../errors.ts'
import { MAX_HOPS } from './constants.ts'
import { type Fragment, type InlineSpan, readFragment } from './fragment.ts'
import { type BranchView, type LeafView, readNode, rootPlace } from './node.ts'
import type { Path } from './path.ts'
import { pageFor, type Span } from './span.ts'
import type { Walk } from './walk.ts'

/** Where a walk enters: a block, and the level of the branch whose slot led to it; -1 at a head. */
export interface Entrance {
  readonly seq: number
  readonly depth: number
}

export function headEntrance(version: number): Entrance {
  return { seq: version - 1, depth: -1 }
}

/** What one block says about a path: a leaf, nothing, or the next block. */
type Step = LeafView | Entrance | null

/**
 * The leaf that the path leads to, whose key may be another's: see hasKey. Null: nothing is there.
 * @throws FormatError MALFORMED, TOO_DEEP
 */
export function* descend(path: Path, from: Entrance): Walk<LeafView | null> {
  let here = from
  let spans: readonly InlineSpan[] | null = null
  for (let hops = 0; hops < MAX_HOPS; hops++) {
    const page = spans === null || spans.length === 0 ? here : enterSpan(here, path, spans)
    if (page === null) return null
    const fragment = readFragment(yield page.seq, page.seq)
    spans ??= fragment.checkpoint?.spans ?? []
    const step = stepThrough(fragment, path, page.depth)
    if (step === null || 'kind' in step) return step
    if (step.seq >= page.seq) {
      throw new FormatError('MALFORMED', page.seq, `it leads on to block ${step.seq}`)
    }
    here = step
  }
  throw new FormatError('TOO_DEEP', here.seq, `more than ${MAX_HOPS} blocks lead to one key`)
}

/** A checkpoint commit whose root is a span known from the head need not be read. */
function enterSpan(here: Entrance, path: Path, spans: readonly InlineSpan[]): Entrance | null {
  for (const span of spans) {
    if (span.checkpoint === here.seq) return pageOf(span, path, here.depth)
  }
  return here
}

/** Down through the nodes of one block, as far as they go. */
function stepThrough(fragment: Fragment, path: Path, depth: number): Step {
  if (fragment.root < 0) return null
  let place = rootPlace(fragment)
  for (;;) {
    const node = readNode(fragment, place)
    if (node.kind === 'leaf') return node
    if (node.kind === 'alias') return { seq: node.target, depth }
    if (node.kind === 'span') return pageOf(node, path, depth)
    if (node.level >= path.byteLength) return null
    const slot = path[node.level]!
    if (!node.isLocal(slot)) return behindPointer(node, slot, depth)
    place = node.child(slot)
  }
}

function behindPointer(branch: BranchView, slot: number, depth: number): Entrance | null {
  const { level, fragment } = branch
  if (level <= depth) {
    throw new FormatError('MALFORMED', fragment.seq, `it does not hold what level ${level} says`)
  }
  return branch.isPointer(slot) ? { seq: branch.target(slot), depth: level } : null
}

function pageOf(span: Span, path: Path, depth: number): Entrance | null {
  const seq = pageFor(span, path)
  return seq < 0 ? null : { seq, depth: Math.max(depth, span.level + span.digits - 1) }
}
